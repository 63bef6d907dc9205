//! Path time as a function of real time. Nothing here reads a clock.

use std::time::{Duration, Instant};

/// Maps real time to path time: it runs with real time or stands still, and may jump forward.
#[derive(Debug)]
pub(super) struct PathTime {
    real_zero: Instant,
    path_zero: Instant,
    running: bool,
}

impl PathTime {
    /// Path time that runs and equals real time.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            real_zero: now,
            path_zero: now,
            running: true,
        }
    }

    pub(super) fn running(&self) -> bool {
        self.running
    }

    /// The path time at the real moment `now`.
    pub(super) fn at(&self, now: Instant) -> Instant {
        if self.running {
            self.path_zero + now.saturating_duration_since(self.real_zero)
        } else {
            self.path_zero
        }
    }

    /// The real moment at which path time reaches `deadline`; `None` while it stands still.
    pub(super) fn real_deadline(&self, deadline: Instant) -> Option<Instant> {
        self.running
            .then(|| self.real_zero + deadline.saturating_duration_since(self.path_zero))
    }

    /// Whether path time is far beyond `due`, at which something should have happened.
    pub(super) fn is_late(&self, now: Instant, due: Instant) -> bool {
        self.running && self.at(now).saturating_duration_since(due) > LATE
    }

    /// Takes back what passed since `due`: whoever should have acted then stood still.
    pub(super) fn turn_back(&mut self, now: Instant, due: Instant) {
        self.path_zero = due;
        self.real_zero = now;
    }

    /// Stands still from the real moment `now` on. Returns whether it ran before.
    pub(super) fn stop(&mut self, now: Instant) -> bool {
        let ran = self.running;
        self.path_zero = self.at(now);
        self.real_zero = now;
        self.running = false;
        ran
    }

    /// Runs on from the real moment `now`, after a jump to `earliest` that is at most `cap` long.
    ///
    /// Returns whether it stood still before; running time is left as it is.
    pub(super) fn start(&mut self, now: Instant, earliest: Option<Instant>, cap: Duration) -> bool {
        if self.running {
            return false;
        }
        let jump = earliest
            .map_or(Duration::ZERO, |at| {
                at.saturating_duration_since(self.path_zero)
            })
            .min(cap);
        self.path_zero += jump;
        self.real_zero = now;
        self.running = true;
        true
    }
}

/// A runtime that is merely busy serves its timers earlier.
const LATE: Duration = Duration::from_secs(1);
