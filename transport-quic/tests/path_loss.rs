//! Roaming on a network that loses packets: later perhaps, but whole.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod lab;

use std::time::Duration;

use tokio::time::sleep;
use tssh_conformance::Weather;
use tssh_core::proxy::network::Event;

use lab::{CAFE, DELAY, HOME, Lab, Peer};

#[test]
fn a_roam_while_every_fifth_packet_is_lost_loses_no_key() {
    roams_in_the_rain(Peer::Ours);
}

#[test]
fn a_roam_towards_a_foreign_server_while_every_fifth_packet_is_lost_loses_no_key() {
    roams_in_the_rain(Peer::Foreign);
}

fn roams_in_the_rain(peer: Peer) {
    let mut waits = Vec::new();
    for seed in 0..RUNS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        waits.extend(runtime.block_on(run(peer, seed)));
    }
    waits.sort();
    let at = |share: usize| waits[(waits.len() - 1) * share / 100];
    assert!(at(50) <= 120 * MS, "{:?}", at(50));
    assert!(at(90) <= 700 * MS, "{:?}", at(90));
    // The worst of two hundred differs from run to run, for a reason that is not known: 7.9 s was
    // seen once, where most runs stay below 5 s.
    assert!(at(100) <= 30 * S, "{:?}", at(100));
}

async fn run(peer: Peer, seed: u64) -> Vec<Duration> {
    let weather = Weather {
        loss: 0.2,
        jitter: Duration::from_millis(4),
        duplicate: 0.05,
        ..Weather::fair(DELAY)
    };
    let mut lab = Lab::in_weather(peer, weather, seed).await;
    let mut waits = Vec::new();
    for at in [CAFE, HOME, CAFE, HOME] {
        sleep(S + seed as u32 * 137 % 1333 * MS).await;
        lab.network.set_addresses(&[at]);
        lab.tell(Event::Changed).await;
        waits.push(lab.echo_of_a_key().await);
    }
    waits
}

const RUNS: u64 = 50;
const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
