//! Roaming on a network that loses packets: later perhaps, but whole.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod lab;

use std::time::Duration;

use tokio::time::sleep;
use tssh_conformance::{CAFE, HOME, LAB_DELAY, Peer, Weather};
use tssh_core::proxy::network::Event;

#[test]
fn a_roam_while_every_fifth_packet_is_lost_loses_no_key() {
    roams_in_the_rain(Peer::Ours);
}

#[test]
fn a_roam_towards_a_foreign_server_while_every_fifth_packet_is_lost_loses_no_key() {
    roams_in_the_rain(Peer::Foreign);
}

fn roams_in_the_rain(peer: Peer) {
    let mut waits = (0..RUNS)
        .flat_map(|seed| waits(peer, seed))
        .collect::<Vec<_>>();
    waits.sort();
    let at = |share: usize| waits[(waits.len() - 1) * share / 100];
    assert!(at(50) <= 80 * MS, "{:?}", at(50));
    assert!(at(90) <= 320 * MS, "{:?}", at(90));
    // A key or its echo was lost several times in a row, and the transport waits twice as long each
    // time. Of 12 000 waits under other seeds the longest was 2.7 s: one that came near the heartbeat
    // timeout would have been ended by that, and not by what is tried before.
    assert!(at(100) <= 2500 * MS, "{:?}", at(100));
}

#[test]
fn the_same_seed_gives_the_same_waits() {
    for peer in [Peer::Ours, Peer::Foreign] {
        for seed in 0..5 {
            assert_eq!(waits(peer, seed), waits(peer, seed), "{peer:?} {seed}");
        }
    }
}

fn waits(peer: Peer, seed: u64) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(run(peer, seed))
}

async fn run(peer: Peer, seed: u64) -> Vec<Duration> {
    let weather = Weather {
        loss: 0.2,
        jitter: Duration::from_millis(4),
        duplicate: 0.05,
        ..Weather::fair(LAB_DELAY)
    };
    let mut lab = lab::in_weather(peer, weather, seed).await;
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
