//! Bulk over a bottleneck, and keys beside it: the path is full, its queue is short, keys go first.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod rig;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tssh_conformance::{Air, Weather};
use tssh_core::transport::{Priority, Stream};
use tssh_transport_quic::{Config, Congestion, Quic};

use rig::{Rig, soon};

/// 20 Mbit/s, a round trip of 100 ms, a queue of as much again.
const RATE: u64 = 2_500_000;
const RTT: Duration = Duration::from_millis(100);

fn home() -> Weather {
    Weather {
        rate: Some(RATE),
        queue: 250_000,
        ..Weather::fair(RTT / 2)
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_echoed_within_60_ms_of_the_round_trip_while_a_download_fills_the_path() {
    for seed in 1..=2 {
        let seen = download_and_type(home(), seed, 1).await;
        assert!(seen.worst_of_100() < RTT + 60 * MS, "seed {seed}: {seen:?}");
        assert!(seen.rate > 0.9 * RATE as f64, "seed {seed}: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_pass_an_upload_too() {
    let seen = carry_and_type(Bulk::Upload, home(), 6, 1).await;
    assert!(seen.worst_of_100() < RTT + 60 * MS, "{seen:?}");
    assert!(seen.rate > 0.9 * RATE as f64, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn eight_downloads_at_once_delay_keys_no_more_than_one() {
    let seen = download_and_type(home(), 3, 8).await;
    assert!(seen.worst_of_100() < RTT + 60 * MS, "{seen:?}");
    assert!(seen.rate > 0.9 * RATE as f64, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_path_that_loses_one_packet_in_a_hundred_is_filled_all_the_same() {
    let weather = Weather {
        loss: 0.01,
        ..home()
    };
    let seen = download_and_type(weather, 4, 1).await;
    assert!(seen.rate > 0.85 * RATE as f64, "{seen:?}");
}

#[derive(Debug)]
struct Seen {
    /// Bytes a second.
    rate: f64,
    /// Sorted.
    echoes: Vec<Duration>,
}

impl Seen {
    fn worst_of_100(&self) -> Duration {
        self.echoes[self.echoes.len() * 99 / 100]
    }
}

#[derive(Clone, Copy, Debug)]
enum Bulk {
    Download,
    Upload,
}

async fn download_and_type(weather: Weather, seed: u64, downloads: usize) -> Seen {
    carry_and_type(Bulk::Download, weather, seed, downloads).await
}

async fn carry_and_type(bulk: Bulk, weather: Weather, seed: u64, streams: usize) -> Seen {
    let quic = Quic::new(Config::default().with_congestion(Congestion::Measured));
    let rig = Rig::new(Air::new(weather, seed), &quic).await;
    let mut tasks = JoinSet::new();
    let (mut near, far) = pair(&rig, Priority::Interactive).await;
    tasks.spawn(echo(far));
    let got = Arc::new(AtomicU64::new(0));
    for _ in 0..streams {
        let (near, far) = pair(&rig, Priority::Bulk).await;
        let (from, to) = match bulk {
            Bulk::Download => (far, near),
            Bulk::Upload => (near, far),
        };
        tasks.spawn(flood(from));
        tasks.spawn(count(to, got.clone()));
    }
    sleep(3 * S).await;
    let begun = (Instant::now(), got.load(Ordering::Relaxed));
    let mut echoes = Vec::new();
    for key in 0..100u8 {
        let typed = Instant::now();
        near.write_all(&[key]).await.unwrap();
        let back = soon(near.read_u8()).await.unwrap();
        assert_eq!(back, key);
        echoes.push(typed.elapsed());
        sleep(73 * MS).await;
    }
    let bytes = got.load(Ordering::Relaxed) - begun.1;
    echoes.sort();
    Seen {
        rate: bytes as f64 / begun.0.elapsed().as_secs_f64(),
        echoes,
    }
}

/// A stream whose ends know each other, as urgent as `priority` on both sides.
async fn pair(rig: &Rig, priority: Priority) -> (Stream, Stream) {
    let mut near = rig.client.open().await.unwrap();
    near.writer.set_priority(priority);
    near.write_u8(0).await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    far.writer.set_priority(priority);
    far.read_u8().await.unwrap();
    (near, far)
}

async fn echo(mut far: Stream) {
    while let Ok(byte) = far.read_u8().await {
        far.write_u8(byte).await.unwrap();
    }
}

async fn flood(mut far: Stream) {
    let chunk = [7; 32 * 1024];
    while far.write_all(&chunk).await.is_ok() {}
}

async fn count(mut near: Stream, got: Arc<AtomicU64>) {
    let mut chunk = vec![0; 64 * 1024];
    // Ends with the test, or when nothing more comes.
    while let Ok(Ok(length)) = timeout(60 * S, near.read(&mut chunk)).await {
        got.fetch_add(length as u64, Ordering::Relaxed);
    }
}

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
