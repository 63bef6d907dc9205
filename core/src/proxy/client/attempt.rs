//! A path that is being tried, and one whose acknowledgement still needs its proof.

use std::time::{Duration, Instant};

use super::exchange::{Carrier, Trigger, Way};
use crate::auth::Claim;
use crate::proxy::LinkId;

/// An attempt at a new path.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) link: LinkId,
    pub(super) way: Way,
    /// 0 until it is begun.
    pub(super) serial: u64,
    pub(super) bound: bool,
    pub(super) next_claim: Instant,
    pub(super) claimed_at: Option<Instant>,
    /// Given up, for a new local port, at this moment.
    pub(super) until: Instant,
    /// The peer was heard since this attempt began: the path in use still answers.
    pub(super) heard: bool,
    /// The hint it was begun for, the first one of several.
    pub(super) cause: Option<Trigger>,
    /// It only looks whether UDP passes, while a stream serves.
    pub(super) probe: bool,
}

impl Attempt {
    /// A new local port, to be bound at `at`.
    pub(super) fn new(link: LinkId, at: Instant, until: Instant, cause: Option<Trigger>) -> Self {
        Self {
            link,
            way: Way::default(),
            serial: 0,
            bound: false,
            next_claim: at,
            claimed_at: None,
            until,
            heard: false,
            cause,
            probe: false,
        }
    }

    /// The next claim is due at `at`, or a little later if one was just made: a paste of many pieces
    /// is no flood of claims.
    pub(super) fn hurry(&mut self, at: Instant) {
        let earliest = self.claimed_at.map_or(at, |last| at.max(last + BREATH));
        self.next_claim = self.next_claim.min(earliest);
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        match self.serial {
            0 => self.next_claim,
            _ if self.bound => self.next_claim.min(self.until),
            _ => self.until,
        }
    }
}

/// A path that the server acknowledged.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) link: LinkId,
    pub(super) carrier: Carrier,
    /// The peer was heard on it.
    pub(super) proved: bool,
    /// Until it is heard, or given up.
    pub(super) trial: Option<Trial>,
}

/// What is done for the proof of a path.
#[derive(Debug)]
pub(super) struct Trial {
    /// What answers the acknowledgement, for a server that limits unproved addresses.
    pub(super) confirmation: Option<Claim>,
    /// Whether it was said before the next dummy.
    pub(super) confirmed: bool,
    pub(super) next_dummy: Instant,
    /// A path on which nothing was heard until this moment is no path.
    pub(super) until: Instant,
}

impl Trial {
    pub(super) fn poll_timeout(&self) -> Instant {
        self.next_dummy.min(self.until)
    }
}

/// Between two claims of one attempt, whatever happens.
const BREATH: Duration = Duration::from_millis(20);
