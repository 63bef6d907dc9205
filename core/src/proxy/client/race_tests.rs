//! Several ways at once: which are tried, when, and which one is taken.

use std::time::{Duration, Instant};

use super::stream_tests::claim_of;
use super::tests::{ack, drain};
use super::world::{MS, S, TYPED, World};
use super::{Carrier, Output, State, Timing, Trigger, Way};
use crate::auth::{Challenger, Claim};
use crate::proxy::LinkId;

const RACE: u64 = 1 << 63;
const SEEDS: u64 = 50;
const HOME: Way = way(0, 0);
const LTE: Way = way(0, 1);

#[test]
fn the_other_ways_begin_one_after_another_and_at_most_four_run_at_once() {
    let t0 = Instant::now();
    let mut state = state(2, t0);
    assert_eq!(begun(&mut state, 2, t0), [HOME]);
    assert_eq!(begun(&mut state, 2, t0 + 49 * MS), []);
    assert_eq!(begun(&mut state, 2, t0 + 50 * MS), [way(1, 0)]);
    assert_eq!(begun(&mut state, 2, t0 + 100 * MS), [LTE]);
    assert_eq!(begun(&mut state, 2, t0 + 150 * MS), [way(0, 2)]);
    assert_eq!(begun(&mut state, 2, t0 + 900 * MS), []);
    assert_eq!(state.plan().links.len(), 4);
    assert_eq!(state.plan().send.len(), 4, "early data goes along all");
    // The first one makes way for the other address, as ever.
    assert_eq!(begun(&mut state, 2, t0 + S), [way(1, 0)]);
    // And the next ones come when the others are given up.
    assert_eq!(begun(&mut state, 2, t0 + 3050 * MS), [HOME, way(1, 1)]);
}

#[test]
fn where_a_way_is_none_the_next_one_is_tried_at_once() {
    let t0 = Instant::now();
    let mut state = state(1, t0);
    begun(&mut state, 3, t0);
    let mut tried = Vec::new();
    while let Some(output) = state.poll_output(t0 + 50 * MS) {
        match output {
            Output::Survey => state.handle_surveyed(3),
            Output::Bind { link, way, .. } => {
                tried.push(way);
                state.handle_bound(link, way.interface == 3, t0 + 50 * MS);
            }
            Output::Ask { .. }
            | Output::Claim { .. }
            | Output::Dummy { .. }
            | Output::Moved { .. } => {}
        }
    }
    assert_eq!(tried, [LTE, way(0, 2), way(0, 3)]);
}

#[test]
fn a_server_that_does_not_know_of_races_is_tried_on_one_way_at_a_time() {
    let t0 = Instant::now();
    let challenger = Challenger::new(7, 9);
    let mut state = State::new(challenger, Timing::default(), 2, t0);
    for after in 0..20 {
        begun(&mut state, 2, t0 + after * 50 * MS);
        assert_eq!(state.plan().links.len(), 1);
    }
}

#[test]
fn the_first_that_answers_is_the_path_and_what_the_losers_hear_later_changes_nothing() {
    let t0 = Instant::now();
    let mut state = state(2, t0);
    begun(&mut state, 0, t0);
    begun(&mut state, 0, t0 + 50 * MS);
    let now = t0 + 90 * MS;
    assert!(state.handle_ack(LinkId(2), ack(RACE + 2), now));
    let before = format!("{state:?}");
    assert!(!state.handle_ack(LinkId(1), ack(RACE + 1), now));
    assert!(!state.handle_heard(LinkId(1), now));
    assert_eq!(format!("{state:?}"), before);
    assert_eq!(state.plan().links, [LinkId(2)]);
    // The address that answered has the first turn from now on.
    assert_eq!(state.address(), 1);
}

#[test]
fn while_the_path_in_use_answers_no_other_way_is_taken() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_trigger(Trigger::Unanswered, t0);
    begun(&mut state, 1, t0);
    assert_eq!(begun(&mut state, 1, t0 + 50 * MS), [LTE]);
    state.handle_heard(LinkId(1), t0 + 60 * MS);
    assert!(!state.handle_ack(LinkId(3), ack(RACE + 3), t0 + 200 * MS));
    assert_eq!(begun(&mut state, 1, t0 + 3 * S), []);
    assert_eq!(state.plan().links, [LinkId(1)]);
    // Another network that the system chose is tried alone.
    state.handle_trigger(Trigger::NetworkChanged, t0 + 10 * S);
    assert_eq!(begun(&mut state, 1, t0 + 10 * S), [HOME]);
    assert_eq!(begun(&mut state, 1, t0 + 11 * S), []);
}

#[test]
fn after_a_long_outage_an_answer_over_another_interface_waits_a_moment_for_the_best() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_rtt(Some(100 * MS));
    state.handle_trigger(Trigger::Unanswered, t0);
    let (mut now, mut rival, mut said) = (t0, None, None);
    while said.is_none() {
        now += 50 * MS;
        assert!(now < t0 + 60 * S, "no way over the other interface");
        while let Some(output) = state.poll_output(now) {
            match output {
                Output::Survey => state.handle_surveyed(1),
                Output::Bind { link, way, .. } => {
                    let late = way == LTE && now > t0 + 10 * S;
                    if late && rival.is_none() {
                        rival = Some(link);
                    }
                    state.handle_bound(link, true, now);
                }
                Output::Claim { link, claim, .. } if Some(link) == rival => said = Some(claim),
                Output::Ask { .. }
                | Output::Claim { .. }
                | Output::Dummy { .. }
                | Output::Moved { .. } => {}
            }
        }
    }
    let (link, claim) = (rival.unwrap(), said.unwrap());
    assert!(!state.plan().send.contains(&link), "nothing goes ahead");
    assert!(!state.handle_ack(link, ack(claim.serial), now));
    let moved = Output::Moved { link };
    assert!(!drain(&mut state, now + 59 * MS).contains(&moved));
    assert!(drain(&mut state, now + 60 * MS).contains(&moved));
}

#[test]
fn an_answer_over_another_interface_waits_until_the_best_had_its_time() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_rtt(Some(100 * MS));
    state.handle_trigger(Trigger::Unanswered, t0);
    begun(&mut state, 1, t0);
    begun(&mut state, 1, t0 + 50 * MS);
    assert_eq!(state.plan().send, [LinkId(1), LinkId(2)]);
    assert!(!state.handle_ack(LinkId(3), ack(RACE + 3), t0 + 70 * MS));
    let moved = Output::Moved { link: LinkId(3) };
    assert!(!drain(&mut state, t0 + 159 * MS).contains(&moved));
    assert_eq!(drain(&mut state, t0 + 160 * MS)[0], moved);
    assert_eq!(state.plan().send, [LinkId(3)]);
    assert!(!state.is_suspect());
}

#[test]
fn who_went_astray_looks_for_the_best_interface_ever_more_rarely_and_comes_back_without_a_gap() {
    let t0 = Instant::now();
    let mut state = astray(t0);
    let mut looked = Vec::new();
    let mut link = LinkId(0);
    for at in 0..500 {
        let now = t0 + at * 100 * MS;
        state.handle_heard(LinkId(3), now);
        for output in drain(&mut state, now) {
            if let Output::Bind {
                link: made, way, ..
            } = output
            {
                assert_eq!(way, HOME);
                link = made;
                looked.push(at / 10);
            }
        }
        assert_eq!(state.plan().send, [LinkId(3)]);
    }
    assert_eq!(looked, [1, 4, 9, 18, 35]);
    let now = t0 + 50 * S;
    state.handle_trigger(Trigger::NetworkChanged, now);
    let claims = drain(&mut state, now + 50 * MS);
    let mut claims = claims.into_iter().filter_map(claim_of);
    let claim = claims.find(|(on, _)| *on != link);
    let (link, claim) = claim.unwrap();
    assert!(state.handle_ack(link, ack(claim.serial), now + 90 * MS));
    assert_eq!(state.plan().send, [link]);
}

#[test]
fn a_claim_of_a_rival_is_repeated_like_any_other_and_its_failure_is_its_own() {
    let t0 = Instant::now();
    let mut state = state(2, t0);
    begun(&mut state, 0, t0);
    begun(&mut state, 0, t0 + 50 * MS);
    let claim = Claim {
        id: 7,
        serial: RACE + 2,
    };
    let early = true;
    let said = Output::Claim {
        link: LinkId(2),
        claim,
        early,
    };
    assert!(drain(&mut state, t0 + 100 * MS).contains(&said));
    assert!(state.is_rival(LinkId(2)) && !state.is_rival(LinkId(1)));
    state.handle_link_failed(LinkId(2), t0 + 110 * MS);
    assert_eq!(state.plan().links, [LinkId(1)]);
}

#[test]
fn where_wifi_is_dark_and_lte_is_not_the_session_moves_within_a_round_trip_and_a_little() {
    for seed in 0..SEEDS {
        let mut world = World::racing(1, 1, seed).after(10 * S);
        assert_eq!(world.ways(), (HOME, Some(HOME)));
        world.dead_interfaces = vec![0];
        let gap = world.outage(20 * S);
        assert_eq!(world.ways(), (LTE, Some(LTE)), "seed {seed}");
        // A key that is not answered in time tells; then wifi has as long again, and lte answers.
        let told = TYPED + world.rtt * 5 / 4 + 35 * MS;
        let moved = world.rtt * 5 / 4 + 35 * MS + world.rtt + 2 * MS;
        let limit = world.rtt + told + moved;
        assert!(gap <= limit, "seed {seed}: {gap:?} > {limit:?}");
        world.dead_interfaces.clear();
        let gap = world.outage(60 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
        assert_eq!(
            world.ways(),
            (HOME, Some(HOME)),
            "the system's choice is taken again"
        );
    }
}

#[test]
fn where_one_address_of_the_server_is_a_black_hole_the_other_is_the_path_at_once() {
    for dead in [0, 1] {
        for seed in 0..SEEDS {
            let mut world = World::racing(2, 0, seed);
            world.dead_addresses = vec![dead];
            let gap = world.outage(5 * S);
            let alive = way(1 - dead, 0);
            assert_eq!(world.ways(), (alive, Some(alive)), "seed {seed}");
            let limit = 2 * world.rtt + 2 * TYPED + 50 * MS;
            assert!(gap <= limit, "seed {seed}: {gap:?} > {limit:?}");
        }
    }
}

#[test]
fn when_one_address_turns_into_a_black_hole_in_mid_session_the_other_takes_over() {
    for seed in 0..SEEDS {
        let mut world = World::racing(2, 0, seed).after(10 * S);
        for dead in [0, 1, 0] {
            world.dead_addresses = vec![dead];
            let gap = world.outage(20 * S);
            let alive = way(1 - dead, 0);
            assert_eq!(world.ways(), (alive, Some(alive)), "seed {seed}");
            let limit = world.rtt + TYPED + world.rtt * 5 / 4 + 35 * MS + 50 * MS + world.rtt;
            assert!(gap <= limit + 5 * MS, "seed {seed}: {gap:?} > {limit:?}");
        }
    }
}

#[test]
fn where_all_ways_live_the_best_is_kept_and_a_false_alarm_moves_nothing_to_another() {
    for seed in 0..SEEDS {
        let mut world = World::racing(2, 2, seed).after(10 * S);
        assert_eq!(world.ways(), (HOME, Some(HOME)));
        let moves = world.moves;
        for _ in 0..20 {
            world.hint(Trigger::Unanswered);
            world.run(5 * S);
            assert_eq!(world.ways(), (HOME, Some(HOME)), "seed {seed}");
        }
        // A new port each time, and no more.
        assert!(world.moves - moves <= 20, "seed {seed}: {}", world.moves);
        assert!(world.links() <= 2);
        let calm = world.moves;
        let gap = world.outage(60 * S);
        assert_eq!(world.moves, calm, "seed {seed}");
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
    }
}

#[test]
fn a_lost_key_on_a_slow_network_is_no_reason_to_leave_it_for_a_fast_one() {
    for seed in 0..SEEDS {
        let mut world = World::racing(1, 1, seed);
        world.slow = Some((0, 100 * MS));
        world.run(10 * S);
        for _ in 0..10 {
            world.hint(Trigger::Unanswered);
            world.run(10 * S);
        }
        assert_eq!(world.ways().0, HOME, "seed {seed}");
    }
}

#[test]
fn after_a_cut_of_everything_or_a_lossy_one_client_and_server_agree_on_a_way() {
    for seed in 0..SEEDS {
        let mut world = World::racing(2, 1, seed).after(5 * S);
        world.dead_interfaces = vec![0, 1];
        world.run(Duration::from_millis(500 + 211 * seed));
        world.dead_interfaces = vec![usize::try_from(seed % 2).unwrap()];
        world.loss = 20;
        let gap = world.outage(20 * S);
        assert!(gap <= 4 * S, "seed {seed}: {gap:?}");
        world.loss = 0;
        world.run(10 * S);
        let (here, there) = world.ways();
        assert_eq!(Some(here), there, "seed {seed}");
        let gap = world.outage(20 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
    }
}

const fn way(address: usize, interface: usize) -> Way {
    Way { address, interface }
}

fn state(addresses: usize, now: Instant) -> State {
    let timing = Timing {
        confirm: true,
        race: true,
        ..Timing::default()
    };
    State::new(Challenger::racing(7, 9), timing, addresses, now)
}

/// A path on link 1 that was heard.
fn connected(now: Instant) -> State {
    let then = now - 60 * S;
    let mut state = state(1, then);
    drain(&mut state, then);
    assert!(state.handle_ack(LinkId(1), ack(RACE + 1), then));
    drain(&mut state, then);
    state.handle_heard(LinkId(1), then);
    state
}

/// On link 3, over another interface.
fn astray(now: Instant) -> State {
    let mut state = connected(now - 100 * MS);
    state.handle_trigger(Trigger::Silent, now - 100 * MS);
    begun(&mut state, 1, now - 100 * MS);
    assert_eq!(begun(&mut state, 1, now - 50 * MS), [LTE]);
    assert!(state.handle_ack(LinkId(3), ack(RACE + 3), now));
    drain(&mut state, now);
    state
}

/// The ways that are begun at `now`; every port can be bound.
fn begun(state: &mut State, interfaces: usize, now: Instant) -> Vec<Way> {
    let mut ways = Vec::new();
    for output in drain_at(state, now, interfaces) {
        if let Output::Bind { way, carrier, .. } = output {
            assert_eq!(carrier, Carrier::Udp);
            ways.push(way);
        }
    }
    ways
}

fn drain_at(state: &mut State, now: Instant, interfaces: usize) -> Vec<Output> {
    let mut outputs = Vec::new();
    while let Some(output) = state.poll_output(now) {
        match output {
            Output::Survey => state.handle_surveyed(interfaces),
            Output::Bind { link, .. } => state.handle_bound(link, true, now),
            Output::Ask { .. }
            | Output::Claim { .. }
            | Output::Dummy { .. }
            | Output::Moved { .. } => {}
        }
        outputs.push(output);
        assert!(outputs.len() < 100, "no end: {outputs:?}");
    }
    outputs
}
