//! A window beside traffic that fills queues: CUBIC (RFC 9438), without its slow start.

use std::time::Instant;

/// Bytes, and how they grow.
#[derive(Clone, Debug)]
pub(super) struct Cubic {
    window: f64,
    /// The window at the last loss.
    most: f64,
    since: Instant,
    /// Seconds from then until the window is at `most` again (RFC 9438: K).
    flat: f64,
    /// Loss of what left before counts no more.
    cut_at: Option<Instant>,
}

impl Cubic {
    pub(super) fn new(window: u64, now: Instant) -> Self {
        Self {
            window: window as f64,
            most: window as f64,
            since: now,
            flat: 0.0,
            cut_at: None,
        }
    }

    /// In bytes.
    pub(super) fn window(&self) -> u64 {
        self.window as u64
    }

    /// Acknowledgements came. `packet` in bytes.
    pub(super) fn handle_acked(&mut self, packet: u64, now: Instant) {
        let packet = packet as f64;
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        // RFC 9438, section 4.2.
        let grown = SCALE * (passed - self.flat).powi(3) * packet + self.most;
        self.window = self.window.max(grown.min(self.window * GROWTH));
    }

    /// A packet that left at `sent` was lost, or marked.
    pub(super) fn handle_lost(&mut self, sent: Instant, packet: u64, now: Instant) {
        if self.cut_at.is_some_and(|cut_at| sent <= cut_at) {
            return;
        }
        self.most = self.window;
        self.window *= CUT;
        self.flat = ((self.most - self.window) / packet as f64 / SCALE).cbrt();
        self.since = now;
        self.cut_at = Some(now);
    }
}

/// RFC 9438, section 4.6.
const CUT: f64 = 0.7;

/// RFC 9438, section 5, in packets per cubic second.
const SCALE: f64 = 0.4;

/// RFC 9438, section 4.2: no more than half as much again.
const GROWTH: f64 = 1.5;
