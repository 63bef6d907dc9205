//! Small packets travel more than once where the network loses some, and only there.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod lab;

use std::time::Duration;

use tokio::time::sleep;
use tssh_conformance::Weather;

use lab::{Lab, Peer};

#[test]
fn of_a_hundred_keys_with_one_packet_in_twenty_lost_all_but_one_are_at_most_12_ms_late() {
    let weather = Weather {
        loss: 0.05,
        ..Weather::fair(50 * MS)
    };
    let waits = of_learned_keys(weather);
    assert!(at(&waits, 50) <= 101 * MS, "{:?}", at(&waits, 50));
    assert!(at(&waits, 99) <= 112 * MS, "{:?}", at(&waits, 99));
}

#[test]
fn with_one_packet_in_five_lost_all_but_one_key_in_a_hundred_need_one_round_trip() {
    let weather = Weather {
        loss: 0.2,
        jitter: 30 * MS,
        ..Weather::fair(150 * MS)
    };
    let waits = of_learned_keys(weather);
    assert!(at(&waits, 90) <= 350 * MS, "{:?}", at(&waits, 90));
    assert!(at(&waits, 99) <= 450 * MS, "{:?}", at(&waits, 99));
}

#[test]
fn where_nothing_is_lost_nothing_is_repeated() {
    virtually(async {
        let mut lab = Lab::in_weather(Peer::Ours, Weather::fair(50 * MS), 1).await;
        type_keys(&mut lab, 200).await;
        lab.bulk_both_ways(300_000).await;
        assert_eq!(made(&lab), [0, 0]);
    });
}

#[test]
fn beside_bulk_nothing_is_repeated() {
    virtually(async {
        let lab = lossy(2).await;
        lab.network.change(|weather| {
            weather.loss = 0.0;
            weather.rate = Some(2_500_000);
            weather.queue = 250_000;
        });
        let (before, sent) = (made(&lab), lab.network.sent());
        lab.bulk_both_ways(10_000_000).await;
        let sent = lab.network.sent() - sent;
        assert!(sent > 15_000, "{sent} packets are no bulk");
        for (before, after) in before.into_iter().zip(made(&lab)) {
            // Where it begins and where it ends there is none yet, or no more.
            assert!(after - before <= 30, "{} of {sent}", after - before);
        }
    });
}

#[test]
fn when_loss_has_ended_so_do_the_copies() {
    virtually(async {
        let mut lab = lossy(3).await;
        lab.network.change(|weather| weather.loss = 0.0);
        for _ in 0..150 {
            sleep(7 * S).await;
            lab.echo_of_a_key().await;
        }
        let before = made(&lab);
        type_keys(&mut lab, 20).await;
        assert_eq!(made(&lab), before);
    });
}

#[test]
fn a_packet_that_comes_twice_provokes_no_other() {
    virtually(async {
        let plain = sent_for_keys(0.0).await;
        let doubled = sent_for_keys(1.0).await;
        assert!(
            doubled <= plain + plain / 20,
            "{doubled} packets, {plain} where none came twice"
        );
    });
}

/// How many packets a hundred keys cost, copies left out.
async fn sent_for_keys(duplicate: f64) -> u64 {
    let weather = Weather {
        duplicate,
        ..Weather::fair(50 * MS)
    };
    let mut lab = Lab::in_weather(Peer::Ours, weather, 4).await;
    let before = lab.network.sent() - made(&lab).iter().sum::<u64>();
    type_keys(&mut lab, 100).await;
    lab.network.sent() - made(&lab).iter().sum::<u64>() - before
}

/// How long the echoes of 1000 keys took, in order of length, where both sides know of the loss.
fn of_learned_keys(weather: Weather) -> Vec<Duration> {
    let mut waits = Vec::new();
    for seed in 0..5 {
        waits.extend(virtually(async {
            let mut lab = Lab::in_weather(Peer::Ours, weather, seed).await;
            type_keys(&mut lab, 60).await;
            type_keys(&mut lab, 200).await
        }));
    }
    waits.sort();
    waits
}

/// A lab on whose network both sides have seen loss.
async fn lossy(seed: u64) -> Lab {
    let weather = Weather {
        loss: 0.1,
        ..Weather::fair(50 * MS)
    };
    let mut lab = Lab::in_weather(Peer::Ours, weather, seed).await;
    type_keys(&mut lab, 100).await;
    assert!(made(&lab).iter().all(|made| *made > 0));
    lab
}

async fn type_keys(lab: &mut Lab, count: u32) -> Vec<Duration> {
    let mut waits = Vec::new();
    for key in 0..count {
        sleep((150 + 37 * key % 100) * MS).await;
        waits.push(lab.echo_of_a_key().await);
    }
    waits
}

/// Copies that the client and the server made.
fn made(lab: &Lab) -> [u64; 2] {
    [&lab.pipe, &lab.server_pipe].map(|pipe| pipe.copies().made())
}

fn at(waits: &[Duration], share: usize) -> Duration {
    waits[(waits.len() - 1) * share / 100]
}

fn virtually<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future)
}

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
