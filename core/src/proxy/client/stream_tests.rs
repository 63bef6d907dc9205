use std::time::{Duration, Instant};

use super::{Carrier, Carriers, Output, State, Timing, Trigger, Way};
use crate::auth::{Ack, Challenger, Claim};
use crate::proxy::LinkId;

const CLIENT: u64 = 7;
const SERVER: u64 = 9;
const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_stream_is_claimed_once_when_it_stands_with_early_data_behind() {
    let t0 = Instant::now();
    let mut state = forced(t0);
    assert_eq!(drain(&mut state, t0), [call(1)]);
    assert_eq!(state.plan().waiting, [LinkId(1)]);
    state.handle_stands(LinkId(1));
    assert_eq!(drain(&mut state, t0 + 30 * MS), [claim(1, 1, true)]);
    let plan = state.plan();
    assert_eq!((plan.links, plan.send), (vec![LinkId(1)], vec![LinkId(1)]));
    // However long the answer takes, it is not said twice.
    assert_eq!(drain(&mut state, t0 + 1400 * MS), []);
    assert!(state.handle_ack(LinkId(1), ack(1), t0 + 1450 * MS));
    assert!(!state.is_trying());
}

#[test]
fn towards_a_foreign_server_nothing_but_the_transport_s_packets_follow_a_claim_on_a_stream() {
    let t0 = Instant::now();
    let mut state = forced(t0);
    drain(&mut state, t0);
    state.handle_stands(LinkId(1));
    drain(&mut state, t0);
    state.handle_ack(LinkId(1), ack(1), t0);
    assert_eq!(drain(&mut state, t0), []);
    assert_eq!(state.poll_timeout(), Some(t0 + 4 * S));
    // Nothing came on it: it is no path.
    assert_eq!(drain(&mut state, t0 + 4 * S), [call(2)]);
}

#[test]
fn while_no_connection_stands_another_is_begun_and_old_ones_are_given_up() {
    let t0 = Instant::now();
    let mut state = forced(t0);
    let mut begun = 0;
    for at in 0..600 {
        let outputs = drain(&mut state, t0 + at * 10 * MS);
        begun += outputs.len();
        assert!(state.plan().waiting.len() <= 8);
    }
    assert_eq!(begun, 15, "one every 400 ms");
    // The latest that are still there: three seconds of calls.
    assert_eq!(state.plan().waiting.len(), 7);
}

#[test]
fn one_connection_claims_at_a_time_and_the_next_one_when_its_answer_does_not_come() {
    let t0 = Instant::now();
    let mut state = forced(t0);
    drain(&mut state, t0);
    drain(&mut state, t0 + 400 * MS);
    state.handle_stands(LinkId(1));
    assert_eq!(drain(&mut state, t0 + 500 * MS), [claim(1, 1, true)]);
    state.handle_stands(LinkId(2));
    assert_eq!(drain(&mut state, t0 + 1000 * MS), []);
    assert_eq!(drain(&mut state, t0 + 2000 * MS)[0], claim(2, 2, true));
    // An answer to the first is still one.
    assert!(state.handle_ack(LinkId(1), ack(1), t0 + 2100 * MS));
}

#[test]
fn a_connection_that_fails_is_tried_again_after_ever_longer_pauses_until_something_happens() {
    let t0 = Instant::now();
    let mut state = forced(t0);
    drain(&mut state, t0);
    state.handle_link_failed(LinkId(1), t0 + MS);
    assert_eq!(drain(&mut state, t0 + MS), []);
    let mut now = t0 + MS;
    for (link, pause) in [
        (2, 250),
        (3, 500),
        (4, 1000),
        (5, 2000),
        (6, 4000),
        (7, 4000),
    ] {
        assert_eq!(state.poll_timeout(), Some(now + pause * MS));
        now += pause * MS;
        assert_eq!(drain(&mut state, now), [call(link)]);
        state.handle_link_failed(LinkId(link), now);
    }
    // The network is another one.
    state.handle_trigger(Trigger::NetworkChanged, now + MS);
    assert_eq!(drain(&mut state, now + MS), [call(8)]);
}

#[test]
fn a_stream_that_ends_is_replaced_at_once() {
    let t0 = Instant::now();
    let mut state = on_stream(Carriers::Stream, t0);
    state.handle_link_failed(LinkId(1), t0 + 10 * S);
    assert_eq!(drain(&mut state, t0 + 10 * S), [call(2)]);
    state.handle_stands(LinkId(2));
    assert_eq!(
        drain(&mut state, t0 + 10 * S + 50 * MS),
        [claim(2, 2, true)]
    );
}

#[test]
fn a_late_answer_on_a_stream_calls_the_new_connection_off_before_it_claims() {
    let t0 = Instant::now();
    let mut state = on_stream(Carriers::Stream, t0);
    let now = t0 + 10 * S;
    state.handle_trigger(Trigger::Unanswered, now);
    assert_eq!(drain(&mut state, now), [call(2)]);
    assert!(!state.handle_heard(LinkId(1), now + 20 * MS));
    assert!(!state.is_trying() && !state.is_suspect());
    assert_eq!(state.plan().waiting, []);
    let patience = state.patience(Some(100 * MS), now);
    assert_eq!(patience, 320 * MS, "twice what it was");
}

#[test]
fn udp_alone_has_a_second_then_streams_are_tried_beside_it() {
    let t0 = Instant::now();
    let mut state = both(t0);
    assert_eq!(drain(&mut state, t0)[0], socket(1));
    assert_eq!(drain(&mut state, t0 + 999 * MS), [claim(1, 1, true)]);
    let outputs = drain(&mut state, t0 + 1000 * MS);
    assert_eq!(outputs[0], call(2));
    state.handle_stands(LinkId(2));
    // No early data: the server might switch to and fro.
    assert!(drain(&mut state, t0 + 1050 * MS).contains(&claim(2, 2, false)));
    let plan = state.plan();
    assert_eq!(
        (plan.links, plan.send),
        (vec![LinkId(1), LinkId(2)], vec![LinkId(1)])
    );
    assert!(state.handle_ack(LinkId(2), ack(2), t0 + 1100 * MS));
    assert_eq!(state.plan().send, [LinkId(2)]);
}

#[test]
fn an_answer_over_udp_that_a_claim_on_a_stream_has_overtaken_is_asked_for_once_more() {
    let t0 = Instant::now();
    let mut state = both(t0);
    drain(&mut state, t0);
    drain(&mut state, t0 + 1000 * MS);
    state.handle_stands(LinkId(2));
    drain(&mut state, t0 + 1050 * MS);
    // The server believes the latest claim: it may have gone to the stream by now.
    assert!(!state.handle_ack(LinkId(1), ack(1), t0 + 1060 * MS));
    assert_eq!(state.plan().links, [LinkId(1)], "the stream is closed");
    let now = t0 + 1060 * MS;
    assert_eq!(drain(&mut state, now), [claim(1, 3, true)]);
    assert!(state.handle_ack(LinkId(1), ack(3), t0 + 1100 * MS));
}

#[test]
fn where_udp_is_refused_streams_are_tried_at_once() {
    let t0 = Instant::now();
    let mut state = both(t0);
    drain(&mut state, t0);
    state.handle_refused(LinkId(1), t0 + 30 * MS);
    assert_eq!(drain(&mut state, t0 + 30 * MS)[0], call(2));
    let mut state = both(t0);
    drain(&mut state, t0);
    // EPERM: the firewall of this machine.
    state.handle_link_failed(LinkId(1), t0);
    assert!(drain(&mut state, t0).contains(&call(2)));
}

#[test]
fn a_refusal_of_somebody_else_s_packet_changes_nothing() {
    let t0 = Instant::now();
    let mut state = both(t0);
    drain(&mut state, t0);
    state.handle_refused(LinkId(9), t0);
    assert_eq!(state.plan().waiting, []);
    drain(&mut state, t0);
    assert_eq!(state.plan().waiting, []);
}

#[test]
fn udp_is_looked_for_ever_more_rarely_while_a_stream_serves_and_replaces_it_when_it_answers() {
    let t0 = Instant::now();
    let mut state = on_stream(Carriers::Both, t0);
    let mut looked = Vec::new();
    let mut link = LinkId(0);
    for at in 0..1200 {
        let now = t0 + at * 100 * MS;
        state.handle_heard(LinkId(2), now);
        for output in drain(&mut state, now) {
            match output {
                Output::Bind {
                    link: made,
                    carrier,
                    ..
                } => {
                    assert_eq!(carrier, Carrier::Udp);
                    link = made;
                    looked.push(at / 10);
                }
                Output::Claim { early, .. } => assert!(!early),
                Output::Ask { .. }
                | Output::Dummy { .. }
                | Output::Moved { .. }
                | Output::Survey => {}
            }
        }
        assert_eq!(state.plan().send, [LinkId(2)]);
    }
    assert_eq!(looked, [1, 4, 9, 18, 35, 68, 101]);
    let now = t0 + 120 * S;
    state.handle_trigger(Trigger::NetworkChanged, now);
    let outputs = drain(&mut state, now + 50 * MS);
    assert!(
        matches!(
            outputs[0],
            Output::Bind {
                carrier: Carrier::Udp,
                ..
            }
        ),
        "{outputs:?}"
    );
    assert_ne!(state.newest(), Some(link));
    let Some(Output::Claim { link, claim, .. }) = outputs.get(1).copied() else {
        panic!("no claim: {outputs:?}");
    };
    assert!(state.handle_ack(link, ack(claim.serial), now + 90 * MS));
    assert_eq!(state.plan().send, [link]);
    // The stream is read for a while, for what is still on its way.
    assert_eq!(state.plan().links, [link, LinkId(2)]);
}

#[test]
fn udp_that_fails_soon_after_it_came_back_is_trusted_later_than_the_first_time() {
    let t0 = Instant::now();
    let mut state = on_stream(Carriers::Both, t0);
    let mut now = t0;
    let mut waits = Vec::new();
    for _ in 0..4 {
        let fell = now;
        let (link, serial) = loop {
            now += 50 * MS;
            state.handle_heard(state.newest().unwrap(), now);
            let mut outputs = drain(&mut state, now).into_iter();
            if let Some((link, claim)) = outputs.find_map(claim_of) {
                break (link, claim.serial);
            }
        };
        waits.push((now - fell).as_secs());
        assert!(state.handle_ack(link, ack(serial), now));
        // UDP passes claims, and nothing else.
        state.handle_trigger(Trigger::Silent, now);
        now += 2 * S;
        let stream = drain(&mut state, now)
            .into_iter()
            .find_map(|output| match output {
                Output::Bind {
                    link,
                    carrier: Carrier::Stream,
                    ..
                } => Some(link),
                Output::Bind { .. }
                | Output::Ask { .. }
                | Output::Claim { .. }
                | Output::Dummy { .. }
                | Output::Moved { .. }
                | Output::Survey => None,
            });
        state.handle_stands(stream.unwrap());
        let claims: Vec<_> = drain(&mut state, now)
            .into_iter()
            .filter_map(claim_of)
            .collect();
        let (link, claim) = claims
            .into_iter()
            .find(|(link, _)| Some(*link) == stream)
            .unwrap();
        assert!(state.handle_ack(link, ack(claim.serial), now));
    }
    assert_eq!(waits, [1, 2, 4, 8]);
}

pub(super) fn claim_of(output: Output) -> Option<(LinkId, Claim)> {
    match output {
        Output::Claim { link, claim, .. } => Some((link, claim)),
        Output::Ask { .. }
        | Output::Bind { .. }
        | Output::Dummy { .. }
        | Output::Moved { .. }
        | Output::Survey => None,
    }
}

fn forced(now: Instant) -> State {
    state(Carriers::Stream, false, now)
}

fn both(now: Instant) -> State {
    state(Carriers::Both, true, now)
}

fn state(carriers: Carriers, confirm: bool, now: Instant) -> State {
    let timing = Timing {
        carriers,
        confirm,
        ..Timing::default()
    };
    State::new(Challenger::new(CLIENT, SERVER), timing, 1, now)
}

/// On a stream that serves since a moment before `now`.
fn on_stream(carriers: Carriers, now: Instant) -> State {
    let before = now - 5 * S;
    let mut state = state(carriers, carriers == Carriers::Both, before);
    drain(&mut state, before);
    if carriers == Carriers::Both {
        drain(&mut state, before + S);
    }
    let link = state.plan().waiting[0];
    state.handle_stands(link);
    let claims: Vec<_> = drain(&mut state, before + S)
        .into_iter()
        .filter_map(claim_of)
        .collect();
    let (_, claim) = claims.into_iter().find(|(on, _)| *on == link).unwrap();
    assert!(state.handle_ack(link, ack(claim.serial), now));
    state.handle_heard(link, now);
    state
}

/// What is to be done, where every link is to be had.
pub(super) fn drain(state: &mut State, now: Instant) -> Vec<Output> {
    let mut outputs = Vec::new();
    while let Some(output) = state.poll_output(now) {
        if let Output::Bind { link, .. } = output {
            state.handle_bound(link, true, now);
        }
        outputs.push(output);
        assert!(outputs.len() < 100, "no end: {outputs:?}");
    }
    assert!(
        state.poll_timeout().is_none_or(|at| at > now),
        "it would spin"
    );
    outputs
}

fn socket(link: u64) -> Output {
    Output::Bind {
        link: LinkId(link),
        way: Way::default(),
        carrier: Carrier::Udp,
    }
}

fn call(link: u64) -> Output {
    Output::Bind {
        link: LinkId(link),
        way: Way::default(),
        carrier: Carrier::Stream,
    }
}

fn claim(link: u64, serial: u64, early: bool) -> Output {
    Output::Claim {
        link: LinkId(link),
        claim: Claim { id: CLIENT, serial },
        early,
    }
}

fn ack(serial: u64) -> Ack {
    Ack {
        claim: Claim { id: SERVER, serial },
        stamp: 0,
    }
}
