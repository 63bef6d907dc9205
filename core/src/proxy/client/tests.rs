use std::time::{Duration, Instant};

use super::{Carrier, Output, Plan, State, Timing, Trigger, Way};
use crate::auth::{Ack, Challenger, Claim};
use crate::proxy::LinkId;

const CLIENT: u64 = 7;
const SERVER: u64 = 9;
const STAMP: u64 = 0x57a3_9000;
const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[test]
fn the_first_attempt_begins_at_once_with_early_data_behind_each_claim() {
    let t0 = Instant::now();
    let mut state = state(1, t0);
    assert_eq!(drain(&mut state, t0), [bind(1, 0), claim(1, 1, true)]);
    assert_eq!(state.poll_timeout(), Some(t0 + 50 * MS));
    assert_eq!(drain(&mut state, t0 + 50 * MS), [claim(1, 1, true)]);
    assert_eq!(state.plan(), plan(&[1], &[1], false));
}

#[test]
fn a_port_that_stays_without_an_answer_makes_way_for_another() {
    let t0 = Instant::now();
    let mut state = state(1, t0);
    drain(&mut state, t0);
    assert_eq!(
        drain(&mut state, t0 + 3 * S),
        [bind(2, 0), claim(2, 2, true)]
    );
    assert_eq!(state.plan(), plan(&[2], &[2], false));
}

#[test]
fn an_acknowledged_path_is_proved_by_dummies_and_confirmations_until_it_is_heard() {
    let t0 = Instant::now();
    let mut state = state(1, t0);
    drain(&mut state, t0);
    assert!(state.handle_ack(LinkId(1), ack(1), t0));
    let said = [confirmation(1), dummy(1)];
    assert_eq!(drain(&mut state, t0), said);
    assert_eq!(state.poll_timeout(), Some(t0 + 100 * MS));
    assert_eq!(drain(&mut state, t0 + 100 * MS), said);
    assert!(!state.proved());
    state.handle_heard(LinkId(1), t0 + 150 * MS);
    assert!(state.proved());
    assert_eq!(drain(&mut state, t0 + 200 * MS), []);
    assert_eq!(state.poll_timeout(), None);
    assert_eq!(state.plan(), plan(&[1], &[1], false));
}

#[test]
fn towards_a_foreign_server_there_is_no_confirmation() {
    let t0 = Instant::now();
    let timing = Timing::default();
    let mut state = State::new(Challenger::new(CLIENT, SERVER), timing, 1, t0);
    drain(&mut state, t0);
    state.handle_ack(LinkId(1), ack(1), t0);
    assert_eq!(drain(&mut state, t0), [dummy(1)]);
}

#[test]
fn only_the_acknowledgement_of_the_attempt_on_its_own_link_counts_and_only_once() {
    let t0 = Instant::now();
    let mut state = state(1, t0);
    drain(&mut state, t0);
    assert!(!state.handle_ack(LinkId(2), ack(1), t0));
    assert!(!state.handle_ack(LinkId(1), ack(0), t0));
    let foreign = Ack {
        claim: Claim {
            id: CLIENT,
            serial: 1,
        },
        stamp: STAMP,
    };
    assert!(!state.handle_ack(LinkId(1), foreign, t0));
    assert!(state.handle_ack(LinkId(1), ack(1), t0));
    assert!(!state.handle_ack(LinkId(1), ack(1), t0));
    assert!(!state.handle_ack(LinkId(1), ack(2), t0));
    assert_eq!(state.plan(), plan(&[1], &[1], false));
}

#[test]
fn a_higher_serial_of_the_server_is_adopted_and_the_claim_made_again() {
    let t0 = Instant::now();
    let mut state = state(1, t0);
    drain(&mut state, t0);
    assert!(!state.handle_ack(LinkId(1), ack(40), t0 + MS));
    assert_eq!(drain(&mut state, t0 + MS), [claim(1, 41, true)]);
    assert!(state.handle_ack(LinkId(1), ack(41), t0 + 2 * MS));
}

#[test]
fn another_network_is_authenticated_while_the_path_in_use_serves() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_trigger(Trigger::NetworkChanged, t0 + S);
    let begun = drain(&mut state, t0 + S);
    assert_eq!(begun, [bind(2, 0), claim(2, 2, false)]);
    assert_eq!(state.plan(), plan(&[1, 2], &[1], false));
    assert_eq!(state.lost_at(), None);
    assert!(state.handle_ack(LinkId(2), ack(2), t0 + S + 50 * MS));
    assert_eq!(state.plan(), plan(&[2, 1], &[2], false));
    // What is still on its way along the former path is read.
    drain(&mut state, t0 + 3 * S);
    assert_eq!(state.plan(), plan(&[2, 1], &[2], false));
    drain(&mut state, t0 + 3 * S + 50 * MS);
    assert_eq!(state.plan(), plan(&[2], &[2], false));
}

#[test]
fn a_better_network_that_does_not_answer_is_left_alone_while_the_path_in_use_serves() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_trigger(Trigger::NetworkChanged, t0 + S);
    drain(&mut state, t0 + S);
    state.handle_heard(LinkId(1), t0 + 2 * S);
    assert_eq!(drain(&mut state, t0 + 4 * S), []);
    assert_eq!(state.plan(), plan(&[1], &[1], false));
    assert_eq!(state.poll_timeout(), None);
}

#[test]
fn a_silent_path_is_dark_until_another_is_acknowledged() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_trigger(Trigger::Silent, t0 + 4 * S);
    let begun = drain(&mut state, t0 + 4 * S);
    assert_eq!(begun, [bind(2, 0), claim(2, 2, true)]);
    assert_eq!(state.plan(), plan(&[1, 2], &[2], true));
    assert_eq!(state.lost_at(), Some(t0 + 4 * S));
    state.handle_ack(LinkId(2), ack(2), t0 + 9 * S);
    assert_eq!(state.plan(), plan(&[2, 1], &[2], false));
    assert_eq!(state.lost_at(), None);
}

#[test]
fn a_path_that_answers_after_all_ends_the_dark_and_the_attempt_runs_out() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_trigger(Trigger::Silent, t0);
    drain(&mut state, t0);
    assert!(!state.handle_heard(LinkId(1), t0 + S));
    assert_eq!(state.plan(), plan(&[1, 2], &[1, 2], false));
    assert_eq!(state.lost_at(), None);
    drain(&mut state, t0 + 3 * S);
    assert_eq!(state.plan(), plan(&[1], &[1], false));
    assert!(!state.is_suspect());
}

#[test]
fn a_path_that_falls_silent_again_during_the_attempt_is_not_taken_for_alive() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_trigger(Trigger::Unanswered, t0);
    drain(&mut state, t0);
    state.handle_heard(LinkId(1), t0 + MS);
    state.handle_trigger(Trigger::Silent, t0 + 2 * S);
    drain(&mut state, t0 + 3 * S);
    assert_eq!(state.plan(), plan(&[1, 3], &[3], true));
}

#[test]
fn a_packet_that_opens_on_the_link_of_the_attempt_is_as_good_as_an_acknowledgement() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_trigger(Trigger::Silent, t0);
    drain(&mut state, t0);
    assert!(state.handle_heard(LinkId(2), t0 + S));
    assert_eq!(drain(&mut state, t0 + S), []);
    assert_eq!(state.plan(), plan(&[2, 1], &[2], false));
    assert!(state.proved());
    assert_eq!(state.lost_at(), None);
}

#[test]
fn a_packet_on_the_former_path_proves_nothing() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_trigger(Trigger::NetworkChanged, t0);
    drain(&mut state, t0);
    state.handle_ack(LinkId(2), ack(2), t0 + MS);
    assert!(!state.handle_heard(LinkId(1), t0 + 2 * MS));
    assert!(!state.proved());
}

#[test]
fn a_path_that_was_acknowledged_and_never_heard_is_given_up_after_the_heartbeat_timeout() {
    let t0 = Instant::now();
    let mut state = state(1, t0);
    drain(&mut state, t0);
    state.handle_ack(LinkId(1), ack(1), t0);
    drain(&mut state, t0);
    let at = t0 + 4 * S;
    let outputs = drain(&mut state, at);
    assert_eq!(outputs, [bind(2, 0), claim(2, 2, true)]);
    assert_eq!(state.plan(), plan(&[1, 2], &[2], true));
    // No dummy is sent along a path that is given up.
    assert_eq!(drain(&mut state, at + 50 * MS), [claim(2, 2, true)]);
}

#[test]
fn without_a_route_the_next_address_is_tried_at_once_and_then_all_again_after_a_while() {
    let t0 = Instant::now();
    let mut state = state(2, t0);
    let mut tried = Vec::new();
    while let Some(Output::Bind { link, way, .. }) = state.poll_output(t0) {
        tried.push(way.address);
        state.handle_bound(link, false, t0);
    }
    assert_eq!(tried, [0, 1]);
    assert_eq!(state.poll_timeout(), Some(t0 + 50 * MS));
    assert_eq!(drain(&mut state, t0 + 50 * MS)[0], bind(3, 0));
}

#[test]
fn an_address_that_never_answered_has_a_second_and_then_the_next_has_its_turn() {
    let t0 = Instant::now();
    let mut state = state(2, t0);
    assert_eq!(drain(&mut state, t0)[0], bind(1, 0));
    assert_eq!(drain(&mut state, t0 + S)[0], bind(2, 1));
    state.handle_ack(LinkId(2), ack(2), t0 + S);
    drain(&mut state, t0 + S);
    state.handle_heard(LinkId(2), t0 + S);
    state.handle_trigger(Trigger::Silent, t0 + 9 * S);
    assert_eq!(drain(&mut state, t0 + 9 * S)[0], bind(3, 1));
    assert_eq!(drain(&mut state, t0 + 12 * S)[0], bind(4, 0));
    assert_eq!(drain(&mut state, t0 + 13 * S)[0], bind(5, 1));
}

#[test]
fn an_answer_that_was_only_late_makes_patient_and_a_dead_path_does_not() {
    let t0 = Instant::now();
    let rtt = Some(100 * MS);
    let mut state = connected(t0);
    state.handle_trigger(Trigger::Unanswered, t0);
    drain(&mut state, t0);
    state.handle_ack(LinkId(2), ack(2), t0);
    state.handle_heard(LinkId(2), t0);
    assert_eq!(state.patience(rtt, t0), 160 * MS);
    state.handle_trigger(Trigger::Unanswered, t0 + S);
    drain(&mut state, t0 + S);
    state.handle_heard(LinkId(2), t0 + S);
    state.handle_heard(LinkId(2), t0 + S);
    assert_eq!(state.patience(rtt, t0 + S), 320 * MS);
}

/// A path on link 1 that was heard a minute before; the next link is 2, so is the next serial.
pub(super) fn connected(now: Instant) -> State {
    let now = now - 60 * S;
    let mut state = state(1, now);
    drain(&mut state, now);
    assert!(state.handle_ack(LinkId(1), ack(1), now));
    drain(&mut state, now);
    state.handle_heard(LinkId(1), now);
    state
}

pub(super) fn state(addresses: usize, now: Instant) -> State {
    let timing = Timing {
        confirm: true,
        ..Timing::default()
    };
    State::new(Challenger::new(CLIENT, SERVER), timing, addresses, now)
}

/// What is to be done at `now`; every port can be bound.
pub(super) fn drain(state: &mut State, now: Instant) -> Vec<Output> {
    let mut outputs = Vec::new();
    while let Some(output) = state.poll_output(now) {
        if let Output::Bind { link, .. } = output {
            state.handle_bound(link, true, now);
        }
        outputs.push(output);
        assert!(outputs.len() < 100, "no end: {outputs:?}");
    }
    outputs
}

pub(super) fn bind(link: u64, address: usize) -> Output {
    Output::Bind {
        link: LinkId(link),
        way: Way {
            address,
            interface: 0,
        },
        carrier: Carrier::Udp,
    }
}

pub(super) fn claim(link: u64, serial: u64, early: bool) -> Output {
    Output::Claim {
        link: LinkId(link),
        claim: Claim { id: CLIENT, serial },
        early,
    }
}

/// What stood in the acknowledgement, and nothing else.
fn confirmation(link: u64) -> Output {
    Output::Claim {
        link: LinkId(link),
        claim: Claim {
            id: SERVER,
            serial: STAMP,
        },
        early: false,
    }
}

fn dummy(link: u64) -> Output {
    Output::Dummy { link: LinkId(link) }
}

pub(super) fn ack(serial: u64) -> Ack {
    Ack {
        claim: Claim { id: SERVER, serial },
        stamp: STAMP,
    }
}

fn plan(links: &[u64], send: &[u64], dark: bool) -> Plan {
    let named = |links: &[u64]| links.iter().copied().map(LinkId).collect();
    Plan {
        links: named(links),
        waiting: Vec::new(),
        send: named(send),
        dark,
    }
}
