//! Frames: a length of 16 bits, then one packet of so many bytes. PROTOCOL.md, "The path".

use tssh_core::proxy::MTU_RANGE;

/// Bytes as they came, out of which whole packets are taken. Its size never changes.
#[derive(Debug)]
pub struct Inbox {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// A frame without a packet has come.
    has_passed_over: bool,
}

/// What no peer of ours sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Longer than any packet: most often not a frame at all.
    #[error(
        "a frame of {found} bytes came where at most {} are wanted: something else speaks here",
        MTU_RANGE.end()
    )]
    TooLong {
        /// In bytes.
        found: u16,
    },
}

impl Inbox {
    /// Empty.
    pub fn new() -> Self {
        Self {
            buffer: vec![0; CAPACITY].into_boxed_slice(),
            start: 0,
            end: 0,
            has_passed_over: false,
        }
    }

    /// Where the next bytes go; never empty once [`Inbox::next`] has returned `Ok(None)`.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.buffer.len() - self.start < LARGEST {
            // The rest of a frame may not fit behind its beginning.
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.buffer[self.end..]
    }

    /// So many bytes were put into [`Inbox::space`].
    pub fn handle_read(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.buffer.len());
    }

    /// The next whole packet; `None` until more bytes come. Frames without a packet are passed over.
    ///
    /// # Errors
    ///
    /// [`FrameError`]: the stream is of no more use.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend what it owns"
    )]
    pub fn next(&mut self) -> Result<Option<&[u8]>, FrameError> {
        loop {
            let [high, low, rest @ ..] = &self.buffer[self.start..self.end] else {
                return Ok(None);
            };
            let found = u16::from_be_bytes([*high, *low]);
            if found > *MTU_RANGE.end() {
                return Err(FrameError::TooLong { found });
            }
            let length = usize::from(found);
            if rest.len() < length {
                return Ok(None);
            }
            let packet = self.start + HEADER;
            self.start = packet + length;
            if length > 0 {
                return Ok(Some(&self.buffer[packet..packet + length]));
            }
            // Told once: a peer may send nothing else.
            if !std::mem::replace(&mut self.has_passed_over, true) {
                tracing::debug!("frames without a packet are passed over");
            }
        }
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes of the length in front of each packet.
pub const HEADER: usize = 2;

const LARGEST: usize = HEADER + *MTU_RANGE.end() as usize;

/// A full window of a fast path in few reads.
const CAPACITY: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{CAPACITY, FrameError, Inbox};

    #[test]
    fn a_frame_that_trickles_in_byte_by_byte_is_one_packet() {
        let mut inbox = Inbox::new();
        let wire = [0, 3, b'k', b'e', b'y', 0, 1, b'!'];
        let mut packets = Vec::new();
        for byte in wire {
            put(&mut inbox, &[byte]);
            packets.extend(take_all(&mut inbox).unwrap());
        }
        assert_eq!(packets, [b"key".to_vec(), b"!".to_vec()]);
    }

    #[test]
    fn a_frame_without_a_packet_is_passed_over() {
        let mut inbox = Inbox::new();
        put(&mut inbox, &[0, 0, 0, 0, 0, 1, 7, 0, 0]);
        assert_eq!(take_all(&mut inbox), Ok(vec![vec![7]]));
        // A buffer full of nothing leaves room for as much again.
        for _ in 0..3 {
            let room = inbox.space().len();
            put(&mut inbox, &vec![0; room / 2 * 2]);
            assert_eq!(take_all(&mut inbox), Ok(vec![]));
        }
        assert_eq!(inbox.space().len(), CAPACITY);
    }

    #[test]
    fn a_length_that_no_packet_has_ends_the_stream_before_it_is_waited_for() {
        for (wire, found) in [
            ([0xff, 0xff], 65_535),
            ([0x23, 0x29], 9001),
            (*b"SS", 0x5353),
        ] {
            let mut inbox = Inbox::new();
            put(&mut inbox, &wire);
            assert_eq!(inbox.next(), Err(FrameError::TooLong { found }));
        }
    }

    #[test]
    fn a_truncated_frame_is_waited_for_and_the_largest_one_always_fits() {
        let mut inbox = Inbox::new();
        // It begins as far behind as it can.
        let filler = CAPACITY - 3;
        for chunk in [vec![0; filler / 2 * 2], vec![0x23, 0x28]] {
            put(&mut inbox, &chunk);
            assert_eq!(take_all(&mut inbox), Ok(vec![]));
        }
        put(&mut inbox, &[5; 8999]);
        assert_eq!(take_all(&mut inbox), Ok(vec![]));
        put(&mut inbox, &[6]);
        let packets = take_all(&mut inbox).unwrap();
        assert_eq!((packets.len(), packets[0].len()), (1, 9000));
        assert_eq!(packets[0][8998..], [5, 6]);
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_panics_and_no_byte_is_invented(
            chunks in vec(vec(any::<u8>(), 0..300), 0..40),
        ) {
            let mut inbox = Inbox::new();
            let (mut put_in, mut taken) = (0, 0);
            for chunk in chunks {
                put(&mut inbox, &chunk);
                put_in += chunk.len();
                let Ok(packets) = take_all(&mut inbox) else {
                    return Ok(());
                };
                taken += packets.iter().map(|packet| packet.len() + 2).sum::<usize>();
                prop_assert!(taken <= put_in);
                prop_assert!(!inbox.space().is_empty());
            }
        }

        #[test]
        fn packets_come_out_as_they_went_in_however_the_stream_is_cut(
            packets in vec(vec(any::<u8>(), 1..300), 1..30),
            cut in 1..500_usize,
        ) {
            let mut wire = Vec::new();
            for packet in &packets {
                wire.extend(u16::try_from(packet.len()).unwrap().to_be_bytes());
                wire.extend(packet);
            }
            let mut inbox = Inbox::new();
            let mut taken = Vec::new();
            for chunk in wire.chunks(cut) {
                put(&mut inbox, chunk);
                taken.extend(take_all(&mut inbox).unwrap());
            }
            prop_assert_eq!(taken, packets);
        }
    }

    fn put(inbox: &mut Inbox, bytes: &[u8]) {
        inbox.space()[..bytes.len()].copy_from_slice(bytes);
        inbox.handle_read(bytes.len());
    }

    fn take_all(inbox: &mut Inbox) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut packets = Vec::new();
        while let Some(packet) = inbox.next()? {
            packets.push(packet.to_vec());
        }
        Ok(packets)
    }
}
