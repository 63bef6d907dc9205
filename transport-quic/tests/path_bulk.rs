//! Bulk both ways across outages and moves: it arrives whole, and goes on when the network does.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod lab;

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tssh_conformance::{CAFE, HOME, LAB_DELAY, Lab, Peer, Weather};
use tssh_core::proxy::network::Event;

#[test]
fn bulk_goes_on_after_a_roam() {
    every_time(Duration::ZERO, async |lab| {
        lab.network.set_addresses(&[CAFE]);
        lab.tell(Event::Changed).await;
    });
}

#[test]
fn bulk_goes_on_after_a_cut_of_a_minute_and_a_move() {
    every_time(60 * S, async |lab| {
        lab.network.set_addresses(&[]);
        lab.tell(Event::Changed).await;
        sleep(60 * S).await;
        lab.network.set_addresses(&[CAFE]);
        lab.tell(Event::Changed).await;
    });
}

#[test]
fn bulk_goes_on_after_a_cut_that_nobody_tells_of() {
    every_time(20 * S, async |lab| {
        lab.network.change(|weather| weather.dark = true);
        sleep(20 * S).await;
        lab.network.change(|weather| weather.dark = false);
    });
}

#[test]
fn bulk_goes_on_when_the_translator_forgets() {
    every_time(Duration::ZERO, async |lab| {
        for _ in 0..3 {
            lab.network.translate(HOME);
            sleep(300 * MS).await;
        }
    });
}

#[test]
fn bulk_goes_on_while_the_client_moves_every_second() {
    every_time(Duration::ZERO, async |lab| {
        for at in [CAFE, HOME, CAFE, HOME, CAFE] {
            lab.network.set_addresses(&[at]);
            lab.tell(Event::Changed).await;
            sleep(S).await;
        }
    });
}

fn every_time(outage: Duration, event: impl AsyncFn(&Lab)) {
    for peer in [Peer::Ours, Peer::Foreign] {
        for seed in 0..RUNS {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let took = runtime.block_on(run(peer, seed, &event));
            assert!(
                took <= outage + LIMIT,
                "{took:?} towards {peer:?} with seed {seed}"
            );
        }
    }
}

async fn run(peer: Peer, seed: u64, event: &impl AsyncFn(&Lab)) -> Duration {
    let weather = Weather {
        rate: Some(1_000_000),
        queue: 60_000,
        ..Weather::fair(LAB_DELAY)
    };
    let lab = lab::in_weather(peer, weather, seed).await;
    let begun = Instant::now();
    let bulk = lab.bulk_both_ways(AMOUNT);
    let happens = async {
        sleep(300 * MS + seed as u32 * 137 % 700 * MS).await;
        event(&lab).await;
    };
    tokio::join!(bulk, happens);
    begun.elapsed()
}

/// Three seconds at the full rate.
const AMOUNT: usize = 3_000_000;

/// With slow starts, a loss of a whole window, and the time to notice.
const LIMIT: Duration = Duration::from_secs(13);

const RUNS: u64 = 4;
const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
