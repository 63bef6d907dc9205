//! When a segment counts as lost, and when nobody can know.

use std::time::{Duration, Instant};

use super::{Fate, Flight, Segment, Sender, ahead};

/// What became of segments since somebody asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The peer acknowledged them.
    pub(crate) arrived: u64,
    /// They did not arrive in time, on a path that was not dead.
    pub(crate) lost: u64,
}

impl Sender {
    /// What became of segments since the last call.
    pub(in crate::arq) fn take_outcome(&mut self) -> Outcome {
        std::mem::take(&mut self.outcome)
    }

    /// Gives up on transmissions that others have overtaken, by too many or for too long.
    pub(super) fn find_lost(&mut self, now: Instant) {
        let patience = self.rtt.patience();
        while let Some((flight, sent_at)) = self.first_flight() {
            let overtaken = flight.order + self.disorder <= self.arrived;
            let late = flight.order < self.arrived && sent_at + patience <= now;
            if !overtaken && !late {
                return;
            }
            self.give_up(flight);
            let at = ahead(self.una, flight.sn) as usize;
            self.sent[at].missed += 1;
            let len = self.sent[at].len();
            self.congestion.handle_lost(sent_at, len as u64, now);
            self.outcome.lost += 1;
        }
    }

    /// The oldest transmission in flight.
    fn first_flight(&mut self) -> Option<(Flight, Instant)> {
        while let Some(flight) = self.flights.front().copied() {
            let at = usize::try_from(ahead(self.una, flight.sn)).ok();
            let segment = at.and_then(|at| self.sent.get(at));
            match segment {
                Some(segment) if segment.fate == Fate::Flying && segment.order == flight.order => {
                    return Some((flight, segment.sent_at));
                }
                _ => self.flights.pop_front(),
            };
        }
        None
    }

    fn give_up(&mut self, flight: Flight) {
        self.flights.pop_front();
        let at = ahead(self.una, flight.sn) as usize;
        if ahead(self.lost_from, flight.sn) < 0 {
            self.lost_from = flight.sn;
        }
        if let Some(segment) = self.sent.get_mut(at) {
            segment.fate = Fate::Lost;
            self.flying -= segment.len();
            self.lost += 1;
        }
    }

    /// When [`Self::handle_timeout`] has something to do; `None` while nothing is in flight.
    pub(in crate::arq) fn timeout(&mut self) -> Option<Instant> {
        let (flight, sent_at) = self.first_flight()?;
        let since = self.timed_out_at.map_or(sent_at, |at| at.max(sent_at));
        let mut at = since + self.timeout_now();
        if flight.order < self.arrived {
            at = at.min(sent_at + self.rtt.patience());
        }
        Some(at)
    }

    fn timeout_now(&self) -> Duration {
        let mut wait = self.rtt.timeout();
        for _ in 0..self.timeouts.min(MOST_BACK_OFF) {
            wait += wait / 2;
        }
        wait.min(MOST_WAIT.max(self.rtt.timeout()))
    }

    /// Gives up on what has waited for too long: a few segments, which find out what became of the others.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.find_lost(now);
        let Some((_, sent_at)) = self.first_flight() else {
            return;
        };
        let since = self.timed_out_at.map_or(sent_at, |at| at.max(sent_at));
        if now < since + self.timeout_now() {
            return;
        }
        self.timeouts += 1;
        self.timed_out_at = Some(now);
        for probe in 0..PROBES {
            match self.first_flight() {
                Some((flight, sent_at)) if sent_at < now => {
                    self.give_up(flight);
                    // One is known to be late; the others are a guess.
                    self.outcome.lost += u64::from(probe == 0);
                }
                Some(_) | None => break,
            }
        }
        self.credit = PROBES;
    }

    /// The path was dead and is back: nothing that was in flight arrives any more.
    pub(in crate::arq) fn handle_path_back(&mut self) {
        self.timeouts = 0;
        let overdue: usize = self.sent.iter().map(Segment::len).sum();
        self.amnesty = (overdue + FRESH) as u64;
        while let Some((flight, _)) = self.first_flight() {
            self.give_up(flight);
        }
    }

    /// The clock stood still and runs again, from `now` on: what was sent meanwhile was sent now, as far as
    /// can be known.
    pub(in crate::arq) fn handle_clock_back(&mut self, now: Instant) {
        self.timed_out_at = None;
        for segment in &mut self.sent {
            segment.sent_at = now;
            segment.first_at = now;
            segment.vague = true;
        }
    }
}

/// Segments that are sent again when nothing is heard.
const PROBES: usize = 3;

/// Bytes that are new when a path is back: what somebody typed.
const FRESH: usize = 4096;

/// Half as much again each time: eleven times as long at last.
const MOST_BACK_OFF: u32 = 6;

/// A path that comes back before it is known to be dead is found within this.
const MOST_WAIT: Duration = Duration::from_millis(400);
