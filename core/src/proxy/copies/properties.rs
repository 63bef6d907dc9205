//! What holds whatever is sent and lost, and whenever.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::state::{BUDGET_BURST, BUDGET_RATE, MAX_COPIES, SMALL, State};
use super::waiting::{AFTER, PLACES, Waiting};

#[derive(Clone, Copy, Debug)]
enum Step {
    Delivery {
        arrived: u64,
        lost: u64,
    },
    Doubled,
    Sent {
        bytes: usize,
        packets: usize,
        routes: usize,
    },
    Wait {
        ms: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..300_u64, 0..30_u64).prop_map(|(arrived, lost)| Step::Delivery { arrived, lost }),
        Just(Step::Doubled),
        (0..2000_usize, 0..12_usize, 0..3_usize).prop_map(|(bytes, packets, routes)| Step::Sent {
            bytes,
            packets,
            routes
        }),
        prop_oneof![0..20_u64, 0..2_000_000_u64].prop_map(|ms| Step::Wait { ms }),
    ]
}

proptest! {
    #[test]
    fn the_budget_is_kept_and_only_small_packets_are_copied(
        steps in prop::collection::vec(step(), 0..200)
    ) {
        let t0 = Instant::now();
        let mut now = t0;
        let mut state = State::new();
        let mut spent = 0;
        for step in steps {
            match step {
                Step::Delivery { arrived, lost } => state.handle_delivery(arrived, lost, now),
                Step::Doubled => state.handle_hint(now),
                Step::Sent { bytes, packets, routes } => {
                    let copies = state.handle_sent(bytes, packets, routes, now);
                    prop_assert!(copies <= state.copies().min(MAX_COPIES));
                    prop_assert!(copies == 0 || (bytes <= SMALL && packets == 1 && routes > 0));
                    spent += usize::from(copies) * bytes * routes;
                }
                Step::Wait { ms } => now += Duration::from_millis(ms),
            }
            let budget =
                f64::from(BUDGET_BURST) + f64::from(BUDGET_RATE) * (now - t0).as_secs_f64();
            prop_assert!(spent as f64 <= budget + 1.0);
        }
    }

    #[test]
    fn without_loss_and_without_a_hint_nothing_is_ever_copied(
        sent in prop::collection::vec((0..2000_usize, 0..20_u64), 0..200)
    ) {
        let mut now = Instant::now();
        let mut state = State::new();
        for (bytes, ms) in sent {
            now += Duration::from_millis(ms);
            prop_assert_eq!(state.handle_sent(bytes, 1, 1, now), 0);
            state.handle_delivery(1, 0, now);
        }
    }

    #[test]
    fn every_copy_is_a_packet_that_was_sent_within_time_and_never_too_often(
        sent in prop::collection::vec((0..=SMALL + 1, 0..5_u8, 0..30_u64), 1..100)
    ) {
        let mut now = Instant::now();
        let mut waiting = Waiting::new(now);
        let mut packets = BTreeMap::new();
        let mut made = BTreeMap::<usize, u8>::new();
        for (name, (len, copies, ms)) in sent.into_iter().enumerate() {
            let mut packet = vec![0; len.max(2)];
            packet[..2].copy_from_slice(&(name as u16).to_be_bytes());
            waiting.handle_sent(&packet, None, copies, now);
            packets.insert(name, (packet, copies, now));
            now += Duration::from_millis(ms);
            let mut found = 0;
            while let Some(due) = waiting.poll_output(now) {
                let name = usize::from(u16::from_be_bytes([due.packet[0], due.packet[1]]));
                let (packet, copies, at) = &packets[&name];
                prop_assert_eq!(due.packet, &packet[..]);
                let before = made.entry(name).or_default();
                prop_assert!(now >= *at + AFTER[usize::from(*before)]);
                *before += 1;
                prop_assert!(*before <= (*copies).min(MAX_COPIES));
                found += 1;
            }
            prop_assert!(found <= PLACES * usize::from(MAX_COPIES));
            prop_assert!(waiting.poll_timeout().is_none_or(|due| due > now));
        }
    }
}
