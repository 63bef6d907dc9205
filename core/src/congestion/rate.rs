//! How fast bytes arrive: delivery-rate samples (draft-cheng-iccrg-delivery-rate-estimation).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is on its way. Packets that leave without an acknowledgement in between share an entry.
#[derive(Clone, Debug)]
pub(super) struct Flights {
    flying: VecDeque<Flight>,
    /// Bytes acknowledged since the beginning.
    delivered: u64,
    /// When the newest of them were.
    delivered_at: Instant,
    /// When the packet left whose acknowledgement was the newest.
    first_sent: Instant,
    /// Up to here the sender had less to send than it might have.
    limited_until: u64,
    /// The packet that left last, of those acknowledged in this batch: when, and under what.
    newest: Option<(Instant, Flight)>,
}

/// What was known when packets left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    /// When the first of them did.
    since: Instant,
    /// Whether the window was held low on purpose.
    pub(super) low: bool,
    delivered: u64,
    delivered_at: Instant,
    first_sent: Instant,
    limited: bool,
}

impl Flight {
    fn knew_as_much(&self, other: &Self) -> bool {
        let same = Self {
            since: self.since,
            ..*other
        };
        *self == same
    }
}

/// What a batch of acknowledgements tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Bytes a second; `None` for a time too short to divide by.
    pub(super) rate: Option<f64>,
    pub(super) rtt: Duration,
    /// The sender had less to send than it might have: the rate is no more than a lower bound.
    pub(super) limited: bool,
    /// What had been delivered when the packet left.
    pub(super) prior_delivered: u64,
}

impl Flights {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            flying: VecDeque::new(),
            delivered: 0,
            delivered_at: now,
            first_sent: now,
            limited_until: 0,
            newest: None,
        }
    }

    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Packets leave. `idle` says that nothing else is in flight.
    pub(super) fn handle_sent(&mut self, idle: bool, low: bool, now: Instant) {
        if idle {
            // Time without anything in flight says nothing about the path.
            self.first_sent = now;
            self.delivered_at = now;
        }
        let flight = Flight {
            since: now,
            low,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent: self.first_sent,
            limited: self.limited_until > self.delivered,
        };
        if self
            .flying
            .back()
            .is_some_and(|last| last.knew_as_much(&flight))
        {
            return;
        }
        if self.flying.len() >= MAX_FLIGHTS {
            self.flying.pop_front();
        }
        self.flying.push_back(flight);
    }

    /// Packets that left at `sent` have arrived. Returns what is known of them.
    pub(super) fn handle_acked(
        &mut self,
        sent: Instant,
        bytes: u64,
        now: Instant,
    ) -> Option<Flight> {
        self.delivered += bytes;
        self.delivered_at = now;
        let flight = self.find(sent)?;
        if self.newest.is_none_or(|(newest, _)| newest <= sent) {
            self.newest = Some((sent, flight));
            self.first_sent = sent;
        }
        Some(flight)
    }

    /// Packets that left at `sent`.
    pub(super) fn find(&self, sent: Instant) -> Option<Flight> {
        let behind = self.flying.partition_point(|flight| flight.since <= sent);
        behind.checked_sub(1).map(|at| self.flying[at])
    }

    /// A batch of acknowledgements is complete.
    pub(super) fn take_sample(&mut self, now: Instant) -> Option<Sample> {
        let (sent, flight) = self.newest.take()?;
        let acking = now.saturating_duration_since(flight.delivered_at);
        let sending = sent.saturating_duration_since(flight.first_sent);
        let rtt = now.saturating_duration_since(sent);
        let elapsed = acking.max(sending).as_secs_f64();
        let bytes = (self.delivered - flight.delivered) as f64;
        // What left long before is acknowledged or lost by now.
        let horizon = rtt * FORGET_AFTER;
        while self.flying.len() > 1
            && sent.saturating_duration_since(self.flying[1].since) > horizon
        {
            self.flying.pop_front();
        }
        Some(Sample {
            rate: (elapsed > 0.0).then(|| bytes / elapsed),
            rtt,
            limited: flight.limited,
            prior_delivered: flight.delivered,
        })
    }

    /// The sender has nothing more to send, with so many bytes in flight.
    pub(super) fn handle_limited(&mut self, in_flight: u64) {
        self.limited_until = self.delivered + in_flight.max(1);
    }
}

/// Bounds the memory of a path with a huge window; what was pushed out gives no sample.
const MAX_FLIGHTS: usize = 8192;

/// Round trips after which a packet is of no more use.
const FORGET_AFTER: u32 = 8;
