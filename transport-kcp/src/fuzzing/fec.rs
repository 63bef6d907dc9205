//! Opened packets: what they are, and which of them count.

use std::collections::{BTreeSet, VecDeque};

use super::Script;
use crate::crypto::NONCE_LEN;
use crate::fec::{Body, Framer, HEADER, PAIRS, to_copy, to_datagram};
use crate::replay::{Pairs, RECENT, Recent, WINDOW};

/// Any bytes as an opened packet, then as a row of numbers and of nonces.
pub fn fec(data: &[u8]) {
    if let Some(body) = Body::parse(data) {
        stays_inside(&body, data);
        is_written_as_it_was_read(&body);
    }
    counts_once(&mut Script::new(data));
    nonces_count_once(&mut Script::new(data));
}

fn stays_inside(body: &Body<'_>, data: &[u8]) {
    match body {
        Body::Bare(segments) => assert_eq!(*segments, data),
        Body::Datagram { payload, .. } => assert!(payload.len() + HEADER + 4 <= data.len()),
        Body::Numbered { pair, segments, .. } => {
            assert!(*pair < PAIRS && segments.len() + HEADER <= data.len());
        }
    }
}

fn is_written_as_it_was_read(body: &Body<'_>) {
    let mut out = vec![0; HEADER];
    match body {
        Body::Bare(_) => return,
        Body::Datagram { conv, payload } => {
            out.extend_from_slice(&conv.to_le_bytes());
            out.extend_from_slice(payload);
            to_datagram(&mut out);
        }
        Body::Numbered { pair, segments, .. } => {
            out.extend_from_slice(segments);
            assert_eq!(Framer::starting_at(*pair).number(&mut out), *pair);
            assert_eq!(Body::parse(&out), Some(*body));
            // A copy is the same packet, and has the number behind it.
            let seqid = u32::from_le_bytes([out[0], out[1], out[2], out[3]]);
            to_copy(&mut out, *pair);
            assert_eq!(out[..4], (seqid + 1).to_le_bytes());
        }
    }
    assert_eq!(Body::parse(&out), Some(*body));
}

/// A number counts once, whatever the order, and none that lies too far behind.
fn counts_once(script: &mut Script<'_>) {
    let mut pairs = Pairs::new();
    let mut newest = script.word() % PAIRS;
    let mut place = u64::from(PAIRS);
    let mut seen = BTreeSet::from([place]);
    assert!(pairs.is_new(newest));
    while !script.is_over() {
        let pair = match script.byte() % 4 {
            0 => newest.wrapping_add(u32::from(script.byte())),
            1 => newest.wrapping_sub(u32::from(script.short()) % (2 * WINDOW)),
            2 => newest.wrapping_add(u32::from(script.short())),
            _ => script.word(),
        } % PAIRS;
        let ahead = (pair + PAIRS - newest) % PAIRS;
        let behind = PAIRS - ahead;
        let expected = if ahead < PAIRS / 2 {
            (newest, place) = (pair, place + u64::from(ahead));
            seen.insert(place)
        } else {
            behind < WINDOW && seen.insert(place - u64::from(behind))
        };
        assert_eq!(pairs.is_new(pair), expected, "{pair} after {newest}");
    }
}

/// A nonce counts once among the latest.
fn nonces_count_once(script: &mut Script<'_>) {
    let mut recent = Recent::default();
    let mut latest = VecDeque::new();
    while !script.is_over() {
        let mut nonce = [0; NONCE_LEN];
        nonce[..2].copy_from_slice(&script.short().to_le_bytes());
        let expected = !latest.contains(&nonce);
        assert_eq!(recent.is_new(nonce), expected);
        if expected {
            latest.push_back(nonce);
        }
        if latest.len() > RECENT {
            latest.pop_front();
        }
    }
}
