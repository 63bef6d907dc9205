//! After an outage of any length the first byte arrives as if there had been none.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod rig;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tssh_conformance::{Air, Weather};
use tssh_core::transport::{Priority, Stream};
use tssh_transport_kcp::Kcp;

use rig::{DELAY, Rig, soon};

#[test]
fn a_minute_in_the_dark_leaves_no_delay_behind() {
    every_time(Load::None, MINUTE);
}

#[test]
fn a_minute_in_the_dark_with_a_key_on_its_way_leaves_no_delay_behind() {
    every_time(Load::Keys, MINUTE);
}

#[test]
fn a_minute_in_the_dark_under_bulk_leaves_no_delay_behind() {
    every_time(Load::Bulk, MINUTE);
}

#[test]
fn eight_hours_in_the_dark_leave_no_delay_behind() {
    every_time(Load::None, 8 * HOUR);
}

#[test]
fn eight_hours_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind() {
    every_time(Load::Keys, 8 * HOUR);
}

#[test]
fn eight_hours_in_the_dark_under_bulk_leave_no_delay_behind() {
    every_time(Load::Bulk, 8 * HOUR);
}

#[test]
fn thirty_days_in_the_dark_leave_no_delay_behind() {
    every_time(Load::None, 30 * 24 * HOUR);
}

#[test]
fn thirty_days_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind() {
    every_time(Load::Keys, 30 * 24 * HOUR);
}

#[test]
fn thirty_days_in_the_dark_under_bulk_leave_no_delay_behind() {
    every_time(Load::Bulk, 30 * 24 * HOUR);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    /// Both ways, the congestion window full.
    Bulk,
    /// One byte each way, written when the path has just died.
    Keys,
    None,
}

fn every_time(load: Load, dark: Duration) {
    let mut late = Vec::new();
    for seed in 0..RUNS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let waits = runtime.block_on(outage(load, dark, seed));
        if waits.iter().any(|wait| *wait > LIMIT) {
            late.push((seed, waits));
        }
    }
    assert!(
        late.is_empty(),
        "{} late (seed, [there, back]): {late:?}",
        late.len()
    );
}

/// How long a byte took there and back that was written when the path returned.
async fn outage(load: Load, dark: Duration, seed: u64) -> [Duration; 2] {
    let weather = Weather {
        rate: Some(400_000),
        queue: 24_000,
        ..Weather::fair(DELAY)
    };
    let rig = Rig::new(Air::new(weather, seed), &Kcp::default()).await;
    let mut tasks = JoinSet::new();
    if load == Load::Bulk {
        let mut stream = soon(rig.client.open()).await.unwrap();
        stream.write_all(b"0").await.unwrap();
        flood(&mut tasks, stream);
        flood(&mut tasks, soon(rig.server.accept()).await.unwrap());
    }
    let mut near = soon(rig.client.open()).await.unwrap();
    near.writer.set_priority(Priority::Interactive);
    near.write_all(b"1").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    far.writer.set_priority(Priority::Interactive);
    far.write_all(b"2").await.unwrap();
    soon(async { tokio::join!(near.read_u8(), far.read_u8()) })
        .await
        .0
        .unwrap();

    // Each run is cut at another moment.
    sleep(Duration::from_millis(500 + seed * 7 % 190)).await;
    rig.air.set_dark(true);
    let mut waiting = Vec::new();
    if load == Load::Keys {
        near.write_all(b"3").await.unwrap();
        far.write_all(b"3").await.unwrap();
        waiting.push(b'3');
    }
    sleep(DETECTION).await;
    rig.client_pipe.clock().stop();
    sleep(DETECTION).await;
    rig.server_pipe.clock().stop();
    sleep(dark - 2 * DETECTION).await;
    rig.air.set_dark(false);
    rig.client_pipe.clock().start(DETECTION);
    let server_pipe = rig.server_pipe.clone();
    tasks.spawn(async move {
        // In every second run the server learns of the path by the client's first packet only.
        if seed % 2 == 1 {
            server_pipe.activity().heard().await;
        }
        server_pipe.clock().start(2 * DETECTION);
    });

    let back_at = Instant::now();
    near.write_all(b"4").await.unwrap();
    far.write_all(b"4").await.unwrap();
    waiting.push(b'4');
    let arrival = async |stream: &mut Stream| {
        let mut heard = vec![0; waiting.len()];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, waiting);
        back_at.elapsed()
    };
    let (there, back) = (arrival(&mut far), arrival(&mut near));
    let (there, back) = soon(async { tokio::join!(there, back) }).await;
    [there, back]
}

/// Writes without end, and reads without end.
fn flood(tasks: &mut JoinSet<()>, stream: Stream) {
    let (mut reader, mut writer) = (stream.reader, stream.writer);
    tasks.spawn(async move { while writer.write_all(&[7; 4096]).await.is_ok() {} });
    tasks.spawn(async move {
        let mut sink = [0; 16384];
        while reader.read(&mut sink).await.is_ok_and(|read| read > 0) {}
    });
}

const RUNS: u64 = 200;
const LIMIT: Duration = Duration::from_millis(120);
const DETECTION: Duration = Duration::from_secs(4);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
