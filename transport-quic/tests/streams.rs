//! Streams, beyond what every transport owes (`conformance.rs`): how a direction breaks off, who opens, and how many.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod rig;

use std::future::poll_fn;
use std::io::ErrorKind as IoErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tssh_conformance::{Air, Weather};
use tssh_core::transport::{ErrorKind, Priority, Stream};
use tssh_transport_quic::{Config, Congestion, Quic};

use rig::{DELAY, Rig, soon};

#[tokio::test(start_paused = true)]
async fn a_direction_that_breaks_is_told_apart_from_one_that_ends() {
    let rig = Rig::fair(17).await;
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
    let rig = Rig::fair(19).await;
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
    let rig = Rig::fair(18).await;
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

#[tokio::test(start_paused = true)]
async fn a_key_overtakes_bulk_that_waits_for_the_path() {
    let weather = Weather {
        rate: Some(1_000_000),
        queue: 40_000,
        ..Weather::fair(DELAY)
    };
    let rig = Rig::new(Air::new(weather, 4), &Quic::default()).await;
    let (mut bulk, mut sink) = pair(&rig).await;
    let (mut near, mut far) = pair(&rig).await;
    assert_eq!(soon(far.read_u8()).await.unwrap(), b'0');
    near.writer.set_priority(Priority::Interactive);
    let flood = async { while bulk.write_all(&[0; 65536]).await.is_ok() {} };
    let drain = async {
        let mut buffer = [0; 65536];
        while sink.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    let key = async {
        sleep(Duration::from_secs(3)).await;
        let typed = Instant::now();
        near.write_all(b"k").await.unwrap();
        assert_eq!(far.read_u8().await.unwrap(), b'k');
        typed.elapsed()
    };
    let waited = tokio::select! {
        waited = key => waited,
        _ = async { tokio::join!(flood, drain) } => panic!("the flood ended"),
    };
    // The way, the bottleneck's queue, and what the pacer had already let go.
    assert!(waited < DELAY + Duration::from_millis(80), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_writer_is_a_close_and_not_an_error_for_the_reader() {
    let rig = Rig::fair(5).await;
    let (near, mut far) = pair(&rig).await;
    drop(near.writer);
    let mut heard = Vec::new();
    // What was written before may be lost, and is lost as a whole or not at all.
    soon(far.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(soon(far.read(&mut [0; 1])).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_reader_makes_the_peer_stop_writing() {
    let rig = Rig::fair(7).await;
    let (mut near, far) = pair(&rig).await;
    drop(far.reader);
    let refused = soon(async {
        loop {
            if let Err(error) = near.write_all(&[0; 65536]).await {
                return error;
            }
        }
    })
    .await;
    assert_eq!(refused.kind(), IoErrorKind::BrokenPipe);

    let mut writer = far.writer;
    writer.write_all(b"still here").await.unwrap();
    writer.shutdown().await.unwrap();
    let mut heard = Vec::new();
    soon(near.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"still here");
}

#[tokio::test(start_paused = true)]
async fn only_the_client_opens_and_only_the_server_accepts() {
    let rig = Rig::fair(8).await;
    let opened = rig.server.open().await.unwrap_err();
    let accepted = rig.client.accept().await.unwrap_err();
    assert_eq!(
        (opened.kind(), opened.to_string()),
        (
            ErrorKind::Unsupported,
            "the client alone opens streams".into()
        )
    );
    assert_eq!(
        (accepted.kind(), accepted.to_string()),
        (
            ErrorKind::Unsupported,
            "the server alone accepts streams".into()
        )
    );
}

#[tokio::test(start_paused = true)]
async fn the_stream_after_the_thousandth_waits_until_others_have_ended() {
    let rig = Rig::fair(9).await;
    let mut open = Vec::new();
    for _ in 0..1000 {
        open.push(soon(rig.client.open()).await.unwrap());
    }
    let mut next = std::pin::pin!(rig.client.open());
    assert!(timeout(Duration::from_secs(5), &mut next).await.is_err());

    // quinn grants more once an eighth of the limit is free.
    for mut stream in open.drain(..150) {
        stream.write_all(b"x").await.unwrap();
        stream.shutdown().await.unwrap();
        drop(stream);
        drop(soon(rig.server.accept()).await.unwrap());
    }
    soon(next).await.unwrap();
}

/// quinn ends a connection whose streams have over 1024 gaps: the receive window keeps them below.
#[tokio::test(start_paused = true)]
async fn bulk_at_full_speed_survives_the_sudden_loss_of_every_second_packet() {
    let quic = Quic::new(Config::default().with_congestion(Congestion::Bbr));
    let rig = Rig::new(Air::new(Weather::fair(5 * DELAY), 10), &quic).await;
    let (near, mut far) = pair(&rig).await;
    let mut writer = near.writer;
    let sent: Vec<u8> = (0..40 << 20).map(|at: u32| (at >> 8) as u8).collect();
    let send = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let receive = async {
        let mut heard = vec![0; 20 << 20];
        far.read_exact(&mut heard).await.unwrap();
        rig.air.change(|weather| {
            weather.loss = 0.5;
            weather.jitter = Duration::from_millis(15);
        });
        sleep(Duration::from_secs(2)).await;
        rig.air.change(|weather| {
            weather.loss = 0.2;
            weather.duplicate = 0.05;
        });
        far.read_to_end(&mut heard).await.unwrap();
        heard
    };
    let both = async { tokio::join!(send, receive) };
    let ((), heard) = timeout(Duration::from_secs(3600), both).await.unwrap();
    assert_eq!(heard.len(), sent.len() + 1);
    assert!(heard[1..] == sent);
}

/// Both ends of a new stream; the client has written `0`.
async fn pair(rig: &Rig) -> (Stream, Stream) {
    let mut near = soon(rig.client.open()).await.unwrap();
    near.write_all(b"0").await.unwrap();
    let far = soon(rig.server.accept()).await.unwrap();
    (near, far)
}
