//! Remembers what was received, so that a packet counts once: a copy, a double of the network, or a replay.
//!
//! KCP has no such protection of its own.

use std::collections::{HashSet, VecDeque};

use crate::crypto::NONCE_LEN;
use crate::fec::PAIRS;

/// A sliding window over the numbers of pairs (a data packet and its copy), which wrap at [`PAIRS`].
#[derive(Debug)]
pub(crate) struct Pairs {
    /// One bit for each of the latest [`WINDOW`] places, at the place modulo `WINDOW`.
    seen: Box<[u64; WORDS]>,
    /// The newest number so far, and its place: a number that does not wrap.
    newest: Option<(u32, u64)>,
}

impl Pairs {
    pub(crate) fn new() -> Self {
        Self {
            seen: Box::new([0; WORDS]),
            newest: None,
        }
    }

    /// Whether a number ever came.
    pub(crate) fn has_any(&self) -> bool {
        self.newest.is_some()
    }

    /// Whether `pair` comes for the first time; notes it. What is too old to tell counts as seen.
    pub(crate) fn is_new(&mut self, pair: u32) -> bool {
        // Far from zero, so that there is room for what comes late.
        let (newest, at) = *self.newest.get_or_insert_with(|| (pair, u64::from(PAIRS)));
        let ahead = distance(newest, pair);
        let place = if ahead < PAIRS / 2 {
            self.slide(at, ahead);
            self.newest = Some((pair, at + u64::from(ahead)));
            at + u64::from(ahead)
        } else {
            let behind = distance(pair, newest);
            if behind >= WINDOW {
                return false;
            }
            at - u64::from(behind)
        };
        let bit = (place % u64::from(WINDOW)) as usize;
        let known = self.seen[bit / 64] & (1 << (bit % 64)) != 0;
        self.seen[bit / 64] |= 1 << (bit % 64);
        !known
    }

    /// Makes room for the `ahead` places behind `at`.
    fn slide(&mut self, at: u64, ahead: u32) {
        if ahead >= WINDOW {
            self.seen.fill(0);
            return;
        }
        for step in 1..=u64::from(ahead) {
            let bit = ((at + step) % u64::from(WINDOW)) as usize;
            self.seen[bit / 64] &= !(1 << (bit % 64));
        }
    }
}

/// How far `to` lies ahead of `from`, modulo [`PAIRS`].
fn distance(from: u32, to: u32) -> u32 {
    if to >= from {
        to - from
    } else {
        PAIRS - from + to
    }
}

/// The latest nonces of packets that have no number.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    order: VecDeque<[u8; NONCE_LEN]>,
    known: HashSet<[u8; NONCE_LEN]>,
}

impl Recent {
    /// Whether `nonce` comes for the first time; notes it, and forgets the oldest one.
    pub(crate) fn is_new(&mut self, nonce: [u8; NONCE_LEN]) -> bool {
        if !self.known.insert(nonce) {
            return false;
        }
        if self.order.len() == RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(nonce);
        true
    }
}

/// Packets may be reordered by this many and still count.
pub(crate) const WINDOW: u32 = 8192;

const WORDS: usize = WINDOW as usize / 64;

/// A replay of an older datagram delivers it a second time: datagrams promise no more, and it is no sign of life.
pub(crate) const RECENT: usize = 4096;
