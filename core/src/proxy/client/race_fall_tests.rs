//! A client that tries several ways, and has streams besides: where UDP ends on all of them, and comes back.

use std::time::Duration;

use super::world::{MS, S, TYPED, World};
use super::{Carrier, Carriers};

const SEEDS: u64 = 50;

/// Addresses of the server, and interfaces beside the one that the system chooses.
const WAYS: [(usize, usize); 4] = [(1, 0), (1, 1), (2, 1), (3, 2)];

#[test]
fn where_udp_ends_on_all_ways_a_stream_takes_over_within_two_seconds_and_udp_comes_back_without_a_gap()
 {
    for (ways, seed) in cases() {
        let mut world = racing(ways, seed).after(10 * S);
        assert_eq!(world.carrier(), Carrier::Udp);
        world.udp = false;
        let fall = world.outage(20 * S);
        let limit = noticed(&world) + silent_second() + handshake(&world);
        assert!(fall <= limit, "{ways:?}, seed {seed}: {fall:?} > {limit:?}");
        assert_eq!(world.carrier(), Carrier::Stream, "{ways:?}, seed {seed}");
        world.udp = true;
        let gap = world.outage(60 * S);
        assert_eq!(world.carrier(), Carrier::Udp, "{ways:?}, seed {seed}");
        assert!(gap <= calm(&world), "{ways:?}, seed {seed}: {gap:?}");
        agree(&mut world, ways, seed);
    }
}

#[test]
fn where_udp_is_refused_on_all_ways_a_stream_takes_over_at_once() {
    for (ways, seed) in cases() {
        let mut world = racing(ways, seed).after(10 * S);
        (world.udp, world.refused) = (false, true);
        let fall = world.outage(20 * S);
        // The key that is refused is the first sign; nothing waits for a second of silence.
        let limit = world.rtt + TYPED + world.rtt + handshake(&world);
        assert!(fall <= limit, "{ways:?}, seed {seed}: {fall:?} > {limit:?}");
        assert_eq!(world.carrier(), Carrier::Stream, "{ways:?}, seed {seed}");
        (world.udp, world.refused) = (true, false);
        let gap = world.outage(60 * S);
        assert_eq!(world.carrier(), Carrier::Udp, "{ways:?}, seed {seed}");
        assert!(gap <= calm(&world), "{ways:?}, seed {seed}: {gap:?}");
    }
}

#[test]
fn where_udp_is_blocked_from_the_start_a_stream_is_the_path_within_two_seconds() {
    for (ways, seed) in cases() {
        let mut world = racing(ways, seed);
        world.udp = false;
        let first = world.outage(20 * S);
        assert!(first <= 2 * S, "{ways:?}, seed {seed}: {first:?}");
        assert_eq!(world.carrier(), Carrier::Stream, "{ways:?}, seed {seed}");
    }
}

#[test]
fn in_another_network_without_udp_a_stream_is_the_path_within_two_seconds() {
    for (ways, seed) in cases() {
        let mut world = racing(ways, seed).after(10 * S);
        world.udp = false;
        world.change_network();
        let fall = world.outage(20 * S);
        let limit = silent_second() + handshake(&world);
        assert!(fall <= limit, "{ways:?}, seed {seed}: {fall:?} > {limit:?}");
        assert_eq!(world.carrier(), Carrier::Stream, "{ways:?}, seed {seed}");
    }
}

#[test]
fn in_another_network_with_udp_a_session_on_a_stream_goes_on_at_once_and_is_soon_on_udp() {
    for (ways, seed) in cases() {
        let mut world = racing(ways, seed);
        world.udp = false;
        world.run(20 * S);
        assert_eq!(world.carrier(), Carrier::Stream, "{ways:?}, seed {seed}");
        world.udp = true;
        world.change_network();
        let gap = world.outage(5 * S);
        let limit = handshake(&world) + TYPED;
        assert!(gap <= limit, "{ways:?}, seed {seed}: {gap:?} > {limit:?}");
        assert_eq!(world.carrier(), Carrier::Udp, "{ways:?}, seed {seed}");
        agree(&mut world, ways, seed);
    }
}

#[test]
fn where_one_interface_dies_another_one_by_udp_comes_before_a_stream() {
    for seed in 0..SEEDS {
        let mut world = racing((1, 1), seed).after(10 * S);
        world.dead_interfaces = vec![0];
        let gap = world.outage(20 * S);
        let limit = noticed(&world) + noticed(&world);
        assert!(gap <= limit, "seed {seed}: {gap:?} > {limit:?}");
        assert_eq!(world.carrier(), Carrier::Udp, "seed {seed}");
        // There UDP ends too, and streams leave by the first interface alone.
        world.udp = false;
        world.dead_interfaces.clear();
        let fall = world.outage(20 * S);
        let limit = noticed(&world) + silent_second() + handshake(&world);
        assert!(fall <= limit, "seed {seed}: {fall:?} > {limit:?}");
        assert_eq!(world.carrier(), Carrier::Stream, "seed {seed}");
    }
}

#[test]
fn after_a_cut_of_everything_udp_is_back_as_soon_as_the_network_whatever_claims_are_on_their_way() {
    for (ways, seed) in cases() {
        let mut world = racing(ways, seed).after(10 * S);
        world.cut(true);
        world.run(Duration::from_millis(1000 + seed * 97));
        world.cut(false);
        let gap = world.outage(60 * S);
        // A port that is given up while its answer is on the way costs another round trip.
        let limit = 2 * world.rtt + 150 * MS;
        assert!(gap <= limit, "{ways:?}, seed {seed}: {gap:?} > {limit:?}");
        assert_eq!(world.carrier(), Carrier::Udp, "{ways:?}, seed {seed}");
        agree(&mut world, ways, seed);
    }
}

fn cases() -> impl Iterator<Item = ((usize, usize), u64)> {
    WAYS.into_iter()
        .flat_map(|ways| (0..SEEDS).map(move |seed| (ways, seed)))
}

fn racing(ways: (usize, usize), seed: u64) -> World {
    World::racing_by(Carriers::Both, ways, seed)
}

/// Client and server use the same way, and nothing is missing.
fn agree(world: &mut World, ways: (usize, usize), seed: u64) {
    let gap = world.outage(10 * S);
    assert!(gap <= calm(world), "{ways:?}, seed {seed}: {gap:?}");
    let (here, there) = world.ways();
    assert_eq!(Some(here), there, "{ways:?}, seed {seed}");
}

/// Between two answers where nothing is wrong.
fn calm(world: &World) -> Duration {
    world.rtt + 2 * TYPED
}

/// From the last answer until a key that has none in time tells.
fn noticed(world: &World) -> Duration {
    world.rtt + TYPED + world.rtt * 5 / 4 + 35 * MS
}

/// UDP has this long before streams are tried beside it.
fn silent_second() -> Duration {
    S
}

/// A connection, then a claim and its answer, then the key and its echo.
fn handshake(world: &World) -> Duration {
    3 * world.rtt + 2 * MS
}
