//! When the client tries a new path, and which one it uses. Nothing here knows a socket or a clock.

use std::time::{Duration, Instant};

use super::config::Timing;
use crate::auth::{Challenger, Claim};
use crate::proxy::LinkId;

/// Why the path in use may have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A timer of our own fired late, or boot time ran ahead of monotonic time: the machine slept.
    Woke,
    /// The system told of another address or route; the address in use is still there.
    NetworkChanged,
    /// The address in use is gone.
    AddressGone,
    /// The socket of the path refuses to send.
    SendFailed,
    /// Something was sent, and no answer came in a round trip and a little more.
    Unanswered,
    /// The peer was silent for the heartbeat timeout.
    Silent,
}

/// What the actor is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Bind a new local port under this name and answer with `handle_bound`.
    Bind {
        /// The name of the new link.
        link: LinkId,
        /// Which of the server's addresses to try, modulo their number.
        address: usize,
    },
    /// Send this claim on that link; `early` data behind it lets the server switch at once.
    Claim {
        /// The link of the attempt.
        link: LinkId,
        /// What to say.
        claim: Claim,
        /// Whether the packets that wait for an answer follow.
        early: bool,
    },
    /// Send a dummy packet: the server believes the new path on the first packet that is no claim.
    Dummy {
        /// The path in use.
        link: LinkId,
    },
}

/// What the data path is to do, as names of links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The links to read; all others are closed.
    pub links: Vec<LinkId>,
    /// Where packets go.
    pub send: Vec<LinkId>,
    /// Whether the path is known to be dead, and the clock stands still.
    pub dark: bool,
}

/// An attempt at a new path.
#[derive(Debug)]
struct Candidate {
    link: LinkId,
    serial: u64,
    bound: bool,
    next_claim: Instant,
    /// Given up, for a new local port, at this moment.
    until: Instant,
    /// The peer was heard since this attempt began: the path in use still answers.
    heard: bool,
}

/// A path that the server knows.
#[derive(Debug)]
struct Current {
    link: LinkId,
    /// The claim that answers the acknowledgement, for a server that limits unproved addresses.
    confirmation: Option<Claim>,
    /// The same, to be said again with the next dummy.
    repeat: Option<Claim>,
    /// The peer was heard since the server was told of this path.
    proved: bool,
    next_dummy: Instant,
}

/// One client's path: the link in use, the one before it, and the one that is being tried.
#[derive(Debug)]
pub struct State {
    timing: Timing,
    challenger: Challenger,
    links_made: u64,
    current: Option<Current>,
    former: Option<(LinkId, Instant)>,
    candidate: Option<Candidate>,
    /// The path in use is thought to be dead: packets go along the candidate too.
    suspect: bool,
    dark: bool,
    /// Since when there is no path that answers.
    lost_at: Option<Instant>,
    /// Attempts are made often until this moment.
    eager_until: Instant,
    /// The next attempt is not made before.
    calm_until: Instant,
    /// How often in a row a missing answer led to nothing: patience doubles.
    false_alarms: u32,
    address: usize,
}

impl State {
    /// Without a path; the first attempt is due at `now`.
    pub fn new(challenger: Challenger, timing: Timing, now: Instant) -> Self {
        let mut state = Self {
            timing,
            challenger,
            links_made: 0,
            current: None,
            former: None,
            candidate: None,
            suspect: true,
            dark: false,
            lost_at: Some(now),
            eager_until: now + EAGER,
            calm_until: now,
            false_alarms: 0,
            address: 0,
        };
        state.begin(now);
        state
    }

    /// Something hints that the path in use has ended.
    pub fn handle_trigger(&mut self, trigger: Trigger, now: Instant) {
        match trigger {
            Trigger::NetworkChanged => {}
            Trigger::Unanswered => {
                self.false_alarms = (self.false_alarms + 1).min(MAX_FALSE_ALARMS);
                self.suspect(now);
            }
            Trigger::Silent => {
                self.suspect(now);
                // A connection that was never up has timers of its own to live by.
                self.dark |= self.current.is_some();
            }
            Trigger::Woke | Trigger::AddressGone | Trigger::SendFailed => self.suspect(now),
        }
        self.eager_until = now + EAGER;
        let Some(candidate) = &mut self.candidate else {
            self.begin(now.max(self.calm_until));
            return;
        };
        match trigger {
            Trigger::Woke | Trigger::NetworkChanged | Trigger::AddressGone => {
                // The attempt under way may be bound to the former network.
                candidate.until = candidate.until.min(now.max(self.calm_until));
                candidate.heard = false;
                candidate.next_claim = candidate.next_claim.min(now);
            }
            Trigger::Silent | Trigger::Unanswered => {
                candidate.next_claim = candidate.next_claim.min(now);
            }
            // A link that refuses to send is not asked again at once.
            Trigger::SendFailed => {}
        }
    }

    /// The user typed, or something else was sent that is worth an attempt of its own.
    pub fn handle_typed(&mut self, now: Instant) {
        if !self.suspect {
            return;
        }
        self.eager_until = now + EAGER;
        if let Some(candidate) = &mut self.candidate {
            candidate.next_claim = candidate.next_claim.min(now);
        }
    }

    /// The actor bound `link`, or could not.
    pub fn handle_bound(&mut self, link: LinkId, bound: bool, now: Instant) {
        let interval = self.interval(now);
        let Some(candidate) = self
            .candidate
            .as_mut()
            .filter(|candidate| candidate.link == link)
        else {
            return;
        };
        candidate.bound = bound;
        candidate.next_claim = now;
        if !bound {
            // No route, no address: the system tells of a change, and a try now and then costs little.
            candidate.until = now + interval;
        }
    }

    /// A packet of the server acknowledges an attempt. Returns whether the path changed.
    pub fn handle_ack(&mut self, link: LinkId, claim: Claim, now: Instant) -> bool {
        let Some(candidate) = self
            .candidate
            .as_mut()
            .filter(|candidate| candidate.link == link)
        else {
            return false;
        };
        if !self.challenger.handle_ack(claim, candidate.serial) {
            if self.challenger.last() > candidate.serial {
                candidate.serial = self.challenger.next_claim().serial;
                candidate.next_claim = now;
            }
            return false;
        }
        self.candidate = None;
        let confirmation = self.timing.confirm.then(|| self.challenger.next_claim());
        let fresh = Current {
            link,
            confirmation,
            repeat: None,
            proved: false,
            next_dummy: now,
        };
        let former = self.current.replace(fresh);
        self.former = former.map(|former| (former.link, now + LINGER));
        self.suspect = false;
        self.dark = false;
        self.lost_at = None;
        self.calm_until = now + CALM;
        true
    }

    /// A packet of the peer opened.
    pub fn handle_heard(&mut self, now: Instant) {
        self.dark = false;
        self.lost_at = None;
        self.false_alarms = 0;
        if let Some(current) = &mut self.current {
            current.proved = true;
        }
        if let Some(candidate) = &mut self.candidate {
            candidate.heard = true;
        }
        // The attempt goes on: with early data behind its claim the server may have switched.
        self.suspect &= self.candidate.is_some();
        self.drop_former(now);
    }

    /// The next thing to do at `now`. Call until `None`, then wait for [`Self::poll_timeout`].
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        self.drop_former(now);
        let interval = self.interval(now);
        if let Some(candidate) = self
            .candidate
            .as_ref()
            .filter(|candidate| now >= candidate.until)
        {
            if candidate.heard && self.current.is_some() {
                self.candidate = None;
                self.suspect = false;
            } else {
                self.begin(now);
            }
        }
        if let Some(candidate) = &mut self.candidate {
            if candidate.serial == 0 && now >= candidate.next_claim {
                candidate.serial = self.challenger.next_claim().serial;
                return Some(Output::Bind {
                    link: candidate.link,
                    address: self.address,
                });
            }
            if candidate.bound && now >= candidate.next_claim {
                candidate.next_claim = now + interval;
                return Some(Output::Claim {
                    link: candidate.link,
                    claim: self.challenger.claim(candidate.serial),
                    early: self.suspect,
                });
            }
        }
        if let Some(current) = self.current.as_mut().filter(|current| !current.proved)
            && now >= current.next_dummy
        {
            let link = current.link;
            if let Some(claim) = current.confirmation.take() {
                current.repeat = Some(claim);
                return Some(Output::Claim {
                    link,
                    claim,
                    early: false,
                });
            }
            current.confirmation = current.repeat;
            current.next_dummy = now + REPEAT;
            return Some(Output::Dummy { link });
        }
        None
    }

    /// When to call [`Self::poll_output`] again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let candidate = self
            .candidate
            .as_ref()
            .map(|candidate| match candidate.serial {
                0 => candidate.next_claim,
                _ if candidate.bound => candidate.next_claim.min(candidate.until),
                _ => candidate.until,
            });
        let dummy = self
            .current
            .as_ref()
            .filter(|current| !current.proved)
            .map(|current| current.next_dummy);
        let former = self.former.map(|(_, until)| until);
        [candidate, dummy, former].into_iter().flatten().min()
    }

    /// How long to wait for an answer before [`Trigger::Unanswered`], at this round trip time.
    pub fn patience(&self, rtt: Option<Duration>) -> Duration {
        let rtt = rtt.unwrap_or(UNKNOWN_RTT);
        (rtt + rtt / 4 + ANSWER_SLACK) * (1 << self.false_alarms)
    }

    /// What the data path is to do now.
    pub fn plan(&self) -> Plan {
        let candidate = self.candidate.as_ref().filter(|candidate| candidate.bound);
        let candidate = candidate.map(|candidate| candidate.link);
        let current = self.current.as_ref().map(|current| current.link);
        let former = self.former.map(|(link, _)| link);
        let tried = candidate.filter(|_| self.suspect);
        let send = if self.dark {
            Vec::new()
        } else {
            [current, tried].into_iter().flatten().collect()
        };
        Plan {
            links: [current, candidate, former].into_iter().flatten().collect(),
            send,
            dark: self.dark,
        }
    }

    /// Since when no path answers; `None` while one does.
    pub fn lost_at(&self) -> Option<Instant> {
        self.lost_at
    }

    /// Whether the peer was heard on the path in use.
    pub fn proved(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.proved)
    }

    /// Whether a new path is being tried.
    pub fn is_trying(&self) -> bool {
        self.candidate.is_some()
    }

    fn suspect(&mut self, now: Instant) {
        self.suspect = true;
        self.lost_at.get_or_insert(now);
    }

    /// Starts an attempt with a new local port, at `at`.
    fn begin(&mut self, at: Instant) {
        // An attempt that stayed without an answer is a reason to try the server's next address.
        if self.candidate.as_ref().is_some_and(|former| former.bound) {
            self.address = self.address.wrapping_add(1);
        }
        self.links_made += 1;
        self.candidate = Some(Candidate {
            link: LinkId(self.links_made),
            serial: 0,
            bound: false,
            next_claim: at,
            until: at + self.timing.attempt,
            heard: false,
        });
        let calm = if self.suspect { HASTE } else { CALM };
        self.calm_until = self.calm_until.max(at + calm);
    }

    fn interval(&self, now: Instant) -> Duration {
        if now < self.eager_until {
            return self.timing.retry;
        }
        let since = self
            .lost_at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        BACK_OFF
            .iter()
            .find(|(up_to, _)| since < *up_to)
            .map_or(SLOWEST, |(_, interval)| *interval)
            .max(self.timing.retry)
    }

    fn drop_former(&mut self, now: Instant) {
        self.former.take_if(|(_, until)| now >= *until);
    }
}

/// After a hint, attempts are made at the full rate for so long.
const EAGER: Duration = Duration::from_secs(20);

/// Attempts with a new port are at least so far apart: a burst of route messages is one change.
const CALM: Duration = Duration::from_millis(150);

/// The same while no path answers: an address comes first, its route a moment later.
const HASTE: Duration = Duration::from_millis(20);

/// Packets on their way along the former path are still read for so long.
const LINGER: Duration = Duration::from_secs(2);

/// PROTOCOL.md, "The path": a dummy every 100 ms until the peer is heard on a new path.
const REPEAT: Duration = Duration::from_millis(100);

/// Assumed before there is a sample.
const UNKNOWN_RTT: Duration = Duration::from_millis(300);

/// The peer's scheduling and delayed acknowledgement (25 ms in QUIC).
const ANSWER_SLACK: Duration = Duration::from_millis(35);

/// Patience grows at most to 16 times.
const MAX_FALSE_ALARMS: u32 = 4;

/// How often to try, by the length of the outage: a battery pays for every attempt.
const BACK_OFF: [(Duration, Duration); 2] = [
    (Duration::from_secs(120), Duration::from_millis(50)),
    (Duration::from_secs(900), Duration::from_millis(250)),
];

/// After a quarter of an hour. A notice of the system or a key makes it at once again.
const SLOWEST: Duration = Duration::from_secs(1);
