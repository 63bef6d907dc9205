//! Whatever happens in whatever order, the state machine stays sane.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};

use super::race::MAX_RIVALS;
use super::tests::{ack, connected};
use super::{Carriers, Output, State, Timing, Trigger};
use crate::auth::Challenger;
use crate::proxy::{LinkId, MAX_ROUTES};

#[derive(Clone, Debug)]
enum Step {
    Ack(u64, u64),
    Answer(u64, bool),
    Failed(u64),
    Heard(u64),
    Opened(u64),
    Outdated,
    Refused(u64),
    Stands(u64),
    Trigger(Trigger),
    Typed,
}

proptest! {
    #[test]
    fn any_order_of_events_keeps_the_plan_sane_and_never_leads_to_a_busy_loop(
        race in any::<bool>(),
        wide in any::<bool>(),
        interfaces in 0..4_usize,
        addresses in 1..4_usize,
        carriers in prop_oneof![Just(Carriers::Udp), Just(Carriers::Stream), Just(Carriers::Both)],
        steps in vec((step(), 0..3_000_u64, any::<bool>()), 1..120),
    ) {
        let mut now = Instant::now();
        let base = if race { 1 << 63 } else { 0 };
        let mut opened = 0;
        let mut known = BTreeSet::new();
        let mut state = if carriers == Carriers::Udp && !race {
            known.insert(LinkId(1));
            connected(now)
        } else {
            let timing = Timing {
                carriers,
                confirm: race || carriers == Carriers::Both,
                race,
                wide,
                ..Timing::default()
            };
            let challenger = match race {
                true => Challenger::racing(7, 9),
                false => Challenger::new(7, 9),
            };
            State::new(challenger, timing, addresses, now)
        };
        for (step, wait, routed) in steps {
            now += Duration::from_millis(wait);
            let newest = known.last().map_or(0, |link| link.0);
            match step {
                Step::Ack(back, serial) => {
                    state.handle_ack(LinkId(newest.saturating_sub(back)), ack(base + serial), now);
                }
                Step::Answer(back, large) => {
                    let link = LinkId(newest.saturating_sub(back));
                    state.handle_answer(link, ack(0), large);
                }
                Step::Failed(back) => {
                    state.handle_link_failed(LinkId(newest.saturating_sub(back)), now);
                }
                Step::Heard(back) => {
                    // Only packets of links that are read can be heard.
                    let link = LinkId(newest.saturating_sub(back));
                    if state.plan().links.contains(&link) {
                        state.handle_heard(link, now);
                    }
                }
                Step::Opened(new) => opened += new,
                Step::Outdated => state.handle_outdated(now),
                Step::Refused(back) => {
                    state.handle_refused(LinkId(newest.saturating_sub(back)), now);
                }
                Step::Stands(back) => state.handle_stands(LinkId(newest.saturating_sub(back))),
                Step::Trigger(trigger) => state.handle_trigger(trigger, now),
                Step::Typed => state.handle_typed(now),
            }
            state.handle_opened(opened, now);
            let mut outputs = 0;
            while let Some(output) = state.poll_output(now) {
                outputs += 1;
                prop_assert!(outputs < 40, "no end of outputs");
                let (Output::Bind { link, .. }
                | Output::Claim { link, .. }
                | Output::Moved { link }
                | Output::Ask { link, .. }
                | Output::Dummy { link }) = output
                else {
                    state.handle_surveyed(interfaces);
                    continue;
                };
                if matches!(output, Output::Bind { .. }) {
                    prop_assert!(!known.contains(&link), "a name is used twice");
                    if routed {
                        known.insert(link);
                    }
                    state.handle_bound(link, routed, now);
                } else {
                    prop_assert!(state.plan().links.contains(&link));
                }
            }
            let plan = state.plan();
            prop_assert!(plan.links.iter().all(|link| known.contains(link)));
            prop_assert!(plan.send.iter().all(|link| plan.links.contains(link)));
            prop_assert!(plan.send.len() <= MAX_ROUTES);
            // The path, the one before, the sockets that are tried; and eight streams.
            prop_assert!(plan.links.len() + plan.waiting.len() <= 3 + MAX_RIVALS + 8);
            prop_assert!(carriers != Carriers::Udp || plan.waiting.is_empty());
            prop_assert!(plan.waiting.iter().all(|link| !plan.links.contains(link)));
            prop_assert!(state.poll_timeout().is_none_or(|at| at > now));
            // A path that is lost is being looked for, or about to be given up.
            prop_assert!(!plan.dark || state.is_trying());
            prop_assert!(state.lost_at().is_none() || state.poll_timeout().is_some());
            prop_assert!(state.is_suspect() || state.lost_at().is_none());
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let trigger = prop_oneof![
        Just(Trigger::AddressGone),
        Just(Trigger::NetworkChanged),
        Just(Trigger::NetworkTouched),
        Just(Trigger::SendFailed),
        Just(Trigger::Silent),
        Just(Trigger::Unanswered),
        Just(Trigger::Woke),
    ];
    prop_oneof![
        (0..4_u64, 0..30_u64).prop_map(|(back, serial)| Step::Ack(back, serial)),
        (0..4_u64, any::<bool>()).prop_map(|(back, large)| Step::Answer(back, large)),
        (0..4_u64).prop_map(Step::Failed),
        (0..4_u64).prop_map(Step::Heard),
        (0..1000_u64).prop_map(Step::Opened),
        Just(Step::Outdated),
        (0..4_u64).prop_map(Step::Refused),
        (0..4_u64).prop_map(Step::Stands),
        trigger.prop_map(Step::Trigger),
        Just(Step::Typed),
    ]
}
