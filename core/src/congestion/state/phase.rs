//! Which rule the window follows, and when it follows another one.

use std::time::{Duration, Instant};

use super::{Congestion, LEAST_WINDOW};
use crate::congestion::cubic::Cubic;

/// What the window follows.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// The rate is not known yet: the window doubles.
    Filling {
        /// The rate that was to be beaten, and how many rounds it was not.
        rate: f64,
        stale: u32,
    },
    /// The rate and the round trip.
    Keeping {
        /// Rounds in a row in which the queue was long although this side held back.
        crowded: u32,
    },
    /// CUBIC, because somebody else fills the queue.
    Sharing {
        cubic: Cubic,
        /// How often in a row the queue was empty while this side held back.
        alone: u32,
    },
}

impl Congestion {
    /// While the path is being filled, the first sign of a queue is enough: a round trip later twice as much would
    /// be in flight (HyStart++, RFC 9406).
    pub(super) fn notice_queue(&mut self) {
        if let Phase::Filling { .. } = self.phase
            && self.round.samples >= ENOUGH_SAMPLES
            && let (Some(shortest), Some(least)) = (self.round.shortest, self.round_trips.best())
            && shortest.saturating_sub(least)
                > (least / 8).clamp(NOTICEABLE, NOTICEABLE * 4) + self.chance(least)
        {
            self.phase = Phase::Keeping { crowded: 0 };
        }
    }

    /// What the round trips of a round mean: `shortest` was its shortest one.
    pub(super) fn judge(&mut self, shortest: Duration, was_low: bool, now: Instant) {
        let Some(base) = self.base() else { return };
        let queued = shortest.saturating_sub(base);
        match &mut self.phase {
            Phase::Filling { rate, stale } => {
                let best = self.rates.best().unwrap_or_default();
                if best >= *rate * BETTER {
                    (*rate, *stale) = (best, 0);
                } else {
                    *stale += 1;
                }
                if *stale >= STALE_ROUNDS {
                    self.phase = Phase::Keeping { crowded: 0 };
                }
            }
            Phase::Keeping { crowded } => {
                let held_back = self.window > LEAST_WINDOW * self.packet;
                match held_back && queued > base.mul_f64(OWN_QUEUE).max(CROWD) {
                    true => *crowded += 1,
                    false => *crowded = 0,
                }
                if *crowded >= CROWDED_ROUNDS {
                    self.share(now);
                }
            }
            Phase::Sharing { alone, .. } if was_low => {
                match queued < base.mul_f64(EMPTY).max(NOTICEABLE) {
                    true => *alone += 1,
                    false => *alone = 0,
                }
                // Somebody who fills queues leaves one empty now and then, after a loss, and not again and again.
                if *alone >= ALONE {
                    self.phase = Phase::Keeping { crowded: 0 };
                }
            }
            Phase::Sharing { .. } => {}
        }
    }

    /// By how much a round trip may be longer than the shortest one and still have met no queue.
    fn chance(&self, least: Duration) -> Duration {
        (self.jitter.largest().saturating_sub(ROUNDING) * SPREAD).min(least / 2)
    }

    /// A round trip that meets no queue: the shortest one of late. Where they differ at random, a full path may never have
    /// that one, whatever its window: then it is what remains while this side holds back.
    pub(super) fn base(&self) -> Option<Duration> {
        let least = self.round_trips.best()?;
        Some(self.calm.clamp(least, least + self.chance(least)))
    }

    pub(super) fn share(&mut self, now: Instant) {
        self.phase = Phase::Sharing {
            cubic: Cubic::new(self.window, now),
            alone: 0,
        };
    }
}

/// Growth of the rate in one round trip that shows that the path is not full.
const BETTER: f64 = 1.25;

/// Round trips measured before one counts as long.
const ENOUGH_SAMPLES: u32 = 8;

/// Round trips without such growth.
const STALE_ROUNDS: u32 = 3;

/// A longer round trip than the gain explains: in parts of the shortest.
const OWN_QUEUE: f64 = 0.4;

/// The same at least, where round trips are short: an access point that aggregates, a machine that is busy.
const CROWD: Duration = Duration::from_millis(15);

/// How many in a row make a crowd.
const CROWDED_ROUNDS: u32 = 4;

/// A queue is as good as empty at so much of the shortest round trip.
const EMPTY: f64 = 0.1;

/// How often it is, until this side believes to be alone.
const ALONE: u32 = 2;

/// Round trips differ by so much for no reason.
const NOTICEABLE: Duration = Duration::from_millis(4);

/// Of a host's timers, and of a link that hands packets on in blocks.
const ROUNDING: Duration = Duration::from_millis(2);

/// The way from the shortest round trip of all to a usual one, in usual steps.
const SPREAD: u32 = 16;
