//! Buffers that have grown: a stream that flows empties its own again and again, and fills it anew.

use std::collections::VecDeque;

/// Empty buffers for the next streams that need one; at most [`MAX_SPARE`].
#[derive(Debug, Default)]
pub(super) struct Spare(Vec<VecDeque<u8>>);

impl Spare {
    /// Takes an empty buffer, or lets it go.
    pub(super) fn keep(&mut self, grown: VecDeque<u8>) {
        if self.0.len() < MAX_SPARE {
            self.0.push(grown);
        }
    }

    /// Puts one in the place of `bytes` if that has no memory.
    pub(super) fn lend(&mut self, bytes: &mut VecDeque<u8>) {
        if bytes.capacity() == 0
            && let Some(spare) = self.0.pop()
        {
            *bytes = spare;
        }
    }
}

/// Buffers of as much as a stream's window each: more streams seldom flow at once.
const MAX_SPARE: usize = 4;
