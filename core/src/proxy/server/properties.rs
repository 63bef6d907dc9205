//! Whatever comes in whatever order, only who has authenticated is the client.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::standing::MAX_CANDIDATES;
use super::{Admission, State};
use crate::auth::{Claim, Verdict};
use crate::proxy::rig::port;
use crate::proxy::{LinkId, Source};

const CLIENT: u64 = 7;

#[derive(Clone, Debug)]
enum Step {
    Claim { from: u16, id: u64, serial: u64 },
    Heard,
    Opened,
    Packet { from: u16 },
    Chosen { from: u16 },
    Silent,
    Time,
}

proptest! {
    #[test]
    fn only_a_source_with_a_fresh_claim_becomes_the_client_s_and_no_claim_counts_twice(
        steps in vec((step(4), 0..6_000_u64), 1..100),
    ) {
        let mut now = Instant::now();
        let mut state = State::new(CLIENT, now);
        state.handle_timeout_known(Duration::from_secs(4), now);
        let (mut used, mut last, mut moves) = (BTreeSet::new(), None, 0);
        for (step, wait) in steps {
            now += Duration::from_millis(wait);
            state.handle_time(now);
            let before = state.plan().current;
            match step {
                Step::Claim { from, id, serial } => {
                    let claim = Claim { id, serial };
                    if state.handle_claim(source(from), claim, now) == Verdict::Fresh {
                        prop_assert_eq!(id, CLIENT);
                        prop_assert!(used.iter().all(|earlier| *earlier < serial));
                        used.insert(serial);
                        last = Some(source(from));
                    }
                    prop_assert_eq!(state.plan().current, before, "a claim alone moves nothing");
                }
                Step::Packet { from } => match state.handle_packet(source(from), now) {
                    Admission::Promote => {
                        prop_assert_eq!(last, Some(source(from)));
                        moves += 1;
                    }
                    Admission::Pass => prop_assert_eq!(before, Some(source(from))),
                    Admission::Drop => prop_assert_eq!(state.plan().current, before),
                    Admission::Try => prop_assert!(false, "nobody races"),
                },
                Step::Chosen { from } => prop_assert!(!state.handle_chosen(source(from), now)),
                Step::Opened => prop_assert_eq!(state.handle_opened(now), None),
                Step::Heard => state.handle_heard(now),
                Step::Silent => state.handle_silent(),
                Step::Time => state.handle_time(now),
            }
            state.handle_time(now);
            prop_assert!(!state.is_racing());
            prop_assert_eq!(state.moves(), moves);
            prop_assert!(state.poll_timeout().is_none_or(|at| at > now));
            prop_assert!(state.plan().current.is_some() || moves == 0 || state.plan().dark);
        }
    }

    #[test]
    fn in_a_race_only_who_stands_becomes_the_client_s_and_only_by_what_opens_or_was_chosen(
        steps in vec((step(9), 0..3_000_u64), 1..150),
    ) {
        let mut now = Instant::now();
        let mut state = State::new(CLIENT, now);
        state.handle_timeout_known(Duration::from_secs(4), now);
        let (mut used, mut tried, mut moves) = (BTreeSet::new(), None, 0);
        for (step, wait) in steps {
            now += Duration::from_millis(wait);
            state.handle_time(now);
            let before = state.plan().current;
            let stood: Vec<_> = state.standing().collect();
            match step {
                Step::Claim { from, id, serial } => {
                    let claim = Claim { id, serial: (1 << 63) + 1 + serial };
                    if state.handle_claim(source(from), claim, now) == Verdict::Fresh {
                        prop_assert_eq!(id, CLIENT);
                        prop_assert!(used.insert(serial), "a serial counts twice");
                        prop_assert!(state.stands(source(from)));
                    }
                    prop_assert_eq!(state.plan().current, before, "a claim alone moves nothing");
                }
                Step::Packet { from } => match state.handle_packet(source(from), now) {
                    Admission::Promote => {
                        prop_assert_eq!(before, None, "beside a path junk moves nothing");
                        prop_assert!(stood.contains(&source(from)));
                        moves += 1;
                    }
                    Admission::Try => {
                        prop_assert!(stood.contains(&source(from)));
                        prop_assert_eq!(state.plan().current, before);
                        state.handle_tried(source(from), 100, now);
                        tried = Some(source(from));
                    }
                    Admission::Pass => {
                        prop_assert_eq!(before, Some(source(from)));
                        if state.is_racing() {
                            state.handle_in_use(now);
                            tried = None;
                        }
                    }
                    Admission::Drop => prop_assert_eq!(state.plan().current, before),
                },
                Step::Opened => if state.handle_opened(now).is_some() {
                    prop_assert_eq!(state.plan().current, tried);
                    prop_assert!(stood.contains(&tried.unwrap()));
                    moves += 1;
                },
                Step::Chosen { from } => {
                    let moved = state.handle_chosen(source(from), now);
                    moves += u64::from(moved);
                    if stood.contains(&source(from)) {
                        prop_assert_eq!(state.plan().current, Some(source(from)));
                        prop_assert!(state.standing().eq([source(from)]));
                    }
                }
                Step::Heard => state.handle_heard(now),
                Step::Silent => state.handle_silent(),
                Step::Time => state.handle_time(now),
            }
            state.handle_time(now);
            let beside = state.standing().filter(|one| Some(*one) != state.plan().current);
            prop_assert!(beside.count() <= MAX_CANDIDATES);
            prop_assert_eq!(state.moves(), moves);
            prop_assert!(state.poll_timeout().is_none_or(|at| at > now));
            prop_assert!(state.plan().current.is_some() || moves == 0 || state.plan().dark);
        }
    }
}

fn step(sources: u16) -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..sources, CLIENT..CLIENT + 2, 0..24_u64)
            .prop_map(|(from, id, serial)| Step::Claim { from, id, serial }),
        3 => (0..sources).prop_map(|from| Step::Packet { from }),
        1 => Just(Step::Heard),
        2 => Just(Step::Opened),
        1 => (0..sources).prop_map(|from| Step::Chosen { from }),
        1 => Just(Step::Silent),
        1 => Just(Step::Time),
    ]
}

fn source(from: u16) -> Source {
    Source {
        link: LinkId(1),
        addr: port(from),
    }
}
