//! By how much round trips differ at random, whatever stands in the queue.

use std::time::Duration;

use super::extreme::Extreme;

/// How far a round trip lies outside those before and behind it (compare RFC 3550, section 6.4.1).
///
/// A queue that grows makes each a little longer than the one before, and one that empties a little shorter: their steps
/// have one sign, and count nothing. Only chance makes them longer and shorter in turn.
#[derive(Clone, Debug)]
pub(super) struct Jitter {
    last: Option<Duration>,
    /// From the one before to the last.
    step: f64,
    /// Seconds, of late.
    usual: f64,
    /// How many samples made it, up to [`WEIGHT`].
    samples: u32,
    /// The largest of these, by age. Where late packets hold up those behind them, many at once hide what few show.
    largest: Extreme<f64>,
}

impl Jitter {
    /// Remembers the largest for so many steps of age.
    pub(super) fn over(span: u64) -> Self {
        Self {
            last: None,
            step: 0.0,
            usual: 0.0,
            samples: 0,
            largest: Extreme::over(span),
        }
    }

    pub(super) fn handle_sample(&mut self, age: u64, rtt: Duration) {
        let Some(last) = self.last.replace(rtt) else {
            return;
        };
        let step = rtt.as_secs_f64() - last.as_secs_f64();
        let turns = step * self.step < 0.0;
        let outside = match turns {
            true => step.abs().min(self.step.abs()),
            false => 0.0,
        };
        self.step = step;
        self.samples = (self.samples + 1).min(WEIGHT);
        self.usual += (outside - self.usual) / f64::from(self.samples);
        if self.samples >= ENOUGH {
            self.largest.insert(age, self.usual, |kept, new| kept > new);
        }
    }

    /// What the usual one was at most.
    pub(super) fn largest(&self) -> Duration {
        Duration::from_secs_f64(self.largest.best().unwrap_or_default())
    }
}

/// The last sixteen or so count.
const WEIGHT: u32 = 16;

/// Fewer say nothing.
const ENOUGH: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_fills_and_empties_is_no_jitter() {
        let mut jitter = Jitter::over(30);
        for at in 0..100u64 {
            let queue = if at < 50 { at } else { 100 - at };
            jitter.handle_sample(at / 10, Duration::from_millis(100 + queue));
        }
        // It turned once.
        assert!(jitter.largest() < Duration::from_micros(100));
    }

    #[test]
    fn what_turns_at_random_is_remembered_for_as_long_as_was_said() {
        let mut jitter = Jitter::over(30);
        for at in 0..40u64 {
            jitter.handle_sample(0, Duration::from_millis(100 + at * 7 % 10));
        }
        assert!(jitter.largest() > Duration::from_millis(1));
        for age in 0..40 {
            for _ in 0..10 {
                jitter.handle_sample(age, Duration::from_millis(110));
            }
        }
        assert!(jitter.largest() < Duration::from_micros(100));
    }
}
