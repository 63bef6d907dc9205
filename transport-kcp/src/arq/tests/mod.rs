//! A conversation with its peer on a bad path, and with a peer that lies.

mod pair;

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::Arq;
use super::segment::{Command, HEADER, Header, take};
use pair::{Fate, Heard, Pair, Side, Text, WAY};

#[test]
fn a_segment_has_this_exact_form_on_the_wire() {
    let head = Header {
        conv: 0x0403_0201,
        command: Command::Push,
        window: 0x0605,
        ts: 0x0a09_0807,
        sn: 0x0e0d_0c0b,
        una: 0x1211_100f,
    };
    let mut out = Vec::new();
    head.write(3, &mut out);
    let expected = [
        1, 2, 3, 4, 81, 0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 3, 0, 0, 0,
    ];
    assert_eq!(out, expected);
    out.extend_from_slice(b"abcrest");
    let mut bytes = &out[..];
    assert_eq!(take(&mut bytes), Some((head, &b"abc"[..])));
    assert_eq!((bytes, take(&mut bytes)), (&b"rest"[..], None));
}

#[test]
fn segments_that_lie_about_their_length_or_their_kind_are_none() {
    let mut segment = push(7, 0, b"abc");
    for (at, wrong) in [(20, 4), (20, 255), (23, 255), (4, 80), (4, 85)] {
        let right = std::mem::replace(&mut segment[at], wrong);
        assert_eq!(take(&mut &segment[..]), None, "{at} {wrong}");
        segment[at] = right;
    }
    assert!(take(&mut &segment[..]).is_some());
}

#[test]
fn what_is_sent_arrives_and_both_sides_fall_silent() {
    let mut pair = Pair::new();
    pair.near.text.extend(0..=255);
    let arrived = pair.run(|_, _| Fate::Arrives);
    assert_eq!(arrived, (0..=255).collect::<Vec<u8>>());
    assert_eq!(pair.near.timeout(), None);
    assert_eq!(pair.far.timeout(), None);
    assert!(pair.near.arq.is_done());
    // A lone segment is acknowledged a little later, with what may go back.
    assert_eq!(
        pair.near.arq.rtt(),
        Some(2 * WAY + Duration::from_millis(5))
    );
}

#[test]
fn a_packet_that_is_lost_at_the_end_comes_again_within_three_round_trips() {
    let mut pair = Pair::new();
    for _ in 0..10 {
        pair.near.text.extend([1; 10]);
        pair.run(|_, _| Fate::Arrives);
    }
    pair.near.text.extend([2; 100]);
    let begun = pair.now;
    let mut first = true;
    let arrived = pair.run(|_, _| match std::mem::take(&mut first) {
        true => Fate::Lost,
        false => Fate::Arrives,
    });
    assert_eq!(arrived.len(), 200);
    let took = pair.far.heard_at.unwrap() - begun;
    assert!(took <= 6 * WAY, "{took:?}");
}

#[test]
fn a_gap_is_filled_a_round_trip_after_others_have_overtaken_it() {
    let mut pair = Pair::new();
    pair.near.text.extend(vec![1; 4000]);
    pair.run(|_, _| Fate::Arrives);
    pair.near.text.extend(vec![2; 9000]);
    let begun = pair.now;
    let mut count = 0;
    pair.run(|from, _| {
        count += i32::from(from == Side::Near);
        if from == Side::Near && count == 2 {
            Fate::Lost
        } else {
            Fate::Arrives
        }
    });
    let took = pair.far.heard_at.unwrap() - begun;
    assert!(took <= 5 * WAY, "{took:?}");
}

#[test]
fn a_path_that_takes_nothing_is_asked_ever_more_rarely_and_not_with_everything() {
    let mut pair = Pair::new();
    pair.near.text.extend([1; 100]);
    pair.run(|_, _| Fate::Arrives);
    pair.near.text.extend(vec![2; 100_000]);
    let mut sent = Vec::new();
    let begun = pair.now;
    for _ in 0..400 {
        pair.step(&mut |_, now| {
            sent.push(now - begun);
            Fate::Lost
        });
        if pair.now - begun > 10 * S {
            break;
        }
    }
    let within =
        |from: Duration, to: Duration| sent.iter().filter(|at| (from..to).contains(*at)).count();
    assert!(within(Duration::ZERO, S / 10) <= 20, "{sent:?}");
    assert!((1..=10).contains(&within(8 * S, 9 * S)), "{sent:?}");
}

#[test]
fn when_a_path_is_back_everything_goes_out_at_once() {
    let mut pair = Pair::new();
    pair.near.text.extend([1; 100]);
    pair.run(|_, _| Fate::Arrives);
    pair.near.text.extend([2; 5000]);
    for _ in 0..30 {
        pair.step(&mut |_, _| Fate::Lost);
    }
    let mut sent = 0;
    pair.near.arq.handle_path_back();
    pair.near.arq.handle_clock_back(pair.now);
    let now = pair.now;
    pair.step(&mut |_, at| {
        sent += u32::from(at == now);
        Fate::Arrives
    });
    assert!(sent >= 5, "{sent} packets");
    let arrived = pair.run(|_, _| Fate::Arrives);
    assert_eq!(arrived.len(), 5100);
}

#[test]
fn a_reader_that_rests_shuts_the_window_and_is_asked_until_it_reads() {
    let mut pair = Pair::new();
    pair.far.room = false;
    pair.near.text.extend(vec![3; 12 << 20]);
    let begun = pair.now;
    while pair.now - begun < 100 * S {
        pair.step(&mut |_, _| Fate::Arrives);
    }
    let mut asked = 0;
    while pair.now - begun < 200 * S {
        pair.step(&mut |from, _| {
            asked += u32::from(from == Side::Near);
            Fate::Arrives
        });
    }
    assert!((5..30).contains(&asked), "{asked}");
    (pair.far.room, pair.far.heard.1) = (true, true);
    pair.far.arq.handle_room(&mut pair.far.heard);
    let arrived = pair.run(|_, _| Fate::Arrives);
    assert_eq!(arrived.len(), 12 << 20);
}

#[test]
fn the_clock_of_timestamps_wraps() {
    let mut pair = Pair::new();
    for _ in 0..4 {
        pair.now += Duration::from_millis(1 << 30) + S;
        pair.near.text.extend([1; 3000]);
        pair.run(|_, _| Fate::Arrives);
        assert!(pair.near.arq.rtt().unwrap() <= 3 * WAY);
    }
    assert_eq!(pair.far.heard.0.len(), 12_000);
}

#[test]
fn numbers_of_segments_wrap_while_some_are_lost() {
    for start in [1 << 31, 0u32].map(|wrap| wrap.wrapping_sub(50)) {
        let mut pair = Pair::starting_at(start);
        let text: Vec<u8> = (0..100_000).map(|at| (at % 251) as u8).collect();
        pair.near.text.extend(text.iter().copied());
        let mut count = 0;
        let arrived = pair.run(|_, _| {
            count += 1;
            match count % 7 {
                0 | 1 => Fate::Lost,
                2 => Fate::Late,
                _ => Fate::Arrives,
            }
        });
        assert!(arrived == text, "{} bytes from {start}", arrived.len());
    }
}

#[test]
fn two_losses_after_two_thousand_million_segments_without_any_are_both_found() {
    let mut pair = Pair::starting_at((1 << 31) - 6);
    pair.near.text.extend(vec![1; 3000]);
    pair.run(|_, _| Fate::Arrives);
    pair.near.text.extend(vec![2; 11_000]);
    let mut count = 0;
    let arrived = pair.run(|from, _| {
        count += i32::from(from == Side::Near);
        // One before the middle of all numbers, and one behind it, which are missed at the same moment.
        match from == Side::Near && [2, 5].contains(&count) {
            true => Fate::Lost,
            false => Fate::Arrives,
        }
    });
    assert_eq!(arrived.len(), 14_000);
}

#[test]
fn a_peer_that_acknowledges_what_was_never_sent_is_not_heard() {
    let now = Instant::now();
    let mut arq = Arq::new(7, 1400, now);
    let mut sink = Heard(Vec::new(), true);
    for una in [1, 5, 1 << 30] {
        let mut segment = push(7, 0, b"lie");
        segment[16..20].copy_from_slice(&u32::to_le_bytes(una));
        arq.handle_packet(&segment, &mut sink, now);
    }
    arq.handle_packet(&push(8, 0, b"another conversation"), &mut sink, now);
    arq.handle_packet(&push(7, 8192, b"beyond the window"), &mut sink, now);
    assert_eq!(sink.0, b"");
    assert!(!arq.owes_ack());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_network_does_bytes_come_once_and_in_order(dice in proptest::collection::vec(0u8..100, 50..400), len in 1usize..40_000) {
        let mut pair = Pair::new();
        let text: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        pair.near.text.extend(text.iter().copied());
        let mut at = 0;
        let arrived = pair.run(|_, _| {
            at += 1;
            // A storm that blows over.
            match dice.get(at).copied().unwrap_or(99) {
                0..30 => Fate::Lost,
                30..45 => Fate::Twice,
                45..65 => Fate::Late,
                _ => Fate::Arrives,
            }
        });
        prop_assert!(arrived == text, "{} of {len} bytes", arrived.len());
    }

    #[test]
    fn no_bytes_make_a_conversation_panic(packets in proptest::collection::vec(proptest::collection::vec((any::<u8>(), any::<u32>(), any::<u32>(), any::<u32>(), 0usize..30), 1..4), 1..60)) {
        let now = Instant::now();
        let mut arq = Arq::new(7, 1400, now);
        let mut sink = Heard(Vec::new(), true);
        let mut text = Text([5; 20_000].into());
        for (step, packet) in packets.iter().enumerate() {
            let now = now + step as u32 * Duration::from_millis(3);
            let mut bytes = Vec::new();
            for (command, ts, sn, una, len) in packet {
                let mut segment = push(7, sn % 64, &vec![0; *len]);
                segment[4] = 81 + command % 5;
                segment[6] = (ts % 3) as u8;
                segment[8..12].copy_from_slice(&(ts % 100).to_le_bytes());
                segment[16..20].copy_from_slice(&(una % 20).to_le_bytes());
                bytes.extend(segment);
            }
            arq.handle_packet(&bytes, &mut sink, now);
            let mut out = Vec::new();
            while arq.poll_packet(&mut text, &mut out, now).is_some() {
                prop_assert!(out.len() <= 1400);
                out.clear();
            }
            let _when = arq.poll_timeout(&text);
        }
        prop_assert!(sink.0.len() < 64 * 30);
    }
}

fn push(conv: u32, sn: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let head = Header {
        conv,
        command: Command::Push,
        window: 1024,
        ts: 0,
        sn,
        una: 0,
    };
    head.write(data.len(), &mut out);
    assert_eq!(out.len(), HEADER);
    out.extend_from_slice(data);
    out
}

const S: Duration = Duration::from_secs(1);
