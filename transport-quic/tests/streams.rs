//! Streams, beyond what every transport owes (`conformance.rs`): how a direction breaks off, what has arrived, and how many.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::future::poll_fn;
use std::io::ErrorKind as IoErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tssh_conformance::{Couple, Over, Rig, play_by_name, soon, stage};
use tssh_core::transport::Stream;
use tssh_transport_quic::{Config, Congestion, Quic};

#[tokio::test(start_paused = true)]
async fn a_direction_that_breaks_is_told_apart_from_one_that_ends() {
    let rig = Couple::fair(&Quic::default(), 17).await;
    let (mut near, mut far) = pair(&rig).await;
    far.writer.reset();
    let error = soon(near.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), IoErrorKind::ConnectionReset);

    near.write_all(b"more").await.unwrap();
    near.shutdown().await.unwrap();
    let mut heard = Vec::new();
    soon(far.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"0more");

    let (mut near, far) = pair(&rig).await;
    drop(far);
    assert_eq!(soon(near.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_known_to_have_arrived_only_once_it_has() {
    let rig = Couple::fair(&Quic::default(), 19).await;
    let (mut near, mut far) = pair(&rig).await;
    rig.air.set_dark(true);
    near.write_all(b"more").await.unwrap();
    near.shutdown().await.unwrap();
    let mut delivered = std::pin::pin!(poll_fn(|cx| near.writer.poll_delivered(cx)));
    let waiting = timeout(Duration::from_secs(5), &mut delivered);
    assert!(waiting.await.is_err());

    rig.air.set_dark(false);
    soon(delivered).await;
    rig.client.close().await;
    let mut heard = [0; 5];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"0more");
}

#[tokio::test(start_paused = true)]
async fn many_streams_that_nobody_reads_do_not_stop_their_neighbours() {
    let rig = Couple::fair(&Quic::default(), 18).await;
    let mut stuck = Vec::new();
    for _ in 0..12 {
        let (mut near, far) = pair(&rig).await;
        let filled = async { while near.write_all(&[0; 65536]).await.is_ok() {} };
        assert!(timeout(Duration::from_secs(30), filled).await.is_err());
        stuck.push((near, far));
    }
    let (mut near, mut far) = pair(&rig).await;
    near.write_all(b"key").await.unwrap();
    let mut heard = [0; 4];
    soon(far.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"0key");
}

/// Both ends of a new stream; the client has written `0`.
async fn pair(rig: &Couple) -> (Stream, Stream) {
    let mut near = soon(rig.client.open()).await.unwrap();
    near.write_all(b"0").await.unwrap();
    let far = soon(rig.server.accept()).await.unwrap();
    (near, far)
}

/// quinn ends a connection whose streams have over 1024 gaps: the receive window keeps them below, at BBR's speed too.
#[test]
fn bulk_at_the_speed_of_bbr_survives_the_sudden_loss_of_every_second_packet() {
    fn bbr(seed: u64) -> Rig {
        let config = Config::default().with_congestion(Congestion::Bbr);
        Rig::new(Quic::new(config.with_insecure_seed(seed)))
    }
    let name = "bulk_at_full_speed_survives_the_sudden_loss_of_every_second_packet";
    play_by_name(name, Over::Udp, stage!(bbr));
}
