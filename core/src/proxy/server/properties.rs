//! Whatever comes in whatever order, only who has authenticated is the client.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::{Admission, State};
use crate::auth::{Claim, Verdict};
use crate::proxy::rig::port;
use crate::proxy::{LinkId, Source};

const CLIENT: u64 = 7;

#[derive(Clone, Debug)]
enum Step {
    Claim { from: u16, id: u64, serial: u64 },
    Heard,
    Packet { from: u16 },
    Silent,
    Time,
}

proptest! {
    #[test]
    fn only_a_source_with_a_fresh_claim_becomes_the_client_s_and_no_claim_counts_twice(
        steps in vec((step(), 0..6_000_u64), 1..100),
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
                    if state.handle_claim(source(from), claim) == Verdict::Fresh {
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
                },
                Step::Heard => state.handle_heard(now),
                Step::Silent => state.handle_silent(),
                Step::Time => state.handle_time(now),
            }
            state.handle_time(now);
            prop_assert_eq!(state.moves(), moves);
            prop_assert!(state.poll_timeout().is_none_or(|at| at > now));
            prop_assert!(state.plan().current.is_some() || moves == 0 || state.plan().dark);
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4_u16, CLIENT..CLIENT + 2, 0..12_u64)
            .prop_map(|(from, id, serial)| Step::Claim { from, id, serial }),
        3 => (0..4_u16).prop_map(|from| Step::Packet { from }),
        1 => Just(Step::Heard),
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
