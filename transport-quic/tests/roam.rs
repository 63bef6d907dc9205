//! Every event of the network lab in virtual time: a key typed once the network is back has its
//! echo within a round trip and 150 ms, and no key is lost or comes twice.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod lab;

use std::time::Duration;

use tokio::time::sleep;
use tssh_conformance::Direction;
use tssh_core::proxy::network::Event;

use lab::{CAFE, HOME, Lab, Peer, RTT};

macro_rules! events {
    ($($name:ident: $event:expr;)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn towards_a_server_of_ours() {
                every_time(Peer::Ours, $event);
            }

            #[test]
            fn towards_a_foreign_server() {
                every_time(Peer::Foreign, $event);
            }

            #[test]
            fn towards_a_foreign_server_whose_acknowledgements_are_lost() {
                every_time(Peer::ForeignThatLosesAcks, $event);
            }
        })*
    };
}

events! {
    a_roam: Trial::Roam;
    a_roam_that_nobody_tells_of: Trial::UntoldRoam;
    a_soft_roam: Trial::SoftRoam;
    a_roam_with_a_gap: Trial::Gap(5 * S);
    a_cut_of_half_a_minute: Trial::Cut(30 * S);
    a_cut_of_ten_minutes: Trial::Cut(600 * S);
    a_sleep_of_half_a_minute: Trial::Sleep(30 * S);
    a_sleep_of_eight_hours: Trial::Sleep(8 * 3600 * S);
    another_port_by_the_translator: Trial::Rebind(HOME);
    another_address_by_the_translator: Trial::Rebind(CAFE);
    a_block_towards_the_server: Trial::Block(Direction::There);
    a_block_towards_the_client: Trial::Block(Direction::Back);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Trial {
    Block(Direction),
    Cut(Duration),
    Gap(Duration),
    Rebind(std::net::IpAddr),
    Roam,
    Sleep(Duration),
    SoftRoam,
    UntoldRoam,
}

fn every_time(peer: Peer, trial: Trial) {
    let mut late = Vec::new();
    for seed in 0..RUNS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let wait = runtime.block_on(run(peer, trial, seed));
        if wait > LIMIT {
            late.push((seed, wait));
        }
    }
    assert!(late.is_empty(), "{} late of {RUNS}: {late:?}", late.len());
}

/// How long the echo of a key took that was typed when the network was back.
async fn run(peer: Peer, trial: Trial, seed: u64) -> Duration {
    let mut lab = Lab::new(peer, seed).await;
    // Each run meets the event at another moment between two heartbeats, types or does not type
    // into the outage, and types the last key another while after it.
    sleep(2 * S + seed as u32 * 137 % 1333 * MS).await;
    let types = !seed.is_multiple_of(3);
    let pause = seed as u32 * 41 % 180 * MS;
    match trial {
        Trial::Roam => {
            lab.network.set_addresses(&[CAFE]);
            lab.tell(Event::Changed).await;
        }
        Trial::UntoldRoam => lab.network.set_addresses(&[CAFE]),
        Trial::SoftRoam => {
            lab.network.set_addresses(&[CAFE, HOME]);
            lab.tell(Event::Changed).await;
            sleep(pause).await;
            assert!(lab.echo_of_a_key().await <= RTT + 30 * MS);
            sleep(S).await;
            lab.network.set_addresses(&[CAFE]);
            lab.tell(Event::Changed).await;
        }
        Trial::Gap(gap) => {
            lab.network.set_addresses(&[]);
            lab.tell(Event::Changed).await;
            outage(&mut lab, types, gap).await;
            lab.network.set_addresses(&[CAFE]);
            lab.tell(Event::Changed).await;
        }
        Trial::Cut(length) => {
            lab.network.change(|weather| weather.dark = true);
            outage(&mut lab, types, length).await;
            lab.network.change(|weather| weather.dark = false);
        }
        Trial::Block(direction) => {
            lab.network
                .change_one(direction, |weather| weather.dark = true);
            outage(&mut lab, types, 10 * S).await;
            lab.network
                .change_one(direction, |weather| weather.dark = false);
        }
        Trial::Sleep(length) => {
            if types {
                lab.type_key().await;
            }
            lab.fall_asleep();
            sleep(length).await;
            lab.wake_up();
            // In every second run the system says nothing.
            if seed.is_multiple_of(2) {
                lab.tell(Event::Woke).await;
            }
        }
        Trial::Rebind(address) => lab.network.translate(address),
    }
    sleep(pause).await;
    let wait = lab.echo_of_a_key().await;
    // It stays well, along one path.
    sleep(5 * S).await;
    lab.network.take_flows();
    sleep(5 * S).await;
    let later = lab.echo_of_a_key().await;
    assert!(later <= RTT + 30 * MS, "{later:?} with seed {seed}");
    assert_eq!(lab.network.take_flows().len(), 1);
    wait
}

async fn outage(lab: &mut Lab, types: bool, length: Duration) {
    let typed_for = if types { 3 } else { 0 };
    for _ in 0..typed_for {
        sleep(700 * MS).await;
        lab.type_key().await;
    }
    sleep(length - typed_for * 700 * MS).await;
}

const RUNS: u64 = 16;
const LIMIT: Duration = Duration::from_millis(200);
const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
