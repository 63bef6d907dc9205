//! How much comes through a path that loses packets, when nothing else limits it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tssh_conformance::{Air, Couple, Weather};
use tssh_transport_kcp::Kcp;

/// A round trip of 100 ms that loses one packet in twenty each way.
#[tokio::test(start_paused = true)]
async fn a_path_that_loses_one_packet_in_twenty_carries_ten_megabytes_a_second() {
    let weather = Weather {
        loss: 0.05,
        ..Weather::fair(50 * MS)
    };
    for seed in 1..=2 {
        let rate = megabytes_a_second(weather, 4 * S, seed).await;
        assert!(rate >= 10.0, "seed {seed}: {rate}");
    }
}

/// A hotel far away: a round trip of 300 ms, up to 60 ms more or less, that loses one packet in five each way.
#[tokio::test(start_paused = true)]
async fn a_path_that_loses_one_packet_in_five_carries_two_megabytes_a_second() {
    for in_order in [true, false] {
        let weather = Weather {
            loss: 0.2,
            jitter: 60 * MS,
            in_order,
            ..Weather::fair(120 * MS)
        };
        for seed in 1..=2 {
            let rate = megabytes_a_second(weather, 8 * S, seed).await;
            assert!(rate >= 2.0, "in order {in_order}, seed {seed}: {rate}");
        }
    }
}

/// What a stream carries from the first second after three on, for so long.
async fn megabytes_a_second(weather: Weather, time: Duration, seed: u64) -> f64 {
    let rig = Couple::new(&Kcp::default(), Air::new(weather, seed)).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = rig.server.accept().await.unwrap();
    let flood = async {
        let chunk = vec![7; 32 << 10];
        while far.write_all(&chunk).await.is_ok() {}
    };
    let count = async {
        let begun = Instant::now() + WARM_UP;
        let mut chunk = vec![0; 64 << 10];
        let mut heard = 0;
        while let Ok(read) = timeout_at(begun + time, near.read(&mut chunk)).await {
            let read = read.unwrap();
            heard += if Instant::now() >= begun { read } else { 0 };
        }
        heard as f64 / time.as_secs_f64() / 1e6
    };
    tokio::select! {
        () = flood => panic!("the connection has ended"),
        rate = count => rate,
    }
}

/// The path is being filled.
const WARM_UP: Duration = Duration::from_secs(4);

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
