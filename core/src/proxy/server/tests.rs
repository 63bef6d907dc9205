use std::time::{Duration, Instant};

use super::{Admission, Plan, State};
use crate::auth::{Claim, Verdict};
use crate::proxy::rig::port;
use crate::proxy::{LinkId, Source};

pub(super) const CLIENT: u64 = 7;
const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[test]
fn the_first_packet_behind_a_claim_makes_its_source_the_client_s() {
    let t0 = Instant::now();
    let mut state = State::new(CLIENT, t0);
    assert_eq!(state.handle_packet(source(1), t0), Admission::Drop);
    assert_eq!(state.handle_claim(source(1), claim(1), t0), Verdict::Fresh);
    assert_eq!(state.plan().current, None);
    assert_eq!(state.handle_packet(source(2), t0), Admission::Drop);
    assert_eq!(state.handle_packet(source(1), t0), Admission::Promote);
    assert_eq!(state.handle_packet(source(1), t0), Admission::Pass);
    let plan = Plan {
        link: Some(LinkId(1)),
        current: Some(source(1)),
        dark: false,
    };
    assert_eq!((state.plan(), state.moves()), (plan, 1));
}

#[test]
fn the_former_address_serves_until_the_new_one_sends_and_is_forgotten_then() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    assert_eq!(state.handle_claim(source(2), claim(2), t0), Verdict::Fresh);
    assert_eq!(state.handle_packet(source(1), t0), Admission::Pass);
    assert_eq!(state.handle_packet(source(2), t0), Admission::Promote);
    assert_eq!(state.handle_packet(source(1), t0), Admission::Drop);
}

#[test]
fn after_twice_the_timeout_of_silence_even_the_address_in_use_needs_a_claim() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_timeout_known(4 * S, t0);
    state.handle_heard(t0 + S);
    assert_eq!(state.poll_timeout(), None);
    state.handle_silent();
    assert!(state.plan().dark);
    assert_eq!(state.poll_timeout(), Some(t0 + 9 * S));
    state.handle_time(t0 + 9 * S - MS);
    assert_eq!(state.plan().current, Some(source(1)));
    state.handle_time(t0 + 9 * S);
    assert_eq!((state.plan().current, state.plan().dark), (None, true));
    assert_eq!(state.poll_timeout(), None);
    // A packet that waited in the transport brings no path back.
    state.handle_heard(t0 + 10 * S);
    assert!(state.plan().dark);
    // Nor does one from the address itself, which anybody may have now.
    assert_eq!(state.handle_packet(source(1), t0 + 10 * S), Admission::Drop);
    assert!(state.plan().dark);
    // The claim that was made before is a replay.
    assert_eq!(
        state.handle_claim(source(1), claim(1), t0),
        Verdict::Refused
    );
    assert_eq!(state.handle_claim(source(1), claim(2), t0), Verdict::Fresh);
    assert_eq!(
        state.handle_packet(source(1), t0 + 11 * S),
        Admission::Promote
    );
}

#[test]
fn an_address_that_was_promoted_and_never_opened_a_packet_is_forgotten_too() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_timeout_known(4 * S, t0);
    state.handle_heard(t0);
    state.handle_claim(source(2), claim(2), t0);
    state.handle_packet(source(2), t0 + S);
    assert_eq!(state.poll_timeout(), Some(t0 + 9 * S));
    state.handle_heard(t0 + 2 * S);
    assert_eq!(state.poll_timeout(), None);
}

#[test]
fn a_sign_of_life_ends_the_dark_without_a_claim() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_silent();
    state.handle_heard(t0 + 5 * S);
    assert!(!state.plan().dark);
    let mut nobody = State::new(CLIENT, t0);
    nobody.handle_silent();
    assert!(!nobody.plan().dark);
}

fn connected(now: Instant) -> State {
    let mut state = State::new(CLIENT, now);
    state.handle_claim(source(1), claim(1), now);
    state.handle_packet(source(1), now);
    state
}

pub(super) fn claim(serial: u64) -> Claim {
    Claim { id: CLIENT, serial }
}

fn source(from: u16) -> Source {
    Source {
        link: LinkId(1),
        addr: port(from),
    }
}
