//! Packets that only the peer can have made: a number, a body, and a keyed hash of both. No cryptography, and enough
//! for whoever only throws dice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Flaw;

/// Who made a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// One side's packets.
pub(super) struct Seal {
    key: Vec<u8>,
    side: Side,
    flaw: Flaw,
    next: u64,
    /// Whom the flawed one hears.
    attempt: Option<u64>,
    /// Numbers that opened, and below which none does.
    seen: BTreeSet<u64>,
    floor: u64,
}

/// What opened.
pub(super) struct Opened {
    pub(super) body: Vec<u8>,
    /// It opened before.
    pub(super) again: bool,
}

impl Seal {
    pub(super) fn new(key: &[u8], side: Side, flaw: Flaw) -> Self {
        static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
        let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        let first = match (flaw, side) {
            (Flaw::ServesTheFirstAttempt, Side::Client) => attempt << ATTEMPT,
            _ => 0,
        };
        Self {
            key: key.to_vec(),
            side,
            flaw,
            next: first + 1,
            attempt: None,
            seen: BTreeSet::new(),
            floor: 0,
        }
    }

    /// The packet around `body`.
    pub(super) fn seal(&mut self, body: &[u8], padded_to: usize) -> Vec<u8> {
        let number = self.next;
        self.next += 1;
        let mut packet = number.to_be_bytes().to_vec();
        packet.extend_from_slice(&(body.len() as u16).to_be_bytes());
        packet.extend_from_slice(body);
        packet.resize(packet.len().max(padded_to.saturating_sub(TAG)), 0);
        let tag = self.tag(self.side, &packet);
        packet.extend_from_slice(&tag);
        packet
    }

    /// What the peer put into `packet`; `None` when it is not the peer's.
    pub(super) fn open(&mut self, packet: &[u8]) -> Option<Opened> {
        if self.flaw == Flaw::PanicsAtShortPackets {
            assert!(packet.len() >= HEAD + TAG, "a packet is never so short");
        }
        let (sealed, tag) = packet.split_at_checked(packet.len().checked_sub(TAG)?)?;
        let peer = match self.side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        let own = self.flaw == Flaw::BelievesReflections && tag == self.tag(self.side, sealed);
        let bent = self.flaw == Flaw::BelievesWhatIsBent && self.looks_right(sealed);
        if tag != self.tag(peer, sealed) && !own && !bent {
            return None;
        }
        let (head, rest) = sealed.split_at_checked(HEAD)?;
        let number = u64::from_be_bytes(*head.first_chunk()?);
        let len = u16::from_be_bytes(*head.last_chunk()?).into();
        if self.flaw == Flaw::ServesTheFirstAttempt
            && *self.attempt.get_or_insert(number >> ATTEMPT) != number >> ATTEMPT
        {
            return None;
        }
        let again = number <= self.floor || !self.seen.insert(number);
        while self.seen.len() > REMEMBERED {
            self.floor = self.seen.pop_first()?;
        }
        Some(Opened {
            body: rest.get(..len)?.to_vec(),
            again: again && !own,
        })
    }

    /// A number that may come next, and a length that fits.
    fn looks_right(&self, sealed: &[u8]) -> bool {
        let Some(head) = sealed.first_chunk::<8>() else {
            return false;
        };
        u64::from_be_bytes(*head).abs_diff(self.floor + self.seen.len() as u64) < 1000
    }

    fn tag(&self, side: Side, sealed: &[u8]) -> [u8; TAG] {
        let mut tag = (side as u64) << 32 | sealed.len() as u64;
        for bytes in self.key.chunks(TAG).chain(sealed.chunks(TAG)) {
            let mut word = [0; TAG];
            word[..bytes.len()].copy_from_slice(bytes);
            tag = (tag ^ u64::from_be_bytes(word)).wrapping_mul(FACTOR);
            tag ^= tag >> 29;
        }
        tag.to_be_bytes()
    }
}

/// A number, and how long the body is.
const HEAD: usize = 10;

const TAG: usize = 8;

/// Odd, and half of its bits are set: each bit of a word moves many of the tag.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Numbers; packets that are later than so many others do not open.
const REMEMBERED: usize = 4096;

/// Bits of a number below those that tell of the attempt.
const ATTEMPT: u32 = 32;
