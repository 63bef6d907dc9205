//! What a path costs while nobody uses it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod lab;

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;
use tssh_conformance::{CAFE, Direction, Lab, Peer, Weather};
use tssh_core::proxy::network::Event;

#[tokio::test(start_paused = true)]
async fn an_idle_pair_wakes_each_side_at_most_twice_a_second() {
    // Packets that take no time need no timer of the simulation; each wakes its receiver.
    let lab = lab::in_weather(Peer::Ours, Weather::fair(Duration::ZERO), 1).await;
    sleep(10 * S).await;
    let (timers, packets) = cost(&lab, 60 * S).await;
    // 30 heartbeats a minute, each with its echo and the acknowledgement of that.
    assert!(packets <= 3 * 30 + 5, "{packets} packets of both sides");
    // The runtime's wheel looks at a timer up to three times, and the server's watch for silence is
    // another. A timer that was left behind by each heartbeat would be above this.
    assert!(timers <= 4 * 30, "{timers} timers of both sides");
    assert!(timers + packets <= 2 * 2 * 60, "{timers} and {packets}");
}

#[tokio::test(start_paused = true)]
async fn a_client_in_the_dark_tries_ever_more_rarely() {
    let lab = lab::fair(Peer::Ours, 1).await;
    lab.network.change(|weather| weather.dark = true);
    let mut per_second = Vec::new();
    for span in [20 * S, 100 * S, 780 * S, 2700 * S] {
        let (wakes, packets) = cost(&lab, span).await;
        per_second.push((
            wakes.div_ceil(span.as_secs()),
            packets.div_ceil(span.as_secs()),
        ));
    }
    let most = [(60, 240), (60, 240), (15, 50), (5, 14)];
    for (spent, most) in per_second.iter().zip(most) {
        assert!(spent.0 <= most.0 && spent.1 <= most.1, "{per_second:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_without_a_network_tries_ever_more_rarely() {
    let lab = lab::fair(Peer::Ours, 1).await;
    lab.network.set_addresses(&[]);
    lab.tell(Event::Changed).await;
    let mut per_second = Vec::new();
    for span in [20 * S, 100 * S, 780 * S, 2700 * S] {
        let (wakes, _) = cost(&lab, span).await;
        per_second.push(wakes.div_ceil(span.as_secs()));
    }
    for (spent, most) in per_second.iter().zip([60, 60, 15, 5]) {
        assert!(*spent <= most, "{per_second:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_notice_a_route_that_returns_is_used_within_a_fifth_of_a_second() {
    let mut lab = lab::fair(Peer::Ours, 1).await;
    lab.network.set_addresses(&[]);
    sleep(15 * S).await;
    lab.network.set_addresses(&[CAFE]);
    assert!(lab.echo_of_a_key().await <= 200 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_route_messages_is_one_change() {
    let mut lab = lab::fair(Peer::Ours, 1).await;
    sleep(S).await;
    lab.network.take_flows();
    for _ in 0..100 {
        lab.tell(Event::Changed).await;
        sleep(10 * MS).await;
    }
    assert!(lab.network.take_flows().len() <= 3);
    assert!(lab.echo_of_a_key().await <= 80 * MS);
}

#[tokio::test(start_paused = true)]
async fn what_is_printed_in_the_dark_appears_by_itself_within_a_second() {
    for seed in 0..20_u32 {
        let mut lab = lab::fair(Peer::Ours, 1).await;
        lab.network.change(|weather| weather.dark = true);
        sleep(10 * S + seed * 97 * MS).await;
        lab.prints.send(b'!').await.unwrap();
        sleep(3600 * S + seed * 131 * MS).await;
        lab.network.change(|weather| weather.dark = false);
        let wait = lab.wait_for_print(b'!').await;
        assert!(wait <= 1300 * MS, "{wait:?} with seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_is_acknowledged_and_dies_again_is_given_up() {
    for direction in [Direction::There, Direction::Back] {
        for after in [0, 10, 30, 60, 90, 120, 200] {
            let mut lab = lab::fair(Peer::Ours, 1).await;
            lab.network.change(|weather| weather.dark = true);
            sleep(30 * S).await;
            lab.network.change(|weather| weather.dark = false);
            sleep(after * MS).await;
            lab.network
                .change_one(direction, |weather| weather.dark = true);
            sleep(60 * S).await;
            lab.network.change(|weather| weather.dark = false);
            // Nobody types, and nobody tells.
            sleep(3 * S).await;
            let status = *lab.status.borrow();
            assert_eq!(
                (status.lost_at, status.dark),
                (None, false),
                "{direction:?} {after}"
            );
            assert!(lab.echo_of_a_key().await <= 80 * MS);
        }
    }
}

/// How often the runtime was woken in `span`, and how many packets were sent.
async fn cost(lab: &Lab, span: Duration) -> (u64, u64) {
    let parks = || Handle::current().metrics().worker_park_count(0);
    let (before, sent) = (parks(), lab.network.sent());
    sleep(span).await;
    (parks() - before, lab.network.sent() - sent)
}

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
