//! What one packet of acknowledgements says.

use std::time::Instant;

/// What the acknowledgements of one packet come to.
#[derive(Debug)]
pub(in crate::arq) struct Acked {
    pub(super) now: Instant,
    /// The clock of timestamps at `now`.
    pub(super) ts: u32,
    pub(super) bytes: usize,
    /// The latest transmission that arrived.
    pub(super) order: u64,
    /// When the latest left whose acknowledgement says so.
    pub(super) left_at: Option<Instant>,
}

impl Acked {
    /// Nothing yet. `ts` is what the clock of timestamps shows at `now`.
    pub(in crate::arq) fn new(ts: u32, now: Instant) -> Self {
        Self {
            now,
            ts,
            bytes: 0,
            order: 0,
            left_at: None,
        }
    }
}
