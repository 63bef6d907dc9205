//! The window: filling the path, keeping it full, holding back, taking part.

mod phase;

use std::time::{Duration, Instant};

use super::extreme::Extreme;
use super::jitter::Jitter;
use super::losses::Losses;
use super::rate::{Flights, Sample};
use super::round::Round;
use phase::Phase;

/// Decides how many bytes of a connection may be in flight. It is told what left, arrived and was lost.
#[derive(Clone, Debug)]
pub struct Congestion {
    packet: u64,
    window: u64,
    in_flight: u64,
    /// Bytes acknowledged since the window was last set.
    acked: u64,
    phase: Phase,
    round: Round,
    flights: Flights,
    losses: Losses,
    /// Bytes a second, by round.
    rates: Extreme<f64>,
    /// By `age`.
    round_trips: Extreme<Duration>,
    jitter: Jitter,
    /// The shortest round trip when the window was last held low: this side's own queue had emptied.
    calm: Duration,
    /// Seconds, of which those count less in which nobody could tell how long a round trip is without a queue.
    age: f64,
    aged_at: Instant,
    /// Packets of those in flight that may be lost.
    most_gaps: u64,
    /// They are fewer than what the path would take.
    held_by_gaps: bool,
    /// How much more than fits into the path alone is in flight.
    gain: f64,
}

impl Congestion {
    /// `packet` is the size of a full one, in bytes.
    pub fn new(packet: u16, now: Instant) -> Self {
        let packet = u64::from(packet);
        Self {
            packet,
            window: FIRST_WINDOW * packet,
            in_flight: 0,
            acked: 0,
            phase: Phase::Filling {
                rate: 0.0,
                stale: 0,
            },
            round: Round::default(),
            flights: Flights::new(now),
            losses: Losses::default(),
            rates: Extreme::over(RATE_ROUNDS),
            round_trips: Extreme::over(ROUND_TRIP_MEMORY),
            jitter: Jitter::over(ROUND_TRIP_MEMORY),
            calm: Duration::ZERO,
            age: 0.0,
            aged_at: now,
            most_gaps: u64::from(u32::MAX),
            held_by_gaps: false,
            gain: MOST_GAIN,
        }
    }

    /// The same for a peer that bears no more gaps in what it has received: no more is in flight than loses so many
    /// packets. Behind these are the gaps of packets that were lost again, and of those that are late.
    #[must_use]
    pub fn with_most_gaps(mut self, packets: u32) -> Self {
        self.most_gaps = packets.into();
        self
    }

    /// Bytes that may be in flight.
    pub fn window(&self) -> u64 {
        self.window
    }

    /// Bytes in flight at the beginning.
    pub fn first_window(&self) -> u64 {
        FIRST_WINDOW * self.packet
    }

    /// Bytes a second at which a sender without acknowledgements to clock it may send; `None` before there is a
    /// sample.
    pub fn pacing_rate(&self) -> Option<u64> {
        let rtt = self.round_trips.best()?.max(ROUND_TRIP_FLOOR);
        Some((self.window as f64 * PACING / rtt.as_secs_f64()) as u64)
    }

    /// The share of packets that the path loses by chance, from 0 to 1, while it is not the path that limits what is in
    /// flight: what waits at the peer behind a lost packet does. 0 otherwise: loss may then be that of a full queue.
    pub fn loss_that_stalls(&self) -> f64 {
        let stalls = self.round.is_limited() || self.held_by_gaps;
        match self.phase {
            Phase::Filling { .. } | Phase::Keeping { .. } => match stalls {
                true => self.losses.seen(self.packet),
                false => 0.0,
            },
            Phase::Sharing { .. } => 0.0,
        }
    }

    /// Packets of `bytes` in all leave.
    pub fn handle_sent(&mut self, bytes: u64, now: Instant) {
        let idle = self.in_flight == 0;
        self.flights.handle_sent(idle, self.round.low, now);
        self.in_flight += bytes;
    }

    /// A packet that left at `sent` has arrived.
    pub fn handle_acked(&mut self, sent: Instant, bytes: u64, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.acked += bytes;
        let flight = self.flights.handle_acked(sent, bytes, now);
        let low = flight.is_some_and(|flight| flight.low);
        self.losses.handle_acked(bytes, low);
        if let Phase::Filling { .. } = self.phase
            && !self.round.limited
        {
            self.window += bytes;
        }
    }

    /// The acknowledgements of one packet of the peer have all been told. `in_flight` are the bytes that remain;
    /// `limited` says that the sender has had nothing more to send.
    pub fn handle_acks_end(&mut self, in_flight: u64, limited: bool, now: Instant) {
        self.in_flight = in_flight;
        let Some(sample) = self.flights.take_sample(now) else {
            return;
        };
        self.handle_sample(sample, now);
        self.round.limited |= limited;
        if limited {
            self.flights.handle_limited(in_flight);
        }
        if let Phase::Sharing { cubic, .. } = &mut self.phase
            && !limited
        {
            cubic.handle_acked(self.packet, now);
        }
        let acked = std::mem::take(&mut self.acked);
        self.window = match (&self.phase, self.round.low) {
            // RFC 6937: a window that falls at once holds everything back, keys too, until what is over it has
            // arrived. So one packet leaves for every two that do.
            (Phase::Keeping { .. }, true) => {
                self.wanted().max(self.window.saturating_sub(acked / 2))
            }
            _ => self.wanted(),
        };
        if !self.round.low {
            self.held_by_gaps = self.window >= self.bound_by_gaps();
        }
    }

    /// Packets of `bytes` in all were lost, the newest of which left at `sent`.
    pub fn handle_lost(&mut self, sent: Instant, bytes: u64, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        let low = self.flights.find(sent).is_some_and(|flight| flight.low);
        self.losses.handle_lost(bytes, low);
        if let Phase::Sharing { cubic, .. } = &mut self.phase {
            cubic.handle_lost(sent, self.packet, now);
            self.window = self.wanted();
        }
    }

    /// A router says that its queue is long. That is no accident: the packet left at `sent`.
    pub fn handle_marked(&mut self, sent: Instant, now: Instant) {
        if !matches!(self.phase, Phase::Sharing { .. }) {
            self.share(now);
        }
        if let Phase::Sharing { cubic, .. } = &mut self.phase {
            cubic.handle_lost(sent, self.packet, now);
        }
        self.window = self.wanted();
    }

    /// Nothing has arrived for long: the path may be another one. All that was known of it is forgotten.
    pub fn handle_blackout(&mut self, now: Instant) {
        *self = Self {
            in_flight: self.in_flight,
            most_gaps: self.most_gaps,
            ..Self::new(u16::try_from(self.packet).unwrap_or(u16::MAX), now)
        };
    }

    /// A full packet has another size, in bytes.
    pub fn handle_packet_size(&mut self, packet: u16) {
        self.packet = u64::from(packet);
        self.window = self.window.max(LEAST_WINDOW * self.packet);
    }

    fn handle_sample(&mut self, sample: Sample, now: Instant) {
        if sample.prior_delivered >= self.round.until {
            self.end_round(now);
        }
        let passed = now.saturating_duration_since(self.aged_at).as_secs_f64();
        self.age += match self.phase {
            Phase::Sharing { .. } => passed / SHARING_AGES,
            Phase::Filling { .. } | Phase::Keeping { .. } => passed,
        };
        self.aged_at = now;
        self.round_trips
            .insert(self.age as u64, sample.rtt, |kept, new| kept < new);
        self.jitter.handle_sample(self.age as u64, sample.rtt);
        self.round.handle_sample(sample.rtt);
        self.notice_queue();
        let Some(rate) = sample.rate else { return };
        // Too little to send does not make a path slow.
        if !sample.limited || self.rates.best().is_none_or(|best| rate > best) {
            self.rates
                .insert(self.round.number, rate, |kept, new| kept > new);
        }
    }

    fn end_round(&mut self, now: Instant) {
        self.losses.handle_round(self.round.was_low);
        let ended = self.round.end(self.flights.delivered());
        if ended.limited {
            // The rate of the path is no better known than before, and grows no older.
            return;
        }
        let was_low = ended.was_low;
        if let Some(shortest) = ended.shortest {
            // While sharing, the queue that remains is that of others.
            if was_low && !matches!(self.phase, Phase::Sharing { .. }) {
                self.calm = shortest;
            }
            self.judge(shortest, was_low, now);
        }
        let patience = match self.phase {
            Phase::Filling { .. } => u32::MAX,
            Phase::Keeping { .. } => KEEPING_ROUNDS,
            Phase::Sharing { .. } => SHARING_ROUNDS,
        };
        self.round.low =
            self.round.since_low >= patience && self.window >= LOW_WINDOW * self.packet;
        if !was_low {
            self.settle_gain();
        }
    }

    /// A path with a short queue cannot take what is meant to stand in it.
    fn settle_gain(&mut self) {
        let too_much = self.losses.by_filling(self.packet) > TOLERATED;
        self.gain = match too_much {
            true => (self.gain - GAIN_DOWN).max(LEAST_GAIN),
            false => (self.gain + GAIN_UP).min(MOST_GAIN),
        };
    }

    fn wanted(&self) -> u64 {
        let least = LEAST_WINDOW * self.packet;
        let (Some(rate), Some(rtt)) = (self.rates.best(), self.base()) else {
            return self.window;
        };
        if self.round.low {
            return ((rate * rtt.as_secs_f64() * LOW) as u64).max(least);
        }
        let late = rate * HOST_DELAY.as_secs_f64();
        let fits = rate * rtt.as_secs_f64() + late.max((UNACKNOWLEDGED * self.packet) as f64);
        // What is lost is in flight too, until that is known.
        let kept = fits * self.gain / (1.0 - self.losses.by_chance(self.packet));
        match &self.phase {
            Phase::Filling { .. } => self.window,
            // Before it is known whether somebody else came or the path got longer, nothing is given up.
            Phase::Keeping { crowded: 1.. } => self.window.max(kept as u64),
            Phase::Keeping { .. } => kept as u64,
            Phase::Sharing { cubic, .. } => cubic.window(),
        }
        .min(self.bound_by_gaps())
        .max(least)
    }

    fn bound_by_gaps(&self) -> u64 {
        self.losses.in_flight_of(self.most_gaps, self.packet)
    }
}

/// Full packets in the first round trip. RFC 6928 has 10 of 1460 bytes; these are paced.
const FIRST_WINDOW: u64 = 32;

/// RFC 9002, section 7.2: two packets; and two more, so that a delayed acknowledgement stops nothing.
const LEAST_WINDOW: u64 = 4;

/// Below so many full packets, holding back would stop the sender.
const LOW_WINDOW: u64 = 8;

/// A rate counts for so many round trips.
const RATE_ROUNDS: u64 = 10;

/// A round trip counts for so many seconds: longer than a queue stays full by itself.
const ROUND_TRIP_MEMORY: u64 = 30;

/// And so many times longer where another flow keeps the queue full.
const SHARING_AGES: f64 = 10.0;

/// A window of 1.2 times what fits keeps a path full, finds more of it by a fifth in each round trip, and makes a
/// queue of a fifth of the round trip.
const MOST_GAIN: f64 = 1.2;

/// With less, a path that has got faster would not be noticed.
const LEAST_GAIN: f64 = 1.05;

/// In each round trip with too much loss, or without.
const GAIN_DOWN: f64 = 0.05;
const GAIN_UP: f64 = 0.01;

/// Loss by a full queue that is put up with.
const TOLERATED: f64 = 0.02;

/// What of the path is filled while holding back: the queue empties, and the path is idle for a part of one round trip.
const LOW: f64 = 0.75;

/// Round trips between holding back. The price is a part of one in so many.
const KEEPING_ROUNDS: u32 = 10;

/// The same while sharing, where what is given up goes to the others.
const SHARING_ROUNDS: u32 = 15;

/// Time that both hosts take to hand packets on in batches and to acknowledge them: it counts as part of the path, or a
/// path of a fraction of a millisecond would not be filled.
const HOST_DELAY: Duration = Duration::from_millis(4);

/// The same in full packets, where that is more: an acknowledgement answers two, and the shortest round trip may be one of
/// small packets, which a slow path takes in less time. Without these it would seem slower at each look.
const UNACKNOWLEDGED: u64 = 2;

/// Against division by nothing.
const ROUND_TRIP_FLOOR: Duration = Duration::from_micros(100);

/// A little faster than the window in one round trip, as RFC 9002, section 7.7, has it.
const PACING: f64 = 1.25;
