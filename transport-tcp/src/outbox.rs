//! Frames that wait to be written: one batch, so that what is sent next is still to be decided.

use crate::frame::HEADER;

/// Whole frames on their way into a stream. Its size never changes.
#[derive(Debug)]
pub struct Outbox {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    largest: usize,
}

impl Outbox {
    /// Empty; no frame has a packet of more than `largest` bytes.
    pub fn new(largest: u16) -> Self {
        let largest = usize::from(largest);
        let buffer = vec![0; MAX_PACKETS * (HEADER + largest)].into_boxed_slice();
        Self {
            buffer,
            start: 0,
            end: 0,
            largest,
        }
    }

    /// Whether everything was written.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Frames the packets of a batch, each of `segment` bytes but for the last. Packets that are too
    /// large are lost, as on any path, and so is what exceeds ten packets.
    ///
    /// Returns how many bytes the batch was short of being whole.
    pub fn push(&mut self, batch: &[u8], segment: usize) -> usize {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        let mut lost = 0;
        for packet in batch.chunks(segment.max(1)) {
            let framed = self.end..self.end + HEADER + packet.len();
            let length = u16::try_from(packet.len());
            match (length, self.buffer.get_mut(framed.clone())) {
                (Ok(length), Some(frame)) if packet.len() <= self.largest => {
                    frame[..HEADER].copy_from_slice(&length.to_be_bytes());
                    frame[HEADER..].copy_from_slice(packet);
                    self.end = framed.end;
                }
                _ => lost += packet.len(),
            }
        }
        lost
    }

    /// What is to be written next.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// So many bytes of [`Outbox::pending`] were written.
    pub fn handle_written(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }
}

/// Packets of one batch: what the kernel takes in one write without waiting, most of the time.
pub(crate) const MAX_PACKETS: usize = 10;

#[cfg(test)]
mod tests {
    use super::Outbox;

    #[test]
    fn each_packet_of_a_batch_has_a_frame_of_its_own() {
        let mut outbox = Outbox::new(1452);
        assert_eq!(outbox.push(b"abcdefgh", 3), 0);
        assert_eq!(outbox.pending(), b"\0\x03abc\0\x03def\0\x02gh");
        outbox.handle_written(8);
        assert_eq!(outbox.pending(), b"ef\0\x02gh");
        outbox.handle_written(100);
        assert!(outbox.is_empty());
        assert_eq!(outbox.push(b"x", 1), 0);
        assert_eq!(outbox.pending(), b"\0\x01x");
    }

    #[test]
    fn a_packet_too_large_for_the_peer_is_lost_and_its_neighbours_are_not() {
        let mut outbox = Outbox::new(1452);
        assert_eq!(outbox.push(&[1; 1453], 1453), 1453);
        assert!(outbox.is_empty());
        assert_eq!(outbox.push(&[2; 1452], 1452), 0);
        assert_eq!(outbox.pending().len(), 1454);
    }

    #[test]
    fn more_packets_than_fit_are_lost_behind_those_that_do() {
        let mut outbox = Outbox::new(100);
        assert_eq!(outbox.push(&[0; 1100], 100), 100);
        assert_eq!(outbox.pending().len(), 1020);
    }
}
