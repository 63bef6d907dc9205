//! Which candidate a packet came from that opened. Nothing here reads a clock.

use std::time::{Duration, Instant};

use crate::proxy::Source;

/// What the candidates brought since the path in use was last heard of.
///
/// A transport opens a packet a moment after it was handed over, and does not say which it was. So a
/// candidate is believed only where nothing came from the path in use that may be meant instead.
#[derive(Debug, Default)]
pub(super) struct Trial {
    latest: Option<Tried>,
    in_use_at: Option<Instant>,
    tried_at: Option<Instant>,
}

/// A candidate whose packets were handed to the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) source: Source,
    /// How much came from it.
    pub(super) bytes: usize,
}

impl Trial {
    /// `bytes` from a candidate go to the transport.
    pub(super) fn handle_tried(&mut self, source: Source, bytes: usize, now: Instant) {
        self.tried_at = Some(now);
        if self.in_use_at.is_some_and(|at| is_in_transport(at, now)) {
            return;
        }
        let before = self.latest.filter(|tried| tried.source == source);
        let bytes = before.map_or(0, |tried| tried.bytes).saturating_add(bytes);
        self.latest = Some(Tried { source, bytes });
    }

    /// A packet of the path in use goes to the transport.
    pub(super) fn handle_in_use(&mut self, now: Instant) {
        self.latest = None;
        self.in_use_at = Some(now);
    }

    /// Whether what opens at `now` may have come from a candidate.
    pub(super) fn is_under_way(&self, now: Instant) -> bool {
        self.tried_at.is_some_and(|at| is_in_transport(at, now))
    }

    /// The candidate that is believed when a packet opens.
    pub(super) fn latest(&self) -> Option<Tried> {
        self.latest
    }

    /// A packet opened. Returns the candidate that it came from.
    pub(super) fn handle_opened(&mut self) -> Option<Tried> {
        self.latest.take()
    }
}

/// Whether what was handed over at `at` may be what opens at `now`.
pub(super) fn is_in_transport(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < IN_TRANSPORT
}

/// A packet that the transport has not opened within so long waits behind a stalled runtime.
const IN_TRANSPORT: Duration = Duration::from_millis(2);
