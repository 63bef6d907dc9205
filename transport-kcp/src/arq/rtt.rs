//! Round trip times, and how long to wait for an answer.

use std::time::Duration;

/// Smoothed as RFC 6298 says, with KCP's bounds.
#[derive(Debug, Default)]
pub(super) struct Rtt {
    smoothed: Option<Duration>,
    latest: Duration,
    variation: Duration,
}

impl Rtt {
    pub(super) fn handle_sample(&mut self, sample: Duration) {
        self.latest = sample;
        let Some(smoothed) = self.smoothed else {
            self.smoothed = Some(sample);
            self.variation = sample / 2;
            return;
        };
        let off = smoothed.abs_diff(sample);
        // A sample below all that was expected says little about how late one may be.
        let weight = if sample + self.variation < smoothed {
            32
        } else {
            4
        };
        self.variation = self.variation - self.variation / weight + off / weight;
        self.smoothed = Some(smoothed - smoothed / 8 + sample / 8);
    }

    /// `None` before there is a sample.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// How long to wait for the answer to one packet.
    pub(super) fn timeout(&self) -> Duration {
        let Some(smoothed) = self.smoothed else {
            return FIRST_TIMEOUT;
        };
        (smoothed + (4 * self.variation).max(LEAST_MARGIN)).clamp(LEAST_TIMEOUT, MOST_TIMEOUT)
    }

    /// How late a packet may be that left before one whose answer is here.
    pub(super) fn patience(&self) -> Duration {
        let usual = self.smoothed.unwrap_or(FIRST_TIMEOUT).max(self.latest);
        usual + (usual / 4).max(LEAST_DISORDER)
    }
}

/// As KCP; a slower path costs a repeated packet at login.
const FIRST_TIMEOUT: Duration = Duration::from_millis(200);

/// The original's flush interval: it acknowledges up to so much later.
const LEAST_MARGIN: Duration = Duration::from_millis(10);

/// As KCP in its mode without delay.
const LEAST_TIMEOUT: Duration = Duration::from_millis(30);

/// As KCP.
const MOST_TIMEOUT: Duration = Duration::from_secs(60);

/// Timers have milliseconds, and neighbours on a wireless network change places within a few.
const LEAST_DISORDER: Duration = Duration::from_millis(3);
