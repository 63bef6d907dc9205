//! Something that fills by what happens and empties with time.

use std::time::Instant;

/// A bucket with a hole: it empties at a constant rate and holds no more than its size.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Units a second that run out.
    rate: f64,
    size: f64,
    level: f64,
    at: Option<Instant>,
}

impl Bucket {
    /// An empty one. `rate` is in units a second, `size` in units.
    pub(super) fn new(rate: u32, size: u32) -> Self {
        Self {
            rate: f64::from(rate),
            size: f64::from(size),
            level: 0.0,
            at: None,
        }
    }

    /// Adds what fits of `units`.
    pub(super) fn pour(&mut self, units: usize, now: Instant) {
        self.level = (self.level(now) + units as f64).min(self.size);
        self.at = Some(now);
    }

    /// What is in it.
    pub(super) fn level(&self, now: Instant) -> f64 {
        let passed = self
            .at
            .map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        (self.level - passed * self.rate).max(0.0)
    }

    /// What still fits.
    pub(super) fn room(&self, now: Instant) -> f64 {
        self.size - self.level(now)
    }
}
