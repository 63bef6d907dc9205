//! How long to wait for an answer before it counts as missing. Nothing here reads a clock.

use std::time::{Duration, Instant};

/// Doubles with each answer that was only late, and comes back to itself while none is.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// False alarms in a row, and when the last one was.
    alarms: Option<(u32, Instant)>,
}

impl Patience {
    /// The path in use answered after all.
    pub(super) fn handle_false_alarm(&mut self, now: Instant) {
        self.alarms = Some(((self.alarms(now) + 1).min(MAX_ALARMS), now));
    }

    /// How long an answer may take at this round trip time.
    pub(super) fn wait(&self, rtt: Option<Duration>, now: Instant) -> Duration {
        let rtt = rtt.unwrap_or(UNKNOWN_RTT);
        (rtt + rtt / 4 + ANSWER_SLACK) * (1 << self.alarms(now))
    }

    fn alarms(&self, now: Instant) -> u32 {
        self.alarms.map_or(0, |(alarms, last)| {
            let quiet = now.saturating_duration_since(last).as_secs() / FORGOTTEN.as_secs();
            alarms.saturating_sub(u32::try_from(quiet).unwrap_or(u32::MAX))
        })
    }
}

/// Assumed before there is a sample.
const UNKNOWN_RTT: Duration = Duration::from_millis(300);

/// The peer's scheduling and delayed acknowledgement (25 ms in QUIC).
const ANSWER_SLACK: Duration = Duration::from_millis(35);

/// Patience grows at most to 16 times.
const MAX_ALARMS: u32 = 4;

/// One false alarm is forgotten after so long without another.
const FORGOTTEN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Patience};

    const MS: Duration = Duration::from_millis(1);
    const RTT: Option<Duration> = Some(Duration::from_millis(100));

    #[test]
    fn an_answer_may_take_a_round_trip_and_a_little_more() {
        let patience = Patience::default();
        let t0 = Instant::now();
        assert_eq!(patience.wait(RTT, t0), 160 * MS);
        assert_eq!(patience.wait(None, t0), 410 * MS);
    }

    #[test]
    fn false_alarms_double_the_patience_up_to_sixteen_times_and_are_forgotten_one_a_minute() {
        let mut patience = Patience::default();
        let t0 = Instant::now();
        for doubled in [2, 4, 8, 16, 16] {
            patience.handle_false_alarm(t0);
            assert_eq!(patience.wait(RTT, t0), 160 * MS * doubled);
        }
        let minute = Duration::from_secs(60);
        assert_eq!(patience.wait(RTT, t0 + minute), 160 * MS * 8);
        assert_eq!(patience.wait(RTT, t0 + 4 * minute), 160 * MS);
        assert_eq!(patience.wait(RTT, t0 + 100_000 * minute), 160 * MS);
    }
}
