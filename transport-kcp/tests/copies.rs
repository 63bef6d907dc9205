//! Over KCP too, small packets travel more often where the network loses some; datagrams never do.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use tssh_conformance::{Air, CAFE, Couple, DELAY, HOME, Lab, Peer, Weather, soon};
use tssh_core::proxy::network::Event;
use tssh_core::proxy::send_copies;
use tssh_transport_kcp::Kcp;

#[tokio::test(start_paused = true)]
async fn a_datagram_is_never_repeated() {
    let rig = Couple::fair(&Kcp::default(), 2).await;
    let pipe = &rig.client_pipe;
    pipe.copies().handle_lost(20);
    let send = async {
        // A stream brings the conversation about.
        let mut stream = rig.client.open().await.unwrap();
        stream.write_all(&[1]).await.unwrap();
        sleep(S).await;
        let before = pipe.copies().made();
        assert!(before > 0);
        let (near, far) = (rig.client.datagrams(), rig.server.datagrams());
        let (near, far) = (near.unwrap(), far.unwrap());
        for name in 0..20 {
            near.send(Bytes::copy_from_slice(&[name; 40])).unwrap();
            assert_eq!(soon(far.recv()).await.unwrap(), [name; 40][..]);
            sleep(50 * MS).await;
        }
        assert_eq!(pipe.copies().made(), before);
    };
    tokio::select! {
        () = send => {}
        () = send_copies(pipe) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_loses_nothing_sees_no_copies_of_the_pipe_after_moves_either() {
    for seed in 0..8 {
        let mut lab = Lab::new(&Kcp::default(), Peer::Ours, seed).await;
        let pipes = [lab.pipe.clone(), lab.server_pipe.clone()];
        for pipe in &pipes {
            pipe.copies().handle_agreed();
        }
        for address in [CAFE, HOME, CAFE] {
            for _ in 0..10 {
                lab.echo_of_a_key().await;
                sleep(200 * MS).await;
            }
            lab.network.set_addresses(&[address]);
            lab.tell(Event::Changed).await;
        }
        sleep(10 * S).await;
        lab.echo_of_a_key().await;
        let made = pipes.map(|pipe| pipe.copies().made());
        assert_eq!(made, [0, 0], "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn between_our_own_programs_the_first_losses_of_a_path_cost_no_key_its_time() {
    let (mut late, mut most) = (0, Duration::ZERO);
    for seed in 0..12 {
        let weather = Weather {
            loss: 0.05,
            ..Weather::fair(DELAY)
        };
        let rig = Couple::new(&Kcp::default(), Air::new(weather, seed)).await;
        let pipes = [&rig.client_pipe, &rig.server_pipe];
        for pipe in pipes {
            pipe.copies().handle_agreed();
        }
        let (mut near, mut far) = (rig.client.open().await.unwrap(), None);
        let typing = async {
            for _ in 0..60 {
                let typed = Instant::now();
                near.write_all(b"k").await.unwrap();
                let far = match &mut far {
                    Some(far) => far,
                    none => none.insert(rig.server.accept().await.unwrap()),
                };
                let key = far.read_u8().await.unwrap();
                far.write_u8(key).await.unwrap();
                near.read_u8().await.unwrap();
                let waited = typed.elapsed();
                late += u32::from(waited > 2 * DELAY + 12 * MS);
                most = most.max(waited);
                sleep(100 * MS).await;
            }
        };
        tokio::select! {
            () = typing => {}
            () = send_copies(pipes[0]) => {}
            () = send_copies(pipes[1]) => {}
        }
        assert!(pipes.iter().all(|pipe| pipe.copies().is_active()));
    }
    assert!(late <= 4, "{late} of 720 keys were late, up to {most:?}");
}

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
