//! Packets made while the path is dead: the first ones are kept and follow each authentication
//! packet, so that they arrive with the first one that gets through.

use std::collections::VecDeque;

/// A bounded row of packets. Its buffers are used again.
#[derive(Debug, Default)]
pub(super) struct Held {
    packets: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

impl Held {
    /// Keeps the packets of one batch; `false` when not all of them find room, and then none is kept.
    pub(super) fn push(&mut self, contents: &[u8], segment: usize) -> bool {
        let segment = segment.max(1);
        if self.packets.len() + contents.len().div_ceil(segment) > MAX_HELD {
            return false;
        }
        for packet in contents.chunks(segment) {
            let mut buffer = self.spare.pop().unwrap_or_default();
            buffer.clear();
            buffer.extend_from_slice(packet);
            self.packets.push_back(buffer);
        }
        true
    }

    pub(super) fn has_room(&self) -> bool {
        self.packets.len() < MAX_HELD
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.packets.iter().map(Vec::as_slice)
    }

    pub(super) fn clear(&mut self) {
        self.spare.extend(self.packets.drain(..));
    }
}

/// A typed line and the transport's probes fit; a burst every tenth of a second stays below
/// 1.5 Mbit/s.
pub(super) const MAX_HELD: usize = 12;
