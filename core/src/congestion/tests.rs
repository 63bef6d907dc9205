//! How a sender fares on many paths, alone and beside others.

use std::time::{Duration, Instant};

use super::Congestion;
use super::world::{Dice, HOME, Jitter, PACKET, Path, World};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

#[test]
fn a_clean_path_is_filled_and_its_queue_stays_short() {
    let mut world = World::new(HOME, 1);
    world.run(3 * S);
    let seen = world.measure(20 * S);
    assert!(seen.ours > 0.93 * HOME.rate, "{seen:?}");
    assert!(seen.queue_p99 < 45 * MS, "{seen:?}");
    assert_eq!(seen.dropped, 0, "{seen:?}");
}

#[test]
fn the_first_seconds_fill_the_path_without_overflowing_it() {
    let mut world = World::new(HOME, 2);
    let seen = world.measure(2 * S);
    assert!(seen.ours > 0.6 * HOME.rate, "{seen:?}");
    assert_eq!(seen.dropped, 0, "{seen:?}");
}

#[test]
fn loss_at_random_does_not_make_the_window_collapse() {
    for (loss, delay, share) in [(0.01, 100, 0.9), (0.05, 100, 0.85), (0.2, 300, 0.65)] {
        for seed in 1..=3 {
            let path = Path {
                rate: 2.5e6,
                delay: delay * MS,
                queue: 500e3,
                loss,
                jitter: Jitter::None,
            };
            let mut world = World::new(path, seed);
            world.run(10 * S);
            let seen = world.measure(30 * S);
            assert!(
                seen.ours > share * path.rate,
                "loss {loss}, seed {seed}: {seen:?}"
            );
            assert!(
                seen.queue_p99 < 100 * MS,
                "loss {loss}, seed {seed}: {seen:?}"
            );
        }
    }
}

#[test]
fn round_trips_that_differ_at_random_are_no_queue() {
    for jitter in [Jitter::Apart(30 * MS), Jitter::InOrder(60 * MS)] {
        for loss in [0.0, 0.2] {
            for seed in 1..=4 {
                let mut world = World::new(far(jitter, loss), seed);
                // Keys, one by one, know the shortest round trip that bulk does not meet again.
                world.permitted = PACKET;
                world.run(10 * S);
                world.permitted = u64::MAX;
                world.run(5 * S);
                let seen = world.measure(10 * S);
                let case = format!("{jitter:?}, loss {loss}, seed {seed}: {seen:?}");
                assert!(seen.ours > 0.85 * (1.0 - loss) * 2.5e6, "{case}");
                assert!(seen.queue_p99 < 150 * MS, "{case}");
            }
        }
    }
}

#[test]
fn an_unlucky_first_look_at_a_path_with_jitter_is_overcome() {
    for seed in 10..=19 {
        let mut world = World::new(far(Jitter::InOrder(60 * MS), 0.2), seed);
        world.run(20 * S);
        let seen = world.measure(10 * S);
        assert!(seen.ours > 0.75 * 0.8 * 2.5e6, "seed {seed}: {seen:?}");
    }
}

#[test]
fn on_a_path_with_jitter_a_flow_of_tcp_keeps_its_share_too() {
    for jitter in [Jitter::Apart(30 * MS), Jitter::InOrder(60 * MS)] {
        for seed in 1..=2 {
            let mut world = World::new(far(jitter, 0.0), seed);
            world.permitted = PACKET;
            world.run(10 * S);
            world.permitted = u64::MAX;
            world.add_rival();
            world.run(15 * S);
            let seen = world.measure(60 * S);
            let share = seen.ours / (seen.ours + seen.rival);
            assert!(
                (0.2..0.6).contains(&share),
                "{jitter:?}, seed {seed}: {share} {seen:?}"
            );
        }
    }
}

#[test]
fn what_is_lost_in_flight_leaves_no_more_gaps_than_a_receiver_bears() {
    for loss in [0.05, 0.2, 0.5] {
        let path = Path {
            rate: 100e6,
            delay: 200 * MS,
            queue: 20e6,
            loss,
            jitter: Jitter::None,
        };
        let mut world = World::new(path, 1);
        world.ours = world.ours.with_most_gaps(250);
        world.run(10 * S);
        let lost = (world.ours.window() / PACKET) as f64 * loss;
        assert!((150.0..350.0).contains(&lost), "loss {loss}: {lost}");
    }
}

#[test]
fn loss_stalls_where_it_is_not_the_path_that_limits() {
    let path = |rate| Path {
        rate,
        delay: 300 * MS,
        queue: 20e6,
        loss: 0.2,
        jitter: Jitter::None,
    };
    // The peer permits less than the path would carry.
    let mut world = World::new(path(100e6), 1);
    world.permitted = 1000 * PACKET;
    world.run(10 * S);
    let seen = world.ours.loss_that_stalls();
    assert!((0.17..0.23).contains(&seen), "{seen}");

    // So many gaps are all that the peer bears.
    let mut world = World::new(path(100e6), 2);
    world.ours = world.ours.with_most_gaps(250);
    world.run(10 * S);
    let seen = world.ours.loss_that_stalls();
    assert!((0.17..0.23).contains(&seen), "{seen}");

    // The path is full.
    let mut world = World::new(path(2.5e6), 3);
    for _ in 0..20 {
        world.run(S);
        assert_eq!(world.ours.loss_that_stalls(), 0.0);
    }
}

#[test]
fn beside_a_flow_of_tcp_no_loss_stalls() {
    let mut world = World::new(HOME, 1);
    world.run(5 * S);
    world.add_rival();
    world.run(15 * S);
    let mut dropped = 0;
    for _ in 0..600 {
        dropped += world.measure(100 * MS).dropped;
        assert_eq!(world.ours.loss_that_stalls(), 0.0);
    }
    assert!(dropped > 0);
}

#[test]
fn a_flow_of_tcp_beside_it_gets_its_share_and_leaves_one() {
    for first in [0, 5] {
        let mut world = World::new(HOME, 1);
        world.run(first * S);
        world.add_rival();
        world.run(15 * S);
        let seen = world.measure(60 * S);
        let share = seen.ours / (seen.ours + seen.rival);
        assert!(
            (0.35..0.65).contains(&share),
            "after {first} s: {share} {seen:?}"
        );
        assert!(seen.ours + seen.rival > 0.9 * HOME.rate, "{seen:?}");
    }
}

#[test]
fn once_the_other_flow_has_ended_the_queue_is_short_again() {
    let mut world = World::new(HOME, 3);
    world.add_rival();
    world.run(30 * S);
    world.remove_rival();
    world.run(15 * S);
    let seen = world.measure(10 * S);
    assert!(seen.ours > 0.93 * HOME.rate, "{seen:?}");
    assert!(seen.queue_p99 < 45 * MS, "{seen:?}");
}

#[test]
fn a_path_that_gets_faster_is_found_out_and_one_that_gets_slower_too() {
    let mut world = World::new(HOME, 4);
    world.run(10 * S);
    world.path.rate = 10e6;
    world.run(5 * S);
    let faster = world.measure(10 * S);
    world.path.rate = 1e6;
    world.run(20 * S);
    let slower = world.measure(10 * S);
    assert!(faster.ours > 9e6, "{faster:?}");
    assert!(
        slower.ours > 0.9e6 && slower.queue_p99 < 100 * MS,
        "{slower:?}"
    );
}

#[test]
fn a_path_whose_round_trip_gets_longer_stays_filled() {
    let mut world = World::new(HOME, 9);
    world.path.delay = 20 * MS;
    world.run(10 * S);
    world.path.delay = 100 * MS;
    world.run(5 * S);
    let soon = world.measure(20 * S);
    world.run(300 * S);
    let later = world.measure(20 * S);
    assert!(soon.ours > 0.8 * HOME.rate, "{soon:?}");
    assert!(later.ours > 0.93 * HOME.rate, "{later:?}");
    assert!(later.queue_p99 < 45 * MS, "{later:?}");
}

#[test]
fn a_queue_that_holds_next_to_nothing_costs_little_loss() {
    let path = Path {
        queue: 15e3,
        ..HOME
    };
    let mut world = World::new(path, 5);
    world.run(20 * S);
    let seen = world.measure(30 * S);
    let lost = seen.dropped as f64 * PACKET as f64 / 30.0 / HOME.rate;
    assert!(seen.ours > 0.85 * HOME.rate, "{seen:?}");
    assert!(lost < 0.06, "{lost} {seen:?}");
}

#[test]
fn a_path_of_a_fraction_of_a_millisecond_is_filled_too() {
    let path = Path {
        rate: 40e6,
        delay: MS / 5,
        queue: 2e6,
        loss: 0.0,
        jitter: Jitter::None,
    };
    let mut world = World::new(path, 6);
    world.run(S);
    let seen = world.measure(2 * S);
    assert!(seen.ours > 0.9 * path.rate, "{seen:?}");
}

#[test]
fn a_pause_of_the_program_does_not_make_the_path_slow() {
    let mut world = World::new(HOME, 7);
    world.run(10 * S);
    let full = world.ours.window();
    world.sending = false;
    world.run(20 * S);
    world.sending = true;
    world.run(S);
    let seen = world.measure(S);
    assert!(seen.ours > 0.9 * HOME.rate, "{full} {seen:?}");
}

#[test]
fn marks_of_a_router_are_obeyed_and_a_blackout_starts_anew() {
    let mut world = World::new(HOME, 8);
    world.run(10 * S);
    let before = world.ours.window();
    world.ours.handle_marked(world.now, world.now + MS);
    let after = world.ours.window();
    assert!(after <= before * 7 / 10 + PACKET, "{before} {after}");

    world.ours.handle_blackout(world.now);
    assert_eq!(world.ours.window(), world.ours.first_window());
}

#[test]
fn nothing_that_is_told_makes_it_stop_or_grow_without_end() {
    for seed in 1..=200 {
        let mut dice = Dice(seed);
        let t0 = Instant::now();
        let mut now = t0;
        let mut congestion = Congestion::new(1400, now);
        for _ in 0..2000 {
            now += MS.mul_f64(dice.throw() * 50.0);
            // Moments that a peer could make up, and orders that no network makes.
            let sent = t0 + now.duration_since(t0).mul_f64(dice.throw());
            let bytes = (dice.throw() * 3000.0) as u64;
            match (dice.throw() * 6.0) as u32 {
                0 => congestion.handle_sent(bytes, now),
                1 => congestion.handle_acked(sent, bytes, now),
                2 => congestion.handle_lost(sent, bytes, now),
                3 => congestion.handle_marked(sent, now),
                4 => congestion.handle_packet_size(1200 + (bytes % 300) as u16),
                _ => congestion.handle_acks_end(bytes, bytes.is_multiple_of(2), now),
            }
            assert!(congestion.window() >= 4 * 1200, "seed {seed}");
            assert!(congestion.window() < 1 << 40, "seed {seed}");
        }
    }
}

/// 20 Mbit/s, a round trip of 300 ms on average, a queue of 1 MB.
fn far(jitter: Jitter, loss: f64) -> Path {
    let delay = match jitter {
        Jitter::None => 300 * MS,
        Jitter::Apart(most) | Jitter::InOrder(most) => 300 * MS - most,
    };
    Path {
        rate: 2.5e6,
        delay,
        queue: 1e6,
        loss,
        jitter,
    }
}
