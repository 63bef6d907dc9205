//! Keys stay quick whatever else happens, and the path is full all the same: what a transport adds that tells its pipe
//! of losses and leaves the queue of a full path short. No duty; whoever declares it is tried.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tssh_core::proxy::send_copies;
use tssh_core::transport::{Priority, Stream};

use super::{MS, S};
use crate::medium::Direction;
use crate::rig::{Ends, World, soon};
use crate::weather::Weather;

/// A shell beside a download.
pub async fn keys_are_echoed_within_60_ms_of_the_round_trip_beside_a_download(world: World) {
    let seen = carry_and_type(&world, Direction::Back, 1, home).await;
    assert!(seen.worst_of_100() < RTT + 60 * MS, "{seen:?}");
    assert!(seen.rate > 0.9 * RATE as f64, "{seen:?}");
}

/// A shell beside an upload.
pub async fn keys_are_echoed_within_60_ms_of_the_round_trip_beside_an_upload(world: World) {
    let seen = carry_and_type(&world, Direction::There, 1, home).await;
    assert!(seen.worst_of_100() < RTT + 60 * MS, "{seen:?}");
    assert!(seen.rate > 0.9 * RATE as f64, "{seen:?}");
}

/// A shell beside a browser.
pub async fn eight_downloads_at_once_delay_keys_no_more_than_one(world: World) {
    let seen = carry_and_type(&world, Direction::Back, 8, home).await;
    assert!(seen.worst_of_100() < RTT + 60 * MS, "{seen:?}");
    assert!(seen.rate > 0.9 * RATE as f64, "{seen:?}");
}

/// Random loss is not congestion.
pub async fn a_path_that_loses_one_packet_in_a_hundred_is_filled_all_the_same(world: World) {
    let lossy = |weather: &mut Weather| {
        home(weather);
        weather.loss = 0.01;
    };
    let seen = carry_and_type(&world, Direction::Back, 1, lossy).await;
    assert!(seen.rate > 0.85 * RATE as f64, "{seen:?}");
}

/// A train: once the loss is known, a key that is lost costs 12 ms and no round trip.
pub async fn with_one_packet_in_twenty_lost_all_but_one_key_in_a_hundred_are_in_time(world: World) {
    let (waits, _) = keys(&world, 60, 1000, |weather| {
        weather.loss = 0.05;
        weather.delay = RTT / 2;
    })
    .await;
    assert!(at(&waits, 50) <= RTT + MS, "{:?}", at(&waits, 50));
    assert!(at(&waits, 99) <= RTT + 12 * MS, "{:?}", at(&waits, 99));
}

/// A hotel far away.
pub async fn with_one_packet_in_five_lost_all_but_one_key_in_a_hundred_need_one_round_trip(
    world: World,
) {
    let (waits, _) = keys(&world, 60, 1000, |weather| {
        weather.loss = 0.2;
        weather.delay = 150 * MS;
        weather.jitter = 30 * MS;
    })
    .await;
    assert!(at(&waits, 90) <= 350 * MS, "{:?}", at(&waits, 90));
    assert!(at(&waits, 99) <= 450 * MS, "{:?}", at(&waits, 99));
}

/// Copies are for paths that lose.
pub async fn where_nothing_is_lost_nothing_is_sent_again(world: World) {
    let (_, copies) = keys(&world, 0, 200, |weather| weather.delay = RTT / 2).await;
    assert_eq!(copies, [0, 0]);
}

/// 20 Mbit/s, a round trip of 100 ms, a queue of as much again.
fn home(weather: &mut Weather) {
    weather.rate = Some(RATE);
    weather.queue = 250_000;
    weather.delay = RTT / 2;
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
        at(&self.echoes, 99)
    }
}

/// Bulk in one direction on so many streams, and a key now and then beside it.
async fn carry_and_type(
    world: &World,
    bulk: Direction,
    streams: usize,
    weather: impl Fn(&mut Weather),
) -> Seen {
    world.change(weather);
    let ends = world.connected().await;
    let mut tasks = JoinSet::new();
    let (mut near, far) = pair(&ends, Priority::Interactive).await;
    tasks.spawn(echo(far));
    let got = Arc::new(AtomicU64::new(0));
    for _ in 0..streams {
        let (near, far) = pair(&ends, Priority::Bulk).await;
        let (from, to) = match bulk {
            Direction::Back => (far, near),
            Direction::There => (near, far),
        };
        tasks.spawn(flood(from));
        tasks.spawn(count(to, got.clone()));
    }
    // Until the path is full: this is about what comes then.
    sleep(3 * S).await;
    let begun = (Instant::now(), got.load(Ordering::Relaxed));
    let mut echoes = Vec::new();
    for key in 0..100 {
        echoes.push(typed(&mut near, key).await);
        sleep(73 * MS).await;
    }
    let bytes = got.load(Ordering::Relaxed) - begun.1;
    echoes.sort();
    Seen {
        rate: bytes as f64 / begun.0.elapsed().as_secs_f64(),
        echoes,
    }
}

/// How long the echoes of `count` keys took behind `learning` others, in order of length, and how many copies each side
/// made in all.
async fn keys(
    world: &World,
    learning: u32,
    count: u32,
    weather: impl Fn(&mut Weather),
) -> (Vec<Duration>, [u64; 2]) {
    let ends = world.connected().await;
    let (mut near, far) = pair(&ends, Priority::Interactive).await;
    world.change(weather);
    let typing = async {
        let mut waits = Vec::new();
        for key in 0..learning + count {
            sleep((150 + 37 * key % 100) * MS).await;
            waits.push(typed(&mut near, key as u8).await);
        }
        waits
    };
    let pipes = [&world.client_pipe, &world.server_pipe];
    let waits = tokio::select! {
        waits = typing => waits,
        () = echo(far) => panic!("the connection has ended"),
        () = send_copies(pipes[0]) => panic!("it never ends"),
        () = send_copies(pipes[1]) => panic!("it never ends"),
    };
    let mut learned = waits[learning as usize..].to_vec();
    learned.sort();
    (learned, pipes.map(|pipe| pipe.copies().made()))
}

async fn pair(ends: &Ends, priority: Priority) -> (Stream, Stream) {
    let (mut near, mut far) = ends.pair().await;
    near.writer.set_priority(priority);
    far.writer.set_priority(priority);
    (near, far)
}

async fn typed(near: &mut Stream, key: u8) -> Duration {
    let typed_at = Instant::now();
    near.write_all(&[key]).await.unwrap();
    assert_eq!(soon(near.read_u8()).await.unwrap(), key);
    typed_at.elapsed()
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
    // Ends with the scenario, or when nothing more comes.
    while let Ok(Ok(length)) = timeout(60 * S, near.read(&mut chunk)).await {
        got.fetch_add(length as u64, Ordering::Relaxed);
    }
}

fn at(waits: &[Duration], share: usize) -> Duration {
    waits[(waits.len() - 1) * share / 100]
}

const RATE: u64 = 2_500_000;
const RTT: Duration = Duration::from_millis(100);
