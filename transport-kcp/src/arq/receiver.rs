//! What arrived: segments that wait for their turn, and acknowledgements that wait to be sent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Sink;
use super::segment::ahead;

/// The receiving side of one conversation.
#[derive(Debug)]
pub(super) struct Receiver {
    /// The first segment that was not handed on.
    first: u32,
    /// Segments from `first` on; `None` is a gap. At most [`RECEIVE_WINDOW`].
    pub(super) waiting: VecDeque<Option<Vec<u8>>>,
    /// How many segments from `first` on are there, without a gap.
    ready: u32,
    /// Buffers to be used again; at most [`RECEIVE_WINDOW`].
    pub(super) spare: Vec<Vec<u8>>,
    /// Numbers and timestamps to be acknowledged; at most [`MAX_ACKS`].
    pub(super) acks: Vec<(u32, u32)>,
    /// Those of the last packet: that one may be lost. At most as many as fit into it.
    told: Vec<(u32, u32)>,
    /// When these are sent at the latest.
    ack_at: Option<Instant>,
    /// The window was told to be small; the peer must learn that it is not any more.
    small: bool,
}

impl Receiver {
    pub(super) fn new() -> Self {
        Self {
            first: 0,
            waiting: VecDeque::new(),
            ready: 0,
            spare: Vec::new(),
            acks: Vec::new(),
            told: Vec::new(),
            ack_at: None,
            small: false,
        }
    }

    /// The same as if so many segments had come and gone.
    #[cfg(test)]
    pub(super) fn starting_at(self, first: u32) -> Self {
        Self { first, ..self }
    }

    /// Everything before this number has arrived.
    pub(super) fn una(&self) -> u32 {
        self.first.wrapping_add(self.ready)
    }

    /// How many more segments can be taken.
    pub(super) fn window(&self) -> u16 {
        (RECEIVE_WINDOW - self.ready) as u16
    }

    /// Takes a segment in, and hands on to `sink` whatever is next in turn. Returns whether it lies within the
    /// window; one that does not is not acknowledged, and leaves nothing behind.
    pub(super) fn handle_push(
        &mut self,
        (sn, ts): (u32, u32),
        data: &[u8],
        sink: &mut impl Sink,
        now: Instant,
    ) -> bool {
        let at = ahead(self.first, sn);
        if at >= RECEIVE_WINDOW as i32 {
            return false;
        }
        // One that is known already: its acknowledgement was lost.
        let in_turn = sn == self.una();
        self.note_ack(
            (sn, ts),
            in_turn && self.waiting.len() <= self.ready as usize,
            now,
        );
        if at < self.ready as i32 {
            return true;
        }
        if at == 0 && self.ready == 0 && sink.has_room() {
            sink.take(data);
            self.first = self.first.wrapping_add(1);
            self.waiting.pop_front();
        } else {
            self.keep(at as usize, data);
        }
        self.count_ready();
        self.hand_on(sink);
        true
    }

    /// Hands on what is in turn, as far as `sink` has room.
    pub(super) fn hand_on(&mut self, sink: &mut impl Sink) {
        while self.ready > 0 && sink.has_room() {
            let Some(data) = self.waiting.pop_front().flatten() else {
                return;
            };
            sink.take(&data);
            self.spare.push(data);
            self.ready -= 1;
            self.first = self.first.wrapping_add(1);
        }
    }

    /// When acknowledgements are sent at the latest.
    pub(super) fn ack_at(&self) -> Option<Instant> {
        self.ack_at
    }

    /// At most `most` acknowledgements to send now, each a number and a timestamp. Those that `una` says too
    /// are left out, but for the latest, whose timestamp is of use. Where segments are missing, those of the packet before
    /// are told once more: each that nobody hears is a segment that is sent again.
    pub(super) fn take_acks(&mut self, most: usize, mut tell: impl FnMut(u32, u32)) {
        let una = self.una();
        let Some(latest) = self.acks.pop() else {
            return;
        };
        self.acks.retain(|(sn, _)| ahead(una, *sn) >= 0);
        self.acks.push(latest);
        let now = most.min(self.acks.len());
        for (sn, ts) in &self.acks[..now] {
            tell(*sn, *ts);
        }
        let before = self.told.iter().filter(|(sn, _)| ahead(una, *sn) >= 0);
        for (sn, ts) in before.take(most - now) {
            tell(*sn, *ts);
        }
        self.told.clear();
        self.told.extend(self.acks.drain(..now));
        if self.acks.is_empty() {
            self.ack_at = None;
        }
    }

    /// Sends acknowledgements as soon as can be.
    pub(super) fn hurry_acks(&mut self, now: Instant) {
        self.ack_at = self.ack_at.map(|_| now);
    }

    /// Whether something is to be acknowledged.
    pub(super) fn has_acks(&self) -> bool {
        !self.acks.is_empty()
    }

    /// Whether the peer waits to hear of a larger window.
    pub(super) fn has_reopened(&self) -> bool {
        self.small && self.ready < RECEIVE_WINDOW / 2
    }

    /// The window was told to the peer.
    pub(super) fn handle_told(&mut self) {
        self.small = self.ready >= RECEIVE_WINDOW / 2;
    }

    fn note_ack(&mut self, ack: (u32, u32), in_turn: bool, now: Instant) {
        if self.acks.len() < MAX_ACKS {
            self.acks.push(ack);
        }
        // Each acknowledgement costs the peer a look at all that is in flight: those of a moment go together.
        let wait = match self.acks.len() {
            ENOUGH_ACKS.. => Duration::ZERO,
            1 if in_turn => ACK_DELAY,
            _ => BUSY_ACK_DELAY,
        };
        let at = now + wait;
        self.ack_at = Some(self.ack_at.map_or(at, |before| before.min(at)));
    }

    fn keep(&mut self, at: usize, data: &[u8]) {
        if self.waiting.len() <= at {
            self.waiting.resize(at + 1, None);
        }
        let place = &mut self.waiting[at];
        if place.is_none() {
            let mut kept = self.spare.pop().unwrap_or_default();
            kept.clear();
            kept.extend_from_slice(data);
            *place = Some(kept);
        }
    }

    fn count_ready(&mut self) {
        while let Some(Some(_)) = self.waiting.get(self.ready as usize) {
            self.ready += 1;
        }
    }
}

/// Segments of at most 1080 bytes: 8.8 MB, more than the window of a stream. So much a connection keeps of what came behind
/// a lost one, and at most as much again of buffers to be used again.
pub(super) const RECEIVE_WINDOW: u32 = 8192;

/// Acknowledgements beyond these are left to `una` and to the sender's patience.
pub(super) const MAX_ACKS: usize = 2 * RECEIVE_WINDOW as usize;

/// A shell's echo comes within this and takes the acknowledgement along.
const ACK_DELAY: Duration = Duration::from_millis(5);

/// The same in a stream of data, and when something is missing.
const BUSY_ACK_DELAY: Duration = Duration::from_millis(1);

/// Segments that are worth an acknowledgement at once.
const ENOUGH_ACKS: usize = 24;
