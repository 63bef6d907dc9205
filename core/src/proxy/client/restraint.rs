//! How often a path is tried: neither a storm of messages nor a long outage costs more than it is worth.

use std::time::{Duration, Instant};

use super::tests::{bind, claim, connected, drain};
use super::{Output, Trigger};
use crate::proxy::LinkId;

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_socket_that_refuses_to_send_is_replaced_soon_and_makes_no_storm() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_link_failed(LinkId(1), t0 + S);
    assert_eq!(drain(&mut state, t0 + S)[0], bind(2, 0));
    assert_eq!(state.lost_at(), Some(t0 + S));
    for after in 0..90 {
        state.handle_link_failed(LinkId(2), t0 + S + after * MS);
        state.handle_link_failed(LinkId(1), t0 + S + after * MS);
    }
    assert_eq!(
        drain(&mut state, t0 + S + 99 * MS),
        [claim(2, 2, true)],
        "the first failure sets the time"
    );
    assert_eq!(drain(&mut state, t0 + S + 100 * MS)[0], bind(3, 0));
}

#[test]
fn an_attempt_bound_to_a_former_address_is_replaced_and_a_burst_of_messages_is_one_change() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_trigger(Trigger::AddressGone, t0 + S);
    assert_eq!(drain(&mut state, t0 + S)[0], bind(2, 0));
    for after in 1..=3 {
        state.handle_outdated(t0 + S + after * MS);
        state.handle_trigger(Trigger::NetworkChanged, t0 + S + after * MS);
    }
    assert_eq!(drain(&mut state, t0 + S + 49 * MS), []);
    assert_eq!(drain(&mut state, t0 + S + 50 * MS)[0], bind(3, 0));
}

#[test]
fn where_nothing_seems_to_have_changed_a_message_every_second_is_no_path_every_second() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    let mut binds = 0;
    for second in 1..=20 {
        let now = t0 + second * S;
        state.handle_trigger(Trigger::NetworkTouched, now);
        for output in drain(&mut state, now) {
            if let Output::Bind { link, .. } = output {
                binds += 1;
                state.handle_heard(link, now);
            }
        }
    }
    assert!((5..=10).contains(&binds), "{binds}");
}

#[test]
fn a_key_is_worth_a_claim_while_the_path_is_lost_and_none_while_it_works() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_typed(t0 + S);
    assert_eq!(drain(&mut state, t0 + S), []);
    let lost = t0 + 10 * S;
    state.handle_trigger(Trigger::Silent, lost);
    let hour = lost + 3600 * S;
    drain(&mut state, hour);
    drain(&mut state, hour + MS);
    assert_eq!(drain(&mut state, hour + 20 * MS), []);
    state.handle_typed(hour + 20 * MS);
    assert_eq!(drain(&mut state, hour + 20 * MS).len(), 1);
    // A paste of a thousand pieces is no flood of claims.
    let mut claims = 0;
    for after in 0..1000 {
        let now = hour + 20 * MS + after * MS / 10;
        state.handle_typed(now);
        claims += drain(&mut state, now).len();
    }
    assert_eq!(claims, 4);
}

#[test]
fn attempts_become_rarer_and_a_hint_makes_them_frequent_again() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_trigger(Trigger::Silent, t0);
    for (lost_for, pause) in [
        (10 * S, 50 * MS),
        (60 * S, 50 * MS),
        (300 * S, 250 * MS),
        (3600 * S, S),
    ] {
        let now = t0 + lost_for;
        drain(&mut state, now);
        let next = state.poll_timeout().unwrap();
        assert_eq!(next - now, pause, "after {lost_for:?}");
    }
    state.handle_trigger(Trigger::NetworkChanged, t0 + 3600 * S);
    assert_eq!(state.poll_timeout(), Some(t0 + 3600 * S + 20 * MS));
    drain(&mut state, t0 + 3600 * S + 20 * MS);
    assert_eq!(state.poll_timeout(), Some(t0 + 3600 * S + 70 * MS));
}
