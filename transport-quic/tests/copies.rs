//! Small packets travel more than once where the network loses some, and only there.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod lab;

use std::time::Duration;

use tokio::time::sleep;
use tssh_conformance::{Lab, Peer, Weather};

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
        for _ in 0..220 {
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
    let mut lab = lab::in_weather(Peer::Ours, weather, 4).await;
    let before = lab.network.sent() - made(&lab).iter().sum::<u64>();
    type_keys(&mut lab, 100).await;
    lab.network.sent() - made(&lab).iter().sum::<u64>() - before
}

/// A lab on whose network both sides have seen loss.
async fn lossy(seed: u64) -> Lab {
    let weather = Weather {
        loss: 0.1,
        ..Weather::fair(50 * MS)
    };
    let mut lab = lab::in_weather(Peer::Ours, weather, seed).await;
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
