//! How fast to send: not faster than the path delivers, but for a burst that any queue takes.

use std::time::{Duration, Instant};

use tssh_core::congestion::Congestion;

/// Bytes that may go at this moment, as a bucket that fills with time.
#[derive(Debug)]
pub(super) struct Pace {
    /// The size of a full packet.
    packet: f64,
    tokens: f64,
    at: Instant,
}

impl Pace {
    pub(super) fn new(packet: usize, now: Instant) -> Self {
        let packet = packet as f64;
        Self {
            packet,
            tokens: BURST * packet,
            at: now,
        }
    }

    /// Looks how much is due at `now`.
    ///
    /// `least` bytes are to go within a round trip in any case.
    pub(super) fn handle_time(&mut self, congestion: &Congestion, least: u64, now: Instant) {
        let time = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        let rate = rate(congestion, least);
        self.tokens = (self.tokens + time * rate).min(self.burst(rate));
    }

    /// So many bytes were sent.
    pub(super) fn handle_sent(&mut self, bytes: usize) {
        self.tokens -= bytes as f64;
    }

    /// Whether more may be sent now.
    pub(super) fn permits(&self) -> bool {
        self.tokens > 0.0
    }

    /// When more may be sent that may not now.
    pub(super) fn next(&self, congestion: &Congestion, least: u64) -> Instant {
        let rate = rate(congestion, least);
        // Not for every single packet: a timer costs more than it is worth.
        let wait = (self.burst(rate) / 8.0 - self.tokens) / rate;
        self.at + Duration::from_secs_f64(wait.clamp(SHORTEST, LONGEST))
    }

    fn burst(&self, rate: f64) -> f64 {
        (rate * AT_ONCE).max(BURST * self.packet)
    }
}

/// Bytes a second.
fn rate(congestion: &Congestion, least: u64) -> f64 {
    let window = congestion.window().max(1) as f64;
    let wanted = window.max(least as f64);
    let known = congestion.pacing_rate();
    known.map_or(wanted / FIRST_ROUND_TRIP, |rate| {
        rate as f64 * wanted / window
    })
}

/// Packets; as RFC 9002, section 7.7.
const BURST: f64 = 10.0;

/// Seconds. Timers have milliseconds, and on a fast path each is many packets.
const AT_ONCE: f64 = 0.004;

/// Seconds, as long as there is no sample.
const FIRST_ROUND_TRIP: f64 = 0.1;

/// Seconds; of a timer that is worth setting.
const SHORTEST: f64 = 0.0005;

/// Seconds, however slow the path seemed.
const LONGEST: f64 = 1.0;
