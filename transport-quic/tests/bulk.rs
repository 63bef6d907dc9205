//! How much comes through a path that loses packets, when nothing else limits it.

use std::time::Duration;

use tssh_conformance::{Air, Couple, Weather};
use tssh_transport_quic::{Config, Quic};

/// A round trip of 100 ms that loses one packet in twenty each way.
#[tokio::test(start_paused = true)]
async fn a_path_that_loses_one_packet_in_twenty_carries_fifteen_megabytes_a_second() {
    let weather = Weather {
        loss: 0.05,
        ..Weather::fair(50 * MS)
    };
    for seed in 1..=2 {
        let rate = megabytes_a_second(weather, 4 * S, seed).await;
        assert!(rate >= 15.0, "seed {seed}: {rate}");
    }
}

/// A hotel far away: a round trip of 300 ms, up to 60 ms more or less, that loses one packet in five each way.
#[tokio::test(start_paused = true)]
async fn a_path_that_loses_one_packet_in_five_carries_two_megabytes_a_second_and_more_in_order() {
    for in_order in [true, false] {
        let weather = Weather {
            loss: 0.2,
            jitter: 60 * MS,
            in_order,
            ..Weather::fair(120 * MS)
        };
        for seed in 1..=2 {
            let rate = megabytes_a_second(weather, 8 * S, seed).await;
            assert!(
                rate >= if in_order { 2.5 } else { 2.0 },
                "in order {in_order}, seed {seed}: {rate}"
            );
        }
    }
}

async fn megabytes_a_second(weather: Weather, time: Duration, seed: u64) -> f64 {
    let transport = &Quic::new(Config::default().with_insecure_seed(seed));
    let rig = Couple::new(transport, Air::new(weather, seed)).await;
    rig.megabytes_a_second(time).await
}

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
