//! The framing under KCP: numbered packets, their copies, and datagrams beside them.
//!
//! PROTOCOL.md, "KCP mode". With one data and one parity packet a parity packet is a copy.

use std::time::{Duration, Instant};

/// Bytes before KCP's: seqid `u32`, type `u16`, size `u16`.
pub(crate) const HEADER: usize = 8;

/// Data and parity number each pair together; pair numbers wrap here.
pub(crate) const PAIRS: u32 = SEQIDS / 2;

/// Where seqids wrap.
const SEQIDS: u32 = u32::MAX / 2 * 2;

/// What an opened packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    /// KCP segments without any framing.
    Bare(&'a [u8]),
    /// One datagram, for the conversation `conv`.
    Datagram { conv: u32, payload: &'a [u8] },
    /// KCP segments, sent once or twice.
    Numbered {
        pair: u32,
        copy: bool,
        segments: &'a [u8],
    },
}

impl<'a> Body<'a> {
    /// Reads an opened packet; `None` when it is nothing known.
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let (head, rest) = body.split_at_checked(6)?;
        let kind = u16::from_le_bytes([head[4], head[5]]);
        if ![DATA, PARITY, OUT_OF_BAND].contains(&kind) {
            return Some(Self::Bare(body));
        }
        let size: [u8; 2] = rest.get(..2)?.try_into().ok()?;
        // The size counts itself; what stands behind it is padding.
        let content = rest.get(2..usize::from(u16::from_le_bytes(size)))?;
        if kind == OUT_OF_BAND {
            let (conv, payload) = content.split_at_checked(4)?;
            let conv = u32::from_le_bytes(conv.try_into().ok()?);
            return Some(Self::Datagram { conv, payload });
        }
        let seqid = u32::from_le_bytes(head[..4].try_into().ok()?);
        let copy = kind == PARITY;
        if seqid >= SEQIDS || copy != (seqid % 2 == 1) {
            return None;
        }
        Some(Self::Numbered {
            pair: seqid / 2,
            copy,
            segments: content,
        })
    }

    /// The conversation that it belongs to.
    pub(crate) fn conv(&self) -> Option<u32> {
        let segments = match self {
            Self::Datagram { conv, .. } => return Some(*conv),
            Self::Bare(segments) | Self::Numbered { segments, .. } => segments,
        };
        let conv = segments.get(..4)?;
        Some(u32::from_le_bytes(conv.try_into().ok()?))
    }
}

/// Numbers outgoing packets and decides which are copied.
#[derive(Debug)]
pub(crate) struct Framer {
    next: u32,
    sent_at: Option<Instant>,
}

impl Framer {
    pub(crate) fn new() -> Self {
        Self {
            next: 0,
            sent_at: None,
        }
    }

    /// The same with another first number.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn starting_at(pair: u32) -> Self {
        Self {
            next: pair,
            sent_at: None,
        }
    }

    /// Completes a data packet in place: `body` starts with [`HEADER`] spare bytes. Returns the pair's number.
    pub(crate) fn number(&mut self, body: &mut [u8]) -> u32 {
        let pair = self.next;
        self.next = (pair + 1) % PAIRS;
        write(body, pair * 2, DATA);
        pair
    }

    /// Whether a packet that is sent at `now` should be followed by its copy.
    pub(crate) fn wants_copy(&mut self, now: Instant) -> bool {
        let before = self.sent_at.replace(now);
        before.is_some_and(|at| now.saturating_duration_since(at) < COPY_WITHIN)
    }
}

/// Turns the data packet `pair` into its copy.
pub(crate) fn to_copy(body: &mut [u8], pair: u32) {
    write(body, pair * 2 + 1, PARITY);
}

/// Completes a datagram in place: `body` starts with [`HEADER`] spare bytes, then the conversation and the payload.
pub(crate) fn to_datagram(body: &mut [u8]) {
    write(body, u32::MAX, OUT_OF_BAND);
}

fn write(body: &mut [u8], seqid: u32, kind: u16) {
    let size = (body.len() - 6) as u16;
    body[..4].copy_from_slice(&seqid.to_le_bytes());
    body[4..6].copy_from_slice(&kind.to_le_bytes());
    body[6..8].copy_from_slice(&size.to_le_bytes());
}

const DATA: u16 = 0xf1;
const PARITY: u16 = 0xf2;
const OUT_OF_BAND: u16 = 0xf3;

/// PROTOCOL.md, "KCP mode". A packet after a pause is repeated by KCP when it is lost.
const COPY_WITHIN: Duration = Duration::from_millis(500);
