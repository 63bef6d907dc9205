//! How fast to send: not faster than the path delivers, but for a burst that any queue takes.

use std::time::{Duration, Instant};

use super::window::Window;

/// Bytes that may go at this moment, as a bucket that fills with time.
#[derive(Debug)]
pub(super) struct Pace {
    tokens: f64,
    at: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            tokens: 0.0,
            at: now,
        }
    }

    /// Looks how much is due at `now`.
    pub(super) fn handle_time(&mut self, window: &Window, now: Instant) {
        let time = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        if let Some((rate, burst)) = window.pace() {
            self.tokens = (self.tokens + time * rate).min(burst);
        }
    }

    /// So many bytes were sent.
    pub(super) fn handle_sent(&mut self, bytes: usize) {
        self.tokens -= bytes as f64;
    }

    /// Whether more may be sent now.
    pub(super) fn permits(&self, window: &Window) -> bool {
        self.tokens > 0.0 || window.pace().is_none()
    }

    /// When more may be sent that may not now.
    pub(super) fn next(&self, window: &Window) -> Option<Instant> {
        let (rate, burst) = window.pace()?;
        // Not for every single packet: a timer costs more than it is worth.
        let wait = (burst / 8.0 - self.tokens) / rate;
        Some(self.at + Duration::from_secs_f64(wait).clamp(SHORTEST, LONGEST))
    }
}

/// Timers have milliseconds.
const SHORTEST: Duration = Duration::from_micros(500);

/// However slow the path seemed.
const LONGEST: Duration = Duration::from_secs(1);
