//! What a connection costs while nobody uses it, and how little it costs while somebody types.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::time::sleep;
use tssh_conformance::{Air, Couple, DELAY, Direction, Weather, soon};
use tssh_transport_kcp::Kcp;

#[tokio::test(start_paused = true)]
async fn an_idle_connection_sends_nothing_and_never_wakes() {
    let rig = Couple::fair(&Kcp::default(), 1).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');
    sleep(S).await;
    let parks = || Handle::current().metrics().worker_park_count(0);
    let sent = || [Direction::There, Direction::Back].map(|way| rig.air.sent(way));
    let before = (parks(), sent());
    sleep(1000 * S).await;
    // The sleep of this test itself is looked at a few times on its way through the runtime's wheel.
    assert!(parks() - before.0 <= 8, "{} times", parks() - before.0);
    assert_eq!(sent(), before.1);
}

#[tokio::test(start_paused = true)]
async fn an_echo_takes_three_packets_and_their_copies_unless_the_pipes_make_them() {
    let air = Air::new(Weather::fair(DELAY), 2);
    let rig = Couple::new(&Kcp::default(), air).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');
    let sent = || [Direction::There, Direction::Back].map(|way| rig.air.sent(way));
    for (agreed, pause, exactly) in [
        (false, 2 * S, [2, 1]),
        (false, S / 4, [3, 2]),
        // Nothing is known of a new path.
        (true, S / 4, [3, 2]),
        (true, S / 4, [2, 1]),
    ] {
        for pipe in [&rig.client_pipe, &rig.server_pipe]
            .into_iter()
            .filter(|_| agreed)
        {
            pipe.copies().handle_agreed();
            if exactly == [2, 1] {
                pipe.copies().handle_arrived(128);
            }
        }
        sleep(2 * S).await;
        far.write_all(b"!").await.unwrap();
        near.read_u8().await.unwrap();
        sleep(pause).await;
        let before = sent();
        near.write_all(b"k").await.unwrap();
        far.read_u8().await.unwrap();
        far.write_all(b"k").await.unwrap();
        soon(near.read_u8()).await.unwrap();
        sleep(S).await;
        let spent = [0, 1].map(|way| sent()[way] - before[way]);
        assert_eq!(spent, exactly, "after {pause:?}, agreed: {agreed}");
    }
}

#[tokio::test(start_paused = true)]
async fn bulk_is_not_sent_twice() {
    let rig = Couple::fair(&Kcp::default(), 3).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');
    let before = rig.air.sent(Direction::There);
    let mut heard = vec![0; 2_000_000];
    let write = async { near.write_all(&vec![1; 2_000_000]).await.unwrap() };
    let ((), read) = soon(async { tokio::join!(write, far.read_exact(&mut heard)) }).await;
    read.unwrap();
    let packets = rig.air.sent(Direction::There) - before;
    assert!(packets < 2_000_000 / 1100 + 60, "{packets} packets");
}

const S: Duration = Duration::from_secs(1);
