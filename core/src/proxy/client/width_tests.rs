//! A path that turns narrow, or does not, while it is in use.

use std::time::{Duration, Instant};

use super::stream_tests::drain;
use super::world::{Bulk, MS, S, TYPED, World};
use super::{Carrier, Carriers, Output, State, Timing};
use crate::auth::{Ack, Challenger, Claim};
use crate::proxy::LinkId;

const SEEDS: u64 = 20;
const CLIENT: u64 = 7;
const SERVER: u64 = 9;

#[test]
fn a_path_that_turns_narrow_under_bulk_is_left_within_four_seconds_though_keys_pass() {
    for bulk in [Bulk::Down, Bulk::Up] {
        for seed in 0..SEEDS {
            let mut world = World::settled(Carriers::Both, seed).with_bulk(bulk);
            world.run(Duration::from_millis(5000 + seed * 97));
            assert_eq!((world.carrier(), world.moves), (Carrier::Udp, 1));
            world.narrow = true;
            world.run(4 * S);
            assert_eq!(world.carrier(), Carrier::Stream, "{bulk:?}, seed {seed}");
            let gap = world.outage(60 * S);
            assert!(
                gap <= world.rtt + 2 * TYPED,
                "{bulk:?}, seed {seed}: {gap:?}"
            );
            assert_eq!(world.moves, 2, "{bulk:?}, seed {seed}: to and fro");
        }
    }
}

/// What a program answers to a key may be large.
#[test]
fn a_path_that_turns_narrow_while_keys_are_typed_is_left_within_thirteen_seconds() {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        world.run(Duration::from_millis(5000 + seed * 397));
        world.narrow = true;
        let gap = world.outage(13 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
        assert_eq!(world.carrier(), Carrier::Stream, "seed {seed}");
        // The answer to a key that was typed before comes all the same.
        let mut world = world.with_bulk(Bulk::Down);
        let before = world.heard;
        world.run(S);
        assert!(world.heard - before >= 50, "seed {seed}");
    }
}

#[test]
fn a_path_that_is_wide_is_asked_every_ten_seconds_and_kept() {
    for bulk in [None, Some(Bulk::Down), Some(Bulk::Up)] {
        let mut world = World::settled(Carriers::Both, 1);
        if let Some(bulk) = bulk {
            world = world.with_bulk(bulk);
        }
        world.run(20 * S);
        world.asked = 0;
        let gap = world.outage(100 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "{bulk:?}: {gap:?}");
        assert!((9..=11).contains(&world.asked), "{bulk:?}: {}", world.asked);
        assert_eq!((world.carrier(), world.moves), (Carrier::Udp, 1));
    }
}

#[test]
fn where_no_stream_is_to_be_had_a_path_that_turned_narrow_is_kept_until_there_is_one() {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        world.streams = false;
        world.narrow = true;
        let gap = world.outage(60 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
        assert_eq!(world.carrier(), Carrier::Udp, "seed {seed}");
        world.streams = true;
        world.run(40 * S);
        assert_eq!(world.carrier(), Carrier::Stream, "seed {seed}");
    }
}

/// Large packets were lost, and pass again: what blocks UDP a day later is not taken for that.
#[test]
fn a_path_that_was_narrow_for_a_while_counts_as_wide_again_once_a_large_packet_passes() {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        (world.streams, world.narrow) = (false, true);
        world.run(20 * S);
        world.narrow = false;
        world.run(60 * S);
        world.streams = true;
        world.udp = false;
        world.run(20 * S);
        assert_eq!(world.carrier(), Carrier::Stream, "seed {seed}");
        world.udp = true;
        world.run(60 * S);
        assert_eq!(world.carrier(), Carrier::Udp, "seed {seed}");
    }
}

#[test]
fn one_question_that_has_its_answer_is_all_and_one_that_has_none_is_followed_by_more() {
    let (mut state, t0) = in_use();
    let due = t0 + 10 * S;
    assert_eq!(state.poll_timeout(), Some(due));
    assert_eq!(questions(&mut state, due - MS), 0);
    assert_eq!(questions(&mut state, due), 1);
    state.handle_answer(LINK, answer(), false);
    state.handle_answer(LINK, answer(), true);
    assert_eq!(
        (state.poll_timeout(), questions(&mut state, due + 9 * S)),
        (None, 0)
    );

    state.handle_opened(100, due + 10 * S);
    assert_eq!(questions(&mut state, due + 10 * S), 1);
    let doubts = due + 10 * S + 200 * MS;
    assert_eq!(state.poll_timeout(), Some(doubts));
    for question in 0..16 {
        assert_eq!(questions(&mut state, doubts + question * 100 * MS), 1);
        state.handle_answer(LINK, answer(), false);
        assert!(!state.is_trying());
    }
    questions(&mut state, doubts + 1700 * MS);
    assert!(state.is_trying(), "a stream is called");
}

#[test]
fn where_small_questions_are_not_answered_either_a_path_in_use_is_not_narrow() {
    let (mut state, t0) = in_use();
    let mut asked = 0;
    for step in 0..200 {
        asked += questions(&mut state, t0 + step * 100 * MS);
        // Three of them: the others are lost, and so may be the large ones.
        if (100..=115).contains(&step) && step % 5 == 0 {
            state.handle_answer(LINK, answer(), false);
        }
    }
    assert_eq!((asked, state.is_trying()), (17, false));
}

#[test]
fn where_every_fifth_packet_is_lost_a_path_in_use_is_asked_for_a_day_and_not_taken_for_a_narrow_one()
 {
    let (mut state, t0) = in_use();
    let mut dice = 7_u64;
    let mut passes = || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) % 100 < 64
    };
    let (mut now, mut opened, mut asked) = (t0, 100, 0);
    while now < t0 + 86_400 * S {
        now = state
            .poll_timeout()
            .map_or(now + 500 * MS, |at| at.max(now));
        opened += 10;
        state.handle_opened(opened, now);
        for _ in 0..questions(&mut state, now) {
            asked += 1;
            for large in [false, true] {
                if passes() {
                    state.handle_answer(LINK, answer(), large);
                }
            }
        }
        assert!(!state.is_trying(), "after {:?}", now - t0);
    }
    assert!((8_600..20_000).contains(&asked), "{asked} questions");
}

#[test]
fn while_another_path_is_tried_the_one_in_use_is_not_asked() {
    let (mut state, t0) = in_use();
    let due = t0 + 10 * S;
    state.handle_trigger(super::Trigger::Unanswered, due - S);
    assert_eq!(questions(&mut state, due), 0);
    assert!(state.is_trying());
    // It was a false alarm, and the question is overdue.
    let mut now = due;
    while state.is_trying() {
        now += 100 * MS;
        state.handle_heard(LINK, now);
        if !state.is_trying() {
            break;
        }
        if questions(&mut state, now) > 0 {
            return;
        }
    }
    assert_eq!(questions(&mut state, now), 1);
}

const LINK: LinkId = LinkId(1);

fn answer() -> Ack {
    let claim = Claim {
        id: SERVER,
        serial: 0,
    };
    Ack { claim, stamp: 0 }
}

/// A path over UDP that was asked once, is wide, and was used since.
fn in_use() -> (State, Instant) {
    let t0 = Instant::now();
    let timing = Timing {
        carriers: Carriers::Both,
        confirm: true,
        wide: true,
        ..Timing::default()
    };
    let mut state = State::new(Challenger::new(CLIENT, SERVER), timing, 1, t0);
    drain(&mut state, t0);
    let claim = Claim {
        id: SERVER,
        serial: 1,
    };
    assert!(state.handle_ack(LINK, Ack { claim, stamp: 0 }, t0));
    assert!(!state.handle_heard(LINK, t0));
    assert_eq!(questions(&mut state, t0), 1);
    state.handle_answer(LINK, answer(), true);
    state.handle_opened(0, t0);
    state.handle_opened(10, t0 + S);
    // Until the former path is forgotten.
    drain(&mut state, t0 + 3 * S);
    (state, t0)
}

fn questions(state: &mut State, now: Instant) -> usize {
    let asks = |output: &Output| matches!(output, Output::Ask { link: LINK, .. });
    drain(state, now)
        .iter()
        .filter(|output| asks(output))
        .count()
}
