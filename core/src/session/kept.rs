//! The last lines of a program's output, within bounds, cut only between sequences.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};

/// Lines, the oldest of which give way. The last one may be unfinished.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: BytesMut,
    lines: VecDeque<Line>,
    /// Bytes of the unfinished line.
    open: usize,
    dropped: Dropped,
    /// The rest of a sequence too long to be kept is dropped as it comes.
    swallowing: bool,
}

/// What was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines, whole or cut.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    len: u32,
    /// Whether the alternate screen was on at its end.
    alternate: bool,
}

impl Kept {
    /// Appends to the unfinished line.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if self.swallowing {
            self.dropped.bytes += bytes.len() as u64;
            return;
        }
        self.bytes.extend_from_slice(bytes);
        self.open += bytes.len();
    }

    /// Takes the last `count` bytes of the unfinished line away, as if they had never come.
    pub(super) fn retract(&mut self, count: usize) {
        let count = count.min(self.open);
        self.bytes.truncate(self.bytes.len() - count);
        self.open -= count;
    }

    /// Ends the unfinished line, and drops what is then too much. Returns the state of the alternate screen at the end
    /// of the last line that was dropped.
    pub(super) fn end_line(&mut self, alternate: bool, max_lines: usize) -> Option<bool> {
        self.swallowing = false;
        let len = u32::try_from(self.open).unwrap_or(u32::MAX);
        self.lines.push_back(Line { len, alternate });
        self.open = 0;
        let mut last = None;
        while self.lines.len() > max_lines || self.bytes.len() > MAX_KEPT_BYTES {
            let Some(line) = self.lines.pop_front() else {
                break;
            };
            self.bytes.advance(line.len as usize);
            self.dropped.lines += 1;
            self.dropped.bytes += u64::from(line.len);
            last = Some(line.alternate);
        }
        last
    }

    /// A sequence has outgrown its line: it goes, with the rest of the line.
    pub(super) fn swallow(&mut self) {
        self.dropped.bytes += self.open as u64;
        self.dropped.lines += 1;
        self.retract(self.open);
        self.swallowing = true;
    }

    /// Whether the rest of a dropped sequence is still to come.
    pub(super) fn is_swallowing(&self) -> bool {
        self.swallowing
    }

    /// Bytes of the unfinished line.
    pub(super) fn open_len(&self) -> usize {
        self.open
    }

    /// The unfinished line.
    pub(super) fn open_line(&self) -> &[u8] {
        &self.bytes[self.bytes.len() - self.open..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn has_dropped(&self) -> bool {
        self.dropped.bytes > 0
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was dropped, if what is kept is dropped too.
    pub(super) fn all(&self) -> Dropped {
        Dropped {
            lines: self.dropped.lines + self.lines.len() as u64 + u64::from(self.open > 0),
            bytes: self.dropped.bytes + self.bytes.len() as u64,
        }
    }

    pub(super) fn dropped(&self) -> Dropped {
        self.dropped
    }
}

/// The most that one session may hold for a client that is away. All of it goes out before the next key is echoed: at
/// 10 Mbit/s it takes a second.
pub const MAX_KEPT_BYTES: usize = 1 << 20;
