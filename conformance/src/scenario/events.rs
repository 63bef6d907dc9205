//! Everything that happens to a path, under the real path with its bus and heartbeat: a key that is typed once the
//! network is back has its echo within a round trip and 150 ms, and no key is lost or comes twice.

use std::time::Duration;

use tokio::time::sleep;
use tssh_core::proxy::network::Event;

use super::{MS, S};
use crate::lab::{LAB_RTT, Lab, Peer};
use crate::medium::Direction;
use crate::rig::World;
use crate::roaming::{CAFE, HOME};

/// A scenario for each event and each kind of server: ours, the Go program, and that with lost acknowledgements.
macro_rules! events {
    ($($said:literal: $trial:expr => $ours:ident $foreign:ident $lossy:ident;)+) => {
        $(#[doc = $said]
        pub async fn $ours(world: World) {
            happens(world, Peer::Ours, $trial).await;
        }

        #[doc = $said]
        pub async fn $foreign(world: World) {
            happens(world, Peer::Foreign, $trial).await;
        }

        #[doc = $said]
        pub async fn $lossy(world: World) {
            happens(world, Peer::ForeignThatLosesAcks, $trial).await;
        })+
    };
}

events! {
    "From one network to another.": Trial::Roam =>
        after_a_roam_a_key_has_its_echo
        after_a_roam_a_key_has_its_echo_from_a_foreign_server
        after_a_roam_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "The same, and the system says nothing.": Trial::UntoldRoam =>
        after_a_roam_that_nobody_tells_of_a_key_has_its_echo
        after_a_roam_that_nobody_tells_of_a_key_has_its_echo_from_a_foreign_server
        after_a_roam_that_nobody_tells_of_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "The new network is there before the old one goes.": Trial::SoftRoam =>
        after_a_soft_roam_a_key_has_its_echo
        after_a_soft_roam_a_key_has_its_echo_from_a_foreign_server
        after_a_soft_roam_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "From one network to another, with none between them.": Trial::Gap(5 * S) =>
        after_a_roam_with_a_gap_a_key_has_its_echo
        after_a_roam_with_a_gap_a_key_has_its_echo_from_a_foreign_server
        after_a_roam_with_a_gap_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "A tunnel.": Trial::Cut(30 * S) =>
        after_a_cut_of_half_a_minute_a_key_has_its_echo
        after_a_cut_of_half_a_minute_a_key_has_its_echo_from_a_foreign_server
        after_a_cut_of_half_a_minute_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "A long tunnel.": Trial::Cut(600 * S) =>
        after_a_cut_of_ten_minutes_a_key_has_its_echo
        after_a_cut_of_ten_minutes_a_key_has_its_echo_from_a_foreign_server
        after_a_cut_of_ten_minutes_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "The lid is shut, and opened again.": Trial::Sleep(30 * S) =>
        after_a_sleep_of_half_a_minute_a_key_has_its_echo
        after_a_sleep_of_half_a_minute_a_key_has_its_echo_from_a_foreign_server
        after_a_sleep_of_half_a_minute_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "A night.": Trial::Sleep(8 * 3600 * S) =>
        after_a_sleep_of_eight_hours_a_key_has_its_echo
        after_a_sleep_of_eight_hours_a_key_has_its_echo_from_a_foreign_server
        after_a_sleep_of_eight_hours_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "A translator that forgets.": Trial::Rebind(HOME) =>
        after_another_port_by_the_translator_a_key_has_its_echo
        after_another_port_by_the_translator_a_key_has_its_echo_from_a_foreign_server
        after_another_port_by_the_translator_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "A provider that gives another address.": Trial::Rebind(CAFE) =>
        after_another_address_by_the_translator_a_key_has_its_echo
        after_another_address_by_the_translator_a_key_has_its_echo_from_a_foreign_server
        after_another_address_by_the_translator_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "Nothing reaches the server for a while.": Trial::Block(Direction::There) =>
        after_a_block_towards_the_server_a_key_has_its_echo
        after_a_block_towards_the_server_a_key_has_its_echo_from_a_foreign_server
        after_a_block_towards_the_server_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
    "Nothing comes back for a while.": Trial::Block(Direction::Back) =>
        after_a_block_towards_the_client_a_key_has_its_echo
        after_a_block_towards_the_client_a_key_has_its_echo_from_a_foreign_server
        after_a_block_towards_the_client_a_key_has_its_echo_from_a_server_whose_acks_are_lost;
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

/// The echo of a key that is typed when the network is back comes in time.
async fn happens(world: World, peer: Peer, trial: Trial) {
    let seed = world.seed;
    // Every second run is that of a machine with two networks.
    let mut lab = match peer == Peer::Ours && seed % 4 < 2 {
        true => Lab::between_networks(&*world.transport, seed).await,
        false => Lab::new(&*world.transport, peer, seed).await,
    };
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
            assert!(lab.echo_of_a_key().await <= LAB_RTT + 30 * MS);
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
    assert!(wait <= LIMIT, "an echo took {wait:?}");
    // It stays well, along one path.
    sleep(5 * S).await;
    lab.network.take_flows();
    sleep(5 * S).await;
    let later = lab.echo_of_a_key().await;
    assert!(
        later <= LAB_RTT + 30 * MS,
        "an echo took {later:?} later on"
    );
    assert_eq!(lab.network.take_flows().len(), 1, "paths in use");
}

async fn outage(lab: &mut Lab, types: bool, length: Duration) {
    let typed_for = if types { 3 } else { 0 };
    for _ in 0..typed_for {
        sleep(700 * MS).await;
        lab.type_key().await;
    }
    sleep(length - typed_for * 700 * MS).await;
}

/// The design's bound.
const LIMIT: Duration = LAB_RTT.saturating_add(Duration::from_millis(150));
