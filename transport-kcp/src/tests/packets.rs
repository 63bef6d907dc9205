use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::fec::{self, Body, Framer, PAIRS};
use crate::replay::{Pairs, RECENT, Recent, WINDOW};

#[test]
fn data_its_copy_and_a_datagram_have_these_exact_forms() {
    let mut body = vec![0; fec::HEADER];
    body.extend_from_slice(b"segments");
    let mut framer = Framer::new();
    framer.number(&mut body);
    let pair = framer.number(&mut body);
    assert_eq!(body, b"\x02\0\0\0\xf1\0\x0a\0segments");
    fec::to_copy(&mut body, pair);
    assert_eq!(body, b"\x03\0\0\0\xf2\0\x0a\0segments");
    let mut body = vec![0; fec::HEADER];
    body.extend_from_slice(b"convpayload");
    fec::to_datagram(&mut body);
    assert_eq!(body, b"\xff\xff\xff\xff\xf3\0\x0d\0convpayload");
    assert_eq!(
        Body::parse(&body),
        Some(Body::Datagram {
            conv: u32::from_le_bytes(*b"conv"),
            payload: b"payload"
        })
    );
}

#[test]
fn what_follows_the_size_is_padding_and_a_size_beyond_the_packet_is_none() {
    let numbered = |segments| {
        Some(Body::Numbered {
            pair: 0,
            copy: false,
            segments,
        })
    };
    assert_eq!(
        Body::parse(b"\0\0\0\0\xf1\0\x04\0abpadding"),
        numbered(b"ab")
    );
    assert_eq!(Body::parse(b"\0\0\0\0\xf1\0\x02\0"), numbered(b""));
    for wrong in [
        &b"\0\0\0\0\xf1\0\x0c\0ab"[..],
        b"\0\0\0\0\xf1\0\x01\0ab",
        b"\0\0\0\0\xf1\0\0\0ab",
        b"\0\0\0\0\xf1\0\xff\xffab",
        b"\0\0\0\0\xf1\0",
        b"\0\0\0\0",
        b"",
        // Data is even, a copy odd, and numbers wrap before the last.
        b"\x01\0\0\0\xf1\0\x04\0ab",
        b"\x02\0\0\0\xf2\0\x04\0ab",
        b"\xfe\xff\xff\xff\xf1\0\x04\0ab",
        b"\xff\xff\xff\xff\xf3\0\x05\0con",
    ] {
        assert_eq!(Body::parse(wrong), None, "{wrong:?}");
    }
}

#[test]
fn segments_without_any_framing_are_taken_as_they_are() {
    let bare = [7, 0, 0, 0, 81, 0, 0, 4, 1, 1, 1, 1];
    assert_eq!(Body::parse(&bare), Some(Body::Bare(&bare)));
    assert_eq!(Body::Bare(&bare).conv(), Some(7));
}

#[test]
fn numbers_wrap_where_the_original_wraps() {
    let mut body = vec![0; fec::HEADER];
    let mut framer = Framer::starting_at(PAIRS - 1);
    let last = framer.number(&mut body);
    assert_eq!(body[..4], 0xffff_fffcu32.to_le_bytes());
    fec::to_copy(&mut body, last);
    assert_eq!(body[..4], 0xffff_fffdu32.to_le_bytes());
    assert_eq!(framer.number(&mut body), 0);
}

#[test]
fn a_packet_after_a_pause_of_half_a_second_has_no_copy() {
    let t0 = Instant::now();
    let ms = Duration::from_millis;
    let mut framer = Framer::new();
    let sent = [0, 499, 999, 1000].map(|at| framer.wants_copy(t0 + ms(at)));
    assert_eq!(sent, [false, true, false, true]);
}

#[test]
fn a_number_counts_once_whichever_way_it_comes() {
    let mut pairs = Pairs::new();
    for pair in [5, 7, 6, 1000, 999, 5 + WINDOW] {
        assert!(pairs.is_new(pair), "{pair}");
        assert!(!pairs.is_new(pair), "{pair}");
    }
    // Too old to tell.
    assert!(!pairs.is_new(3));
    assert!(pairs.is_new(500));
    assert!(pairs.is_new(WINDOW * 10));
    assert!(pairs.is_new(WINDOW * 10 - 1));
    assert!(!pairs.is_new(500));
}

#[test]
fn the_window_slides_over_the_wrap() {
    let mut pairs = Pairs::new();
    for pair in [PAIRS - 3, PAIRS - 1, 1, 0, PAIRS - 2] {
        assert!(pairs.is_new(pair), "{pair}");
    }
    for pair in [PAIRS - 3, PAIRS - 2, PAIRS - 1, 0, 1] {
        assert!(!pairs.is_new(pair), "{pair}");
    }
    assert!(pairs.is_new(2));
}

#[test]
fn the_latest_nonces_are_remembered_and_no_more() {
    let mut recent = Recent::default();
    let nonce = |number: usize| {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&(number as u64).to_le_bytes());
        nonce
    };
    for number in 0..=RECENT {
        assert!(recent.is_new(nonce(number)));
        assert!(!recent.is_new(nonce(number)));
    }
    assert!(recent.is_new(nonce(0)));
    assert!(!recent.is_new(nonce(RECENT)));
}

proptest! {
    #[test]
    fn no_bytes_make_the_framing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), kind in 0xf0u8..0xf5) {
        let mut framed = bytes.clone();
        if framed.len() > 6 {
            framed[4] = kind;
            framed[5] = 0;
        }
        for bytes in [bytes, framed] {
            if let Some(body) = Body::parse(&bytes) {
                let _conv = body.conv();
            }
        }
    }

    #[test]
    fn the_window_agrees_with_a_list_of_all_that_came(start in 0..PAIRS, steps in proptest::collection::vec(-60i64..80, 1..300)) {
        let mut pairs = Pairs::new();
        let mut came = std::collections::HashSet::new();
        let mut at = i64::from(start);
        for step in steps {
            at += step;
            let pair = at.rem_euclid(i64::from(PAIRS)) as u32;
            prop_assert_eq!(pairs.is_new(pair), came.insert(at));
        }
    }
}
