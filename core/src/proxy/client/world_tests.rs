//! Client and server as they are, and a network that blocks what it likes: how long nobody answers.

use std::time::Duration;

use super::world::{MS, S, TYPED, World};
use super::{Carrier, Carriers, Trigger};

const SEEDS: u64 = 50;

#[test]
fn where_udp_is_blocked_from_the_start_a_stream_is_the_path_within_two_seconds() {
    for seed in 0..SEEDS {
        let mut world = World::new(Carriers::Both, seed);
        world.udp = false;
        assert!(world.outage(20 * S) <= 2 * S, "seed {seed}");
        assert_eq!(world.carrier(), Carrier::Stream);
    }
}

#[test]
fn when_udp_is_blocked_in_mid_session_the_fall_takes_two_and_a_half_seconds_and_the_way_back_no_gap()
 {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        assert_eq!(world.carrier(), Carrier::Udp);
        world.udp = false;
        let fall = world.outage(20 * S);
        assert!(fall <= 2500 * MS, "seed {seed}: {fall:?}");
        assert_eq!(world.carrier(), Carrier::Stream);
        world.udp = true;
        let gap = world.outage(60 * S);
        assert_eq!(world.carrier(), Carrier::Udp, "seed {seed}");
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
    }
}

#[test]
fn where_only_small_packets_pass_over_udp_a_stream_takes_over_within_two_seconds_and_for_good() {
    for seed in 0..SEEDS {
        let mut world = World::new(Carriers::Both, seed);
        world.narrow = true;
        world.run(2 * S);
        assert_eq!(world.carrier(), Carrier::Stream, "seed {seed}");
        let moves = world.moves;
        let gap = world.outage(100 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
        assert_eq!(world.moves, moves, "seed {seed}: to and fro");
        // Another network is another chance.
        world.narrow = false;
        world.hint(Trigger::NetworkChanged);
        world.run(3 * S);
        assert_eq!(world.carrier(), Carrier::Udp, "seed {seed}");
        world.narrow = true;
        world.hint(Trigger::NetworkChanged);
        world.run(3 * S);
        assert_eq!(world.carrier(), Carrier::Stream, "seed {seed}");
    }
}

#[test]
fn a_path_that_loses_packets_of_any_size_is_not_taken_for_a_narrow_one() {
    let mut streams = 0;
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        world.loss = 20;
        for _ in 0..10 {
            world.hint(Trigger::NetworkChanged);
            world.run(2 * S);
            streams += u32::from(world.carrier() == Carrier::Stream);
        }
    }
    assert!(streams <= 2, "{streams} of 500 times");
}

#[test]
fn where_no_stream_is_to_be_had_a_narrow_path_is_kept() {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        (world.narrow, world.streams) = (true, false);
        world.hint(Trigger::NetworkChanged);
        let gap = world.outage(100 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
        assert_eq!(world.carrier(), Carrier::Udp, "seed {seed}");
        // A stream is looked for again.
        world.streams = true;
        world.run(40 * S);
        assert_eq!(world.carrier(), Carrier::Stream, "seed {seed}");
    }
}

#[test]
fn when_streams_are_blocked_udp_goes_on_as_if_nothing_were() {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        world.streams = false;
        let gap = world.outage(20 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
        assert_eq!(world.carrier(), Carrier::Udp);
    }
}

#[test]
fn after_a_cut_of_everything_udp_is_back_as_soon_as_the_network() {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        world.cut(true);
        world.run(Duration::from_millis(1000 + seed * 97));
        world.cut(false);
        let gap = world.outage(60 * S);
        // A port that is given up while its answer is on the way costs another round trip.
        assert!(gap <= 2 * world.rtt + 150 * MS, "seed {seed}: {gap:?}");
        assert_eq!(world.carrier(), Carrier::Udp, "seed {seed}");
    }
}

#[test]
fn after_a_cut_a_stream_that_is_all_there_is_is_back_within_half_a_second_and_a_handshake() {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Stream, seed);
        world.cut(true);
        world.run(Duration::from_millis(1000 + seed * 97));
        world.cut(false);
        let gap = world.outage(20 * S);
        // A connection, then the claim with the data behind it.
        assert!(gap <= 2 * world.rtt + 500 * MS, "seed {seed}: {gap:?}");
    }
}

#[test]
fn a_stream_that_stands_still_is_left_for_one_that_works() {
    for seed in 0..SEEDS {
        for carriers in [Carriers::Stream, Carriers::Both] {
            let mut world = World::settled(Carriers::Stream, seed);
            if carriers == Carriers::Both {
                world = World::new(carriers, seed);
                world.udp = false;
                world.outage(10 * S);
            }
            world.stall();
            let gap = world.outage(20 * S);
            assert!(gap <= 4 * world.rtt + 500 * MS, "seed {seed}: {gap:?}");
        }
    }
}

#[test]
fn where_the_streams_of_a_slow_path_take_seconds_one_is_the_path_in_the_end() {
    for seed in 0..20 {
        let mut world = World::new(Carriers::Stream, seed);
        world.rtt = Duration::from_millis(700 + 60 * seed);
        world.run(20 * S);
        assert_eq!(world.carrier(), Carrier::Stream);
        let gap = world.outage(20 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
    }
}

#[test]
fn on_a_path_that_loses_a_third_of_its_packets_nobody_is_left_alone_in_the_race() {
    let mut worst = Duration::ZERO;
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        world.cut(true);
        world.run(Duration::from_millis(2000 + seed * 131));
        world.loss = 33;
        world.cut(false);
        worst = worst.max(world.outage(20 * S));
    }
    // Well below the four seconds after which a path counts as dead.
    assert!(worst < 3 * S, "{worst:?}");
}
