//! Decides when to probe and when a peer is silent or gone. Nothing here reads a clock.

use std::time::{Duration, Instant};

/// The times of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two probes; `None` for a side that only answers (the server).
    pub every: Option<Duration>,
    /// A peer that was not heard for so long is silent (`HeartbeatTimeout`).
    pub silent_after: Duration,
    /// A peer that was not heard for so long is gone for good (`AliveTimeout`); `None` for never.
    pub gone_after: Option<Duration>,
}

impl Timing {
    /// PROTOCOL.md, "The bus": the interval that follows from the timeouts, with `beats` probes in
    /// the time after which a peer counts as silent.
    pub fn interval(
        alive: Duration,
        heartbeat: Duration,
        reconnect: Duration,
        beats: u32,
    ) -> Duration {
        (alive / 10)
            .min(heartbeat.min(reconnect) / beats.max(1))
            .max(SHORTEST)
    }
}

/// What is known of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was heard within the heartbeat timeout.
    Heard,
    /// It was not.
    Silent,
    /// It was not heard within the alive timeout: the connection has ended.
    Gone,
}

/// What the actor is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask for an echo.
    SendProbe,
    /// Tell that the verdict changed.
    Tell(Verdict),
}

/// The peer's signs of life.
#[derive(Debug)]
pub struct Heartbeat {
    timing: Timing,
    heard_at: Instant,
    next_probe: Option<Instant>,
    /// A probe is out; the next one waits for its echo.
    waiting: bool,
    told: Verdict,
}

impl Heartbeat {
    /// A peer that was heard at `now`; the first probe is due at once.
    pub fn new(timing: Timing, now: Instant) -> Self {
        Self {
            timing,
            heard_at: now,
            next_probe: timing.every.map(|_| now),
            waiting: false,
            told: Verdict::Heard,
        }
    }

    /// A packet of the peer opened at the moment `at`.
    pub fn handle_heard(&mut self, at: Instant) {
        self.heard_at = self.heard_at.max(at);
    }

    /// The echo of the probe came.
    pub fn handle_echo(&mut self, now: Instant) {
        self.waiting = false;
        self.handle_heard(now);
    }

    /// The probe found no room on the bus: another one is due after the interval.
    pub fn handle_unsent(&mut self, now: Instant) {
        self.waiting = false;
        self.next_probe = self.timing.every.map(|every| now + every);
    }

    /// The next thing to do at `now`. Call until `None`, then wait for [`Self::poll_timeout`].
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        let verdict = self.verdict(now);
        if verdict != self.told {
            self.told = verdict;
            return Some(Output::Tell(verdict));
        }
        let due = self.next_probe.filter(|due| now >= *due && !self.waiting)?;
        let every = self.timing.every?;
        // Hours of sleep are one missed probe, not a burst of them.
        self.next_probe = Some((due + every).max(now + every / 2));
        self.waiting = true;
        Some(Output::SendProbe)
    }

    /// When to call [`Self::poll_output`] again; `None` while only the peer can change anything.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let probe = self.next_probe.filter(|_| !self.waiting);
        let silent =
            (self.told == Verdict::Heard).then(|| self.heard_at + self.timing.silent_after);
        let gone = self
            .timing
            .gone_after
            .filter(|_| self.told != Verdict::Gone)
            .map(|after| self.heard_at + after);
        [probe, silent, gone].into_iter().flatten().min()
    }

    fn verdict(&self, now: Instant) -> Verdict {
        let silent_for = now.saturating_duration_since(self.heard_at);
        if self.told == Verdict::Gone || self.timing.gone_after.is_some_and(|at| silent_for >= at) {
            Verdict::Gone
        } else if silent_for >= self.timing.silent_after {
            Verdict::Silent
        } else {
            Verdict::Heard
        }
    }
}

/// Whatever the timeouts: more probes would tell nothing more.
const SHORTEST: Duration = Duration::from_millis(100);
