//! Over KCP too, small packets travel more often where the network loses some; datagrams never do.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod rig;

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use tssh_conformance::{Air, Weather};
use tssh_core::proxy::send_copies;
use tssh_core::transport::Stream;
use tssh_transport_kcp::Kcp;

use rig::{Rig, soon};

#[test]
fn of_a_hundred_keys_with_one_packet_in_twenty_lost_all_but_one_are_at_most_12_ms_late() {
    let weather = Weather {
        loss: 0.05,
        ..Weather::fair(50 * MS)
    };
    let waits = of_learned_keys(weather);
    assert!(at(&waits, 99) <= 112 * MS, "{:?}", at(&waits, 99));
}

#[test]
fn with_one_packet_in_five_lost_all_but_one_key_in_a_hundred_need_one_round_trip() {
    let weather = Weather {
        loss: 0.2,
        jitter: 30 * MS,
        ..Weather::fair(150 * MS)
    };
    let waits = of_learned_keys(weather);
    assert!(at(&waits, 99) <= 450 * MS, "{:?}", at(&waits, 99));
}

#[test]
fn where_nothing_is_lost_the_pipe_repeats_nothing() {
    let (_, made) = virtually(keys(Weather::fair(50 * MS), 1, 100));
    assert_eq!(made, [0, 0]);
}

#[test]
fn a_datagram_is_never_repeated() {
    virtually(async {
        let rig = Rig::fair(2).await;
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
    });
}

/// How long the echoes of 1000 keys took, in order of length, where both sides know of the loss.
fn of_learned_keys(weather: Weather) -> Vec<Duration> {
    let mut waits = Vec::new();
    for seed in 0..5 {
        waits.extend(virtually(keys(weather, seed, 260)).0.split_off(60));
    }
    waits.sort();
    waits
}

/// How long the echo of each key took, and how many copies each side made.
async fn keys(weather: Weather, seed: u64, count: u32) -> (Vec<Duration>, [u64; 2]) {
    let rig = Rig::new(Air::new(weather, seed), &Kcp::default()).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(&[0]).await.unwrap();
    let far = soon(rig.server.accept()).await.unwrap();
    let typing = async {
        let mut waits = Vec::new();
        assert_eq!(soon(near.read_u8()).await.unwrap(), 0);
        for key in 0..count {
            sleep((150 + 37 * key % 100) * MS).await;
            let typed_at = Instant::now();
            near.write_all(&[key as u8]).await.unwrap();
            assert_eq!(soon(near.read_u8()).await.unwrap(), key as u8);
            waits.push(typed_at.elapsed());
        }
        waits
    };
    let pipes = [&rig.client_pipe, &rig.server_pipe];
    tokio::select! {
        waits = typing => (waits, pipes.map(|pipe| pipe.copies().made())),
        () = echo(far) => unreachable!("the connection has ended"),
        () = send_copies(pipes[0]) => unreachable!("it never ends"),
        () = send_copies(pipes[1]) => unreachable!("it never ends"),
    }
}

async fn echo(mut stream: Stream) {
    while let Ok(key) = stream.read_u8().await {
        stream.write_all(&[key]).await.unwrap();
    }
}

fn at(waits: &[Duration], share: usize) -> Duration {
    waits[(waits.len() - 1) * share / 100]
}

fn virtually<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future)
}

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
