//! When streams are tried beside UDP, UDP beside a stream, and the interface that the system chooses
//! beside another. Nothing here reads a clock.
//!
//! UDP is better: nothing waits behind a lost packet, and a path is changed by one packet. So a stream is
//! tried only while UDP is silent, and left as soon as UDP passes again.

use std::time::{Duration, Instant};

use super::config::Carriers;
use super::exchange::{Carrier, Way};

/// Two alarm clocks: one for the fall to a stream, one for the way back.
#[derive(Debug)]
pub(super) struct Fallback {
    carriers: Carriers,
    /// What carried the packets last.
    home: Carrier,
    /// They went over UDP, and not over the interface that the system chooses.
    astray: bool,
    /// Streams are tried from this moment on, unless the path is found before.
    fall_at: Option<Instant>,
    /// UDP over the interface that the system chooses is looked for at this moment.
    probe_at: Option<Instant>,
    probe_every: Duration,
    /// UDP passes here, and large packets do not.
    narrow: bool,
    /// When it took over again.
    risen_at: Option<Instant>,
}

impl Fallback {
    /// Without a path, which is first looked for at `now`.
    pub(super) fn new(carriers: Carriers, now: Instant) -> Self {
        let mut fallback = Self {
            carriers,
            home: Carrier::Udp,
            astray: false,
            fall_at: None,
            probe_at: None,
            probe_every: PROBE_FIRST,
            narrow: false,
            risen_at: None,
        };
        fallback.handle_suspect(now);
        fallback
    }

    /// What carried the packets last.
    pub(super) fn home(&self) -> Carrier {
        self.home
    }

    /// The path in use is thought to be dead.
    pub(super) fn handle_suspect(&mut self, now: Instant) {
        if self.carriers == Carriers::Both {
            let patience = match self.home {
                Carrier::Udp => PATIENCE,
                Carrier::Stream => Duration::ZERO,
            };
            self.fall_at.get_or_insert(now + patience);
        }
    }

    /// UDP was refused, by the system or by somebody on the way.
    pub(super) fn handle_refused(&mut self, now: Instant) {
        if let Some(at) = &mut self.fall_at {
            *at = now.min(*at);
        }
    }

    /// UDP passes, though it is not the path yet.
    pub(super) fn handle_udp_answered(&mut self, now: Instant) {
        if let Some(at) = &mut self.fall_at {
            *at = now + PATIENCE;
        }
    }

    /// The path in use answers after all.
    pub(super) fn handle_false_alarm(&mut self) {
        self.fall_at = None;
    }

    /// A look at UDP is under way.
    pub(super) fn handle_probing(&mut self) {
        self.probe_at = None;
    }

    /// UDP was looked for and said nothing.
    pub(super) fn handle_silence(&mut self, now: Instant) {
        let stream = self.home == Carrier::Stream && self.carriers == Carriers::Both;
        if self.narrow && !self.astray {
            self.probe_at = None;
        } else if stream || self.astray {
            self.probe_at = Some(now + self.probe_every);
            self.probe_every = (self.probe_every * 2).min(PROBE_LAST);
        }
    }

    /// UDP is of no use in this network.
    pub(super) fn handle_narrow(&mut self) {
        self.narrow = true;
    }

    /// A large packet passed the path in use over UDP: whatever was known of this network, they pass.
    pub(super) fn handle_wide(&mut self) {
        self.narrow = false;
    }

    /// Whether that is known of this network.
    pub(super) fn is_narrow(&self) -> bool {
        self.narrow
    }

    /// Another network may pass UDP.
    pub(super) fn handle_moved(&mut self, now: Instant) {
        let narrow = std::mem::take(&mut self.narrow) && self.home == Carrier::Stream;
        if narrow || self.probe_at.is_some() {
            self.probe_every = PROBE_FIRST;
            self.probe_at = Some(now);
        }
    }

    /// There is a path.
    pub(super) fn handle_settled(&mut self, carrier: Carrier, way: Way, now: Instant) {
        let astray = carrier == Carrier::Udp && way.interface != 0;
        let was_best = self.home == Carrier::Udp && !self.astray;
        let held = |since: Instant| now.saturating_duration_since(since) >= STEADY;
        if was_best && self.risen_at.is_none_or(held) {
            self.probe_every = PROBE_FIRST;
        }
        self.astray = astray;
        if !was_best && carrier == Carrier::Udp && !astray {
            self.risen_at = Some(now);
        }
        self.fall_at = None;
        self.probe_at = None;
        self.home = carrier;
        self.handle_silence(now);
    }

    /// When streams are to be tried.
    pub(super) fn fall_at(&self) -> Option<Instant> {
        self.fall_at
    }

    /// When UDP is to be looked for.
    pub(super) fn probe_at(&self) -> Option<Instant> {
        self.probe_at
    }
}

/// How long UDP may be silent before streams are tried too. A claim is made every 50 ms: most of twenty
/// are not lost by chance.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first look whether UDP passes again, after the fall.
const PROBE_FIRST: Duration = Duration::from_secs(1);

/// Where UDP is blocked for good, a few packets every half minute cost nothing.
const PROBE_LAST: Duration = Duration::from_secs(32);

/// UDP that fails sooner than this after it came back is not trusted so soon again.
const STEADY: Duration = Duration::from_secs(60);
