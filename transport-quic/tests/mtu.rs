//! The size of packets when the path or the weather changes.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tssh_conformance::{Air, Couple, DELAY, Weather, soon};
use tssh_core::transport::Stream;
use tssh_transport_quic::{Config, Quic};

/// A VPN comes up in mid-session and takes its part of every packet, without a word; later it is gone again.
///
/// quinn falls back to 1200 bytes once three bursts of loss are explained by nothing else, begins to search 60 s later
/// (`black_hole_cooldown`), and ends the search of a size whose probe is lost three times (`MAX_PROBE_RETRANSMITS`, in
/// quinn-proto's `mtud.rs`). A probe is not lost for a full queue, as long as the congestion control keeps that short.
#[test]
fn a_path_that_takes_less_stalls_bulk_for_no_two_seconds_and_the_size_comes_back_and_stays() {
    for seed in 0..24 {
        virtually(async {
            let bulk = Bulk::new(seed).await;
            let room = || bulk.rig.client.datagrams().unwrap().max_size();
            let full = room();
            bulk.rig.air.change(|weather| weather.mtu = 1280);
            bulk.no_stall_within(30 * S).await;
            assert_eq!(room(), full - (1400 - 1200), "seed {seed}");

            bulk.rig.air.change(|weather| weather.mtu = 1500);
            let back = Instant::now();
            while room() < full {
                let waited = back.elapsed();
                assert!(waited < COMES_BACK, "seed {seed}: {} of {full}", room());
                bulk.no_stall_within(S).await;
            }
            bulk.no_stall_within(10 * S).await;
            assert_eq!(room(), full, "seed {seed}");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_takes_less_from_the_start_connects_within_a_second() {
    for mtu in [1200, 1252, 1280, 1399] {
        let weather = Weather {
            mtu,
            ..Weather::fair(DELAY)
        };
        let asked = Instant::now();
        Couple::new(&Quic::default(), Air::new(weather, 3)).await;
        assert!(asked.elapsed() < S, "{mtu}: {:?}", asked.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn outages_under_load_are_not_taken_for_a_path_that_takes_less() {
    let bulk = Bulk::new(2).await;
    let room = || bulk.rig.client.datagrams().unwrap().max_size();
    let full = room();
    for _ in 0..8 {
        bulk.rig.air.set_dark(true);
        sleep(4 * S).await;
        bulk.rig.client_pipe.clock().stop();
        bulk.rig.server_pipe.clock().stop();
        sleep(600 * S).await;
        bulk.rig.air.set_dark(false);
        bulk.rig.client_pipe.clock().start(4 * S);
        bulk.rig.server_pipe.clock().start(4 * S);
        bulk.no_stall_within(10 * S).await;
    }
    assert_eq!(room(), full);
}

/// An endless stream from the client to the server.
struct Bulk {
    rig: Couple,
    arrived: watch::Receiver<Instant>,
    _tasks: JoinSet<()>,
}

impl Bulk {
    async fn new(seed: u64) -> Self {
        let weather = Weather {
            rate: Some(200_000),
            queue: 20_000,
            ..Weather::fair(DELAY)
        };
        let quic = Quic::new(Config::default().with_insecure_seed(seed));
        let rig = Couple::new(&quic, Air::new(weather, seed)).await;
        let mut near = soon(rig.client.open()).await.unwrap();
        near.write_all(b"0").await.unwrap();
        let mut far = soon(rig.server.accept()).await.unwrap();
        let (note, arrived) = watch::channel(Instant::now());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let Stream {
                mut writer,
                reader: _reader,
            } = near;
            while writer.write_all(&[7; 4096]).await.is_ok() {}
        });
        tasks.spawn(async move {
            let mut sink = [0; 16384];
            while far.read(&mut sink).await.is_ok_and(|read| read > 0) {
                note.send_replace(Instant::now());
            }
        });
        sleep(2 * S).await;
        Self {
            rig,
            arrived,
            _tasks: tasks,
        }
    }

    async fn no_stall_within(&self, watched: Duration) {
        let mut arrived = self.arrived.clone();
        let end = Instant::now() + watched;
        while Instant::now() < end {
            let stalled = tokio::time::timeout(2 * S, arrived.changed()).await;
            stalled.expect("nothing came for two seconds").unwrap();
        }
    }
}

fn virtually<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// The rest of quinn's cooldown, and a search of eight sizes.
const COMES_BACK: Duration = Duration::from_secs(40);

const S: Duration = Duration::from_secs(1);
