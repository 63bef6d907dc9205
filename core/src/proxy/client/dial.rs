//! Streams that are being made, until one of them is the path. Nothing here reads a clock.
//!
//! A system repeats the first packet of a connection only after a second, and then more and more
//! rarely: so another one is begun before, and the first that stands makes the claim.

use std::time::{Duration, Instant};

use super::exchange::{Carrier, Output, Trigger, Way};
use crate::auth::Challenger;
use crate::proxy::LinkId;

/// An attempt at a path over a stream.
#[derive(Debug)]
pub(super) struct Dial {
    calls: Vec<Call>,
    next_call: Instant,
    /// No other connection claims before.
    answer_by: Option<Instant>,
    /// How long the answer to the next claim may take: twice as long as that to the one before.
    patience: Duration,
    /// Calls that came to nothing, up to [`MAX_DOUBLED`].
    failures: u32,
    /// How many calls were begun: each has the next one of the server's addresses.
    turn: usize,
    /// The attempt may end at this moment, if the path in use answers.
    pub(super) until: Instant,
    /// The peer was heard since this attempt began: the path in use still answers.
    pub(super) heard: bool,
    /// The hint it was begun for, the first one of several.
    pub(super) cause: Option<Trigger>,
}

/// One connection.
#[derive(Debug)]
struct Call {
    link: LinkId,
    address: usize,
    stands: bool,
    /// The serial of the claim that was made on it.
    claimed: Option<u64>,
    until: Instant,
}

/// What a dial may use.
pub(super) struct Line<'a> {
    pub(super) challenger: &'a mut Challenger,
    pub(super) links_made: &'a mut u64,
    /// Between two calls.
    pub(super) every: Duration,
    /// Whether data follow the claim at once.
    pub(super) early: bool,
    /// How many addresses the server has, and the first to be tried.
    pub(super) addresses: usize,
    pub(super) home: usize,
}

impl Dial {
    /// The first call is due at `at`.
    /// The answer to a claim may take `patience`.
    pub(super) fn new(
        at: Instant,
        until: Instant,
        cause: Option<Trigger>,
        patience: Duration,
    ) -> Self {
        Self {
            calls: Vec::new(),
            next_call: at,
            answer_by: None,
            patience,
            failures: 0,
            turn: 0,
            until,
            heard: false,
            cause,
        }
    }

    /// Another call is due at `at`.
    pub(super) fn hurry(&mut self, at: Instant) {
        self.failures = 0;
        if self.calls.len() < MAX_CALLS {
            self.next_call = self.next_call.min(at);
        }
    }

    /// Calls from an address that the system would not choose any more come to nothing.
    pub(super) fn handle_outdated(&mut self, at: Instant) {
        self.calls.clear();
        self.next_call = at;
    }

    /// The connection stands.
    pub(super) fn handle_stands(&mut self, link: LinkId) {
        if let Some(call) = self.calls.iter_mut().find(|call| call.link == link) {
            call.stands = true;
        }
    }

    /// The connection came to nothing, or was not begun. Returns whether it is one of these.
    pub(super) fn handle_failed(&mut self, link: LinkId, now: Instant) -> bool {
        let before = self.calls.len();
        self.calls.retain(|call| call.link != link);
        let ours = self.calls.len() < before;
        if ours {
            self.failures = (self.failures + 1).min(MAX_DOUBLED);
            self.next_call = now + CALM_FAILED * (1 << (self.failures - 1));
        }
        ours
    }

    /// The next thing to do at `now`.
    pub(super) fn poll_output(&mut self, line: Line<'_>, now: Instant) -> Option<Output> {
        self.calls.retain(|call| now < call.until);
        let waits = self.waits(now);
        if !waits && let Some(call) = self.calls.iter_mut().find(|call| call.is_ready()) {
            let claim = line.challenger.next_claim();
            call.claimed = Some(claim.serial);
            self.answer_by = Some(now + self.patience);
            call.until = call.until.max(now + self.patience);
            self.patience = (self.patience * 2).min(ANSWER_LAST);
            let (link, early) = (call.link, line.early);
            return Some(Output::Claim { link, claim, early });
        }
        if waits || now < self.next_call || self.calls.len() >= MAX_CALLS {
            return None;
        }
        *line.links_made += 1;
        let link = LinkId(*line.links_made);
        let address = (line.home + self.turn) % line.addresses.max(1);
        self.turn = self.turn.wrapping_add(1);
        self.next_call = now + line.every;
        self.calls.push(Call {
            link,
            address,
            stands: false,
            claimed: None,
            until: now + LIFE,
        });
        let interface = 0;
        Some(Output::Bind {
            link,
            way: Way { address, interface },
            carrier: Carrier::Stream,
        })
    }

    /// When to call [`Self::poll_output`] again.
    pub(super) fn poll_timeout(&self) -> Instant {
        let answer = self.answer_by.filter(|_| self.claimed().next().is_some());
        let calls = self.calls.iter().map(|call| call.until).min();
        let next = match self.calls.len() < MAX_CALLS {
            true => Some(answer.map_or(self.next_call, |answer| answer.max(self.next_call))),
            false => None,
        };
        // A call that stands and waits for its turn to claim.
        let turn = answer.filter(|_| self.calls.iter().any(Call::is_ready));
        let due = [calls, next, turn].into_iter().flatten().min();
        due.unwrap_or(self.next_call)
    }

    /// The serial of the claim that was made on `link`.
    pub(super) fn serial(&self, link: LinkId) -> Option<u64> {
        let call = self.calls.iter().find(|call| call.link == link)?;
        call.claimed
    }

    /// Whether a claim was made with a serial above this one.
    pub(super) fn claimed_after(&self, serial: u64) -> bool {
        let mut claims = self.calls.iter().filter_map(|call| call.claimed);
        claims.any(|claimed| claimed > serial)
    }

    /// Which of the server's addresses `link` goes to.
    pub(super) fn address(&self, link: LinkId) -> Option<usize> {
        let call = self.calls.iter().find(|call| call.link == link)?;
        Some(call.address)
    }

    /// The connections on which a claim was made, the latest first: an answer may come on each.
    pub(super) fn claimed(&self) -> impl Iterator<Item = LinkId> {
        let claimed = self
            .calls
            .iter()
            .rev()
            .filter(|call| call.claimed.is_some());
        claimed.map(|call| call.link)
    }

    /// The connections that are made and not used yet.
    pub(super) fn unused(&self) -> impl Iterator<Item = LinkId> {
        let unused = self.calls.iter().filter(|call| call.claimed.is_none());
        unused.map(|call| call.link)
    }

    /// The latest connection.
    pub(super) fn newest(&self) -> Option<LinkId> {
        self.calls.last().map(|call| call.link)
    }

    /// Whether an answer may still come.
    fn waits(&self, now: Instant) -> bool {
        let claimed = self.claimed().next().is_some();
        claimed && self.answer_by.is_some_and(|at| now < at)
    }
}

impl Call {
    fn is_ready(&self) -> bool {
        self.stands && self.claimed.is_none()
    }
}

/// Connections under way at once: a call every 400 ms that lives for three seconds.
const MAX_CALLS: usize = 8;

/// How long a connection may take to be made. The system repeats its first packet after one second.
const LIFE: Duration = Duration::from_secs(3);

/// A path that answers later than this is of no use to anybody.
const ANSWER_LAST: Duration = Duration::from_secs(10);

/// After a connection that failed, and twice as long after each further one.
const CALM_FAILED: Duration = Duration::from_millis(250);

/// Up to four seconds.
const MAX_DOUBLED: u32 = 5;
