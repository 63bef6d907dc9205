//! Packets without an answer: they follow each authentication packet, so that they arrive with the
//! first one that gets through.
//!
//! While the path lives these are the small packets sent since the peer was last heard; a key that
//! was lost is among them. While it is dead these are also the packets that the transport makes then.

use std::collections::VecDeque;
use std::time::Instant;

/// A bounded row of packets. Its buffers are used again.
#[derive(Debug, Default)]
pub(super) struct Held {
    packets: VecDeque<Sent>,
    spare: Vec<Vec<u8>>,
    /// Whether the peer was ever heard.
    met: bool,
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    bytes: Vec<u8>,
    /// It found no room on a route, and goes as soon as there is some.
    owed: bool,
}

impl Held {
    /// Notes a batch sent on a living path. What was sent until `answered` has its answer; `None`
    /// before the peer was ever heard.
    pub(super) fn record(
        &mut self,
        contents: &[u8],
        segment: usize,
        now: Instant,
        answered: Option<Instant>,
    ) {
        self.met |= answered.is_some();
        while answered.is_some_and(|until| {
            let oldest = self.packets.front();
            oldest.is_some_and(|sent| sent.at <= until && !sent.owed)
        }) {
            self.drop_oldest();
        }
        // Before the first answer even the large packets of the handshake count. A batch may be a key and its copy.
        if self.met && contents.len() > SMALL {
            return;
        }
        for packet in contents.chunks(segment.max(1)) {
            if self.packets.len() >= MAX_RECORDED {
                self.drop_oldest();
            }
            self.keep(packet, now);
        }
    }

    /// Keeps the packets of one batch as far as there is room, and loses the others, which the
    /// transport sends again; `false` when there is none.
    ///
    /// A batch is never refused for its size: who is refused waits for [`Held::has_room`].
    pub(super) fn push(&mut self, contents: &[u8], segment: usize, now: Instant) -> bool {
        if !self.has_room() {
            return false;
        }
        for packet in contents.chunks(segment.max(1)) {
            if self.has_room() {
                self.keep(packet, now);
            }
        }
        true
    }

    pub(super) fn has_room(&self) -> bool {
        self.packets.len() < MAX_HELD
    }

    /// What follows a claim: the small packets, and the first large one. Before the first answer
    /// all of them.
    ///
    /// More large ones would burden a network that may be metered; the transport sends them again
    /// by itself.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut large = if self.met { 1 } else { MAX_HELD };
        self.packets.iter().filter_map(move |sent| {
            let fits = follows(&sent.bytes, &mut large);
            fits.then_some(&sent.bytes[..])
        })
    }

    /// Gives the packets of [`Self::iter`] to `send`, which reports whether there was room. From the first on that
    /// found none, they are owed.
    pub(super) fn send(&mut self, mut send: impl FnMut(&[u8]) -> bool) {
        let mut large = if self.met { 1 } else { MAX_HELD };
        let mut room = true;
        for sent in &mut self.packets {
            let wanted = follows(&sent.bytes, &mut large);
            room = room && (!wanted || send(&sent.bytes));
            sent.owed = wanted && !room;
        }
    }

    /// Gives the packets that are owed to `send`, until there is no more room.
    pub(super) fn send_owed(&mut self, mut send: impl FnMut(&[u8]) -> bool) {
        for sent in self.packets.iter_mut().filter(|sent| sent.owed) {
            if !send(&sent.bytes) {
                return;
            }
            sent.owed = false;
        }
    }

    /// Forgets all but what is owed.
    pub(super) fn clear(&mut self) {
        for _ in 0..self.packets.len() {
            match self.packets.pop_front() {
                Some(sent) if sent.owed => self.packets.push_back(sent),
                Some(sent) => self.spare.push(sent.bytes),
                None => return,
            }
        }
    }

    fn keep(&mut self, packet: &[u8], at: Instant) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(packet);
        let owed = false;
        self.packets.push_back(Sent { at, bytes, owed });
    }

    fn drop_oldest(&mut self) {
        self.spare
            .extend(self.packets.pop_front().map(|sent| sent.bytes));
    }
}

/// Whether `packet` follows a claim, when so many `large` ones may yet.
fn follows(packet: &[u8], large: &mut usize) -> bool {
    if packet.len() <= SMALL {
        return true;
    }
    let fits = *large > 0;
    *large = large.saturating_sub(1);
    fits
}

/// Keys and acknowledgements are below this many bytes, bulk is above.
const SMALL: usize = 512;

/// Leaves room for what is made after the path is known to be dead.
const MAX_RECORDED: usize = 16;

/// A typed line and the transport's probes fit; a burst every tenth of a second stays below
/// 1.5 Mbit/s.
pub(super) const MAX_HELD: usize = 24;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Held, SMALL};

    #[test]
    fn a_key_and_its_copy_in_one_batch_wait_for_an_answer_and_bulk_does_not() {
        let heard = Instant::now();
        let t0 = heard + Duration::from_millis(10);
        let mut held = Held::default();
        held.record(&[1; 2 * 93], 93, t0, Some(heard));
        held.record(&[2; SMALL + 1], SMALL / 4, t0, Some(heard));
        let sizes: Vec<_> = held.iter().map(<[u8]>::len).collect();
        assert_eq!(sizes, [93, 93]);

        let later = t0 + Duration::from_millis(100);
        held.record(&[3; 40], 40, later, Some(t0));
        assert_eq!(held.iter().count(), 1, "the older ones have their answer");
    }

    #[test]
    fn what_found_no_room_is_sent_although_the_peer_was_heard_since() {
        let dark = Instant::now();
        let mut held = Held::default();
        assert!(held.push(&[1; 40], 40, dark) && held.push(&[2; 40], 40, dark));
        let mut sent = Vec::new();
        held.send(|packet| {
            sent.push(packet[0]);
            packet[0] == 1
        });
        held.clear();

        // The peer was heard, and the transport answers before there is room for what is owed.
        let heard = dark + Duration::from_millis(100);
        held.record(&[3; 30], 30, heard, Some(heard));
        held.send_owed(|packet| {
            sent.push(packet[0]);
            true
        });
        assert_eq!(sent, [1, 2, 2]);
    }
}
