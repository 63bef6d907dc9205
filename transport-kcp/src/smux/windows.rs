//! How far the peer may run ahead of the readers of all streams together.
//!
//! What arrives lies in one row, so bytes for which there is no room would hold back everything behind them, the
//! shell's bytes too. Hence no more is ever announced than there is room for: a stream that nobody reads fills its
//! own window and takes nobody else's.

use super::stream::{FIRST_WINDOW, STREAM_WINDOW};

/// What was announced, of all streams.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Bytes beyond each stream's first window; at most [`LENDABLE`].
    lent: u32,
}

impl Windows {
    /// The next window of a stream that has `window`, of which `read` bytes were read meanwhile.
    ///
    /// It is smaller the more the other streams have, but no smaller than what the peer may have used already.
    pub(super) fn renew(&mut self, window: u32, read: u32) -> u32 {
        self.handle_returned(window);
        let share = (LENDABLE - self.lent) / SHARES;
        let renewed = STREAM_WINDOW
            .min(FIRST_WINDOW + share)
            .max(window.saturating_sub(read));
        self.lent += renewed - FIRST_WINDOW;
        renewed
    }

    /// Nothing more of a stream that had `window` is kept.
    pub(super) fn handle_returned(&mut self, window: u32) {
        self.lent -= window - FIRST_WINDOW;
    }
}

/// What all streams together get on top of their first windows. What is really held in memory is what was not read.
const LENDABLE: u32 = 128 << 20;

/// A stream gets such a part of what the others leave: the last ones get less, and never nothing.
const SHARES: u32 = 8;

/// What waits to be read when the windows of so many streams are full. A peer that goes beyond is not heard until
/// some of it was read.
pub(super) const SESSION_BUDGET: usize = FULL_STREAMS * FIRST_WINDOW as usize + LENDABLE as usize;

/// 256 forwards, as many as a server of ours carries, and sessions with their standard errors.
const FULL_STREAMS: usize = 272;
