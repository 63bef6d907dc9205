//! How much may be in flight: what the path delivers, times the time that it takes.
//!
//! KCP's own way is to fill its window without regard to the path, which makes a queue of half a second
//! before a slow one. Loss says nothing here: a wireless path loses without being full.

use std::time::{Duration, Instant};

/// What the arrival of an acknowledgement tells of the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Bytes delivered so far, of the whole conversation.
    pub(super) delivered: u64,
    /// The same when the acknowledged packet was sent.
    pub(super) delivered_then: u64,
    /// When the latest acknowledgement before that came.
    pub(super) then: Instant,
    /// The round trip time, when it is known.
    pub(super) rtt: Option<Duration>,
    /// When the acknowledged packet was sent, when that is known.
    pub(super) sent_at: Option<Instant>,
    /// The sender had nothing more to send then: the path may be faster than this says.
    pub(super) idle_then: bool,
}

/// The congestion window.
#[derive(Debug)]
pub(super) struct Window {
    mss: usize,
    /// Bytes a second: the most of each of the latest rounds.
    rates: [f64; ROUNDS],
    /// How many rounds there were.
    round: usize,
    /// The round ends when what was sent in it begins to be acknowledged.
    round_ends: u64,
    /// The shortest round trip, and when it was seen.
    shortest: Option<(Duration, Instant)>,
    /// The shortest of this round.
    shortest_now: Option<Duration>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Grows by what is delivered, until the path delivers no more for it.
    Start { bytes: usize, best: f64, flat: u8 },
    /// As much as the path holds, and a little more to notice when it holds more.
    Steady,
    /// Less than the path holds, for a round, so that its queue runs empty and shows how short it is.
    Drain,
}

impl Window {
    pub(super) fn new(mss: usize) -> Self {
        Self {
            mss,
            rates: [0.0; ROUNDS],
            round: 0,
            round_ends: 0,
            shortest: None,
            shortest_now: None,
            phase: Phase::Start {
                bytes: FIRST * mss,
                best: 0.0,
                flat: 0,
            },
        }
    }

    /// Bytes that may be in flight.
    pub(super) fn bytes(&self) -> usize {
        if let Phase::Start { bytes, .. } = self.phase {
            return bytes;
        }
        let Some((shortest, _)) = self.shortest else {
            return FIRST * self.mss;
        };
        let gain = match self.phase {
            Phase::Drain => 0.6,
            Phase::Start { .. } | Phase::Steady if self.round.is_multiple_of(ROUNDS) => PROBE_GAIN,
            Phase::Start { .. } | Phase::Steady => GAIN,
        };
        let rate = self.rate();
        let held = rate * shortest.as_secs_f64() * gain + rate * ACK_DELAY.as_secs_f64();
        held as usize + LEAST * self.mss
    }

    /// Bytes a second at which to send, and bytes that may go at once; `None` while nothing is known.
    pub(super) fn pace(&self) -> Option<(f64, f64)> {
        let rate = self.rate();
        let known = rate > 0.0 && !matches!(self.phase, Phase::Start { .. });
        let burst = (rate * ACK_DELAY.as_secs_f64()).max((BURST * self.mss) as f64);
        known.then_some((rate * PROBE_GAIN, burst))
    }

    /// Bytes a second that the path delivers.
    fn rate(&self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }

    /// `newly` bytes were acknowledged.
    pub(super) fn handle_ack(&mut self, sample: &Sample, newly: usize, now: Instant) {
        if let Some(rtt) = sample.rtt {
            self.handle_rtt(rtt, now);
        }
        let time = now.saturating_duration_since(sample.then).as_secs_f64();
        if time > 0.0 {
            let rate = (sample.delivered - sample.delivered_then) as f64 / time;
            let place = self.round % ROUNDS;
            if !sample.idle_then || rate > self.rate() {
                self.rates[place] = self.rates[place].max(rate);
            }
        }
        if let Phase::Start { bytes, .. } = &mut self.phase
            && !sample.idle_then
        {
            *bytes += newly;
        }
        if sample.delivered_then >= self.round_ends {
            self.round_ends = sample.delivered;
            self.handle_round(sample.idle_then, now);
        }
    }

    fn handle_rtt(&mut self, rtt: Duration, now: Instant) {
        self.shortest_now = Some(self.shortest_now.map_or(rtt, |known| known.min(rtt)));
        if self.shortest.is_none_or(|(shortest, _)| rtt <= shortest) {
            self.shortest = Some((rtt, now));
        }
    }

    fn handle_round(&mut self, idle: bool, now: Instant) {
        let in_round = self.shortest_now.take();
        if idle {
            // Nothing was asked of the path: its best days still count.
            return;
        }
        let old = |(_, at): (Duration, Instant)| now.saturating_duration_since(at) > SHORTEST_FOR;
        let rate = self.rate();
        self.round += 1;
        self.rates[self.round % ROUNDS] = 0.0;
        match &mut self.phase {
            Phase::Start { best, flat, .. } => {
                if rate > *best * 1.25 {
                    *best = rate;
                    *flat = 0;
                } else {
                    *flat += 1;
                }
                let shortest = self
                    .shortest
                    .map_or(Duration::ZERO, |(shortest, _)| shortest);
                let queued = in_round.is_some_and(|rtt| rtt > shortest + (shortest / 4).max(QUEUE));
                if *flat >= 3 || queued {
                    self.phase = Phase::Drain;
                }
            }
            Phase::Steady => {
                if self.shortest.is_some_and(old) {
                    self.phase = Phase::Drain;
                }
            }
            Phase::Drain => {
                self.phase = Phase::Steady;
                if self.shortest.is_some_and(old) {
                    self.shortest = in_round.map(|rtt| (rtt, now)).or(self.shortest);
                }
            }
        }
    }
}

/// As RFC 6928, a little more: the peer takes 32.
const FIRST: usize = 16;

/// Never less in flight than this, beyond what the path holds.
const LEAST: usize = 2;

/// As RFC 9002.
const BURST: usize = 10;

const GAIN: f64 = 1.0;

/// Once in [`ROUNDS`], to find out about a path that became faster.
const PROBE_GAIN: f64 = 1.25;

/// How long the best rate counts.
const ROUNDS: usize = 10;

/// How long the shortest round trip counts.
const SHORTEST_FOR: Duration = Duration::from_secs(10);

/// The original acknowledges once in this time.
const ACK_DELAY: Duration = Duration::from_millis(10);

/// A queue of this length is one.
const QUEUE: Duration = Duration::from_millis(12);
