//! Which address is the client's. Nothing here knows a socket or a clock.

use std::time::{Duration, Instant};

use super::standing::Standing;
use super::trial::{Trial, Tried, is_in_transport};
use crate::auth::{Claim, Verdict, Verifier};
use crate::proxy::{LinkId, Source};

/// What becomes of a packet that is no claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It goes to the transport.
    Pass,
    /// It goes to the transport, and its source is the client's path from here on.
    Promote,
    /// It goes to the transport, and its source is the path from the moment when it opens: call
    /// [`State::handle_tried`], then [`State::handle_opened`].
    Try,
    /// It changes nothing.
    Drop,
}

/// What the data path is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The listening link to read; `None` for all of them, until a client is known. Streams are read
    /// besides.
    pub link: Option<LinkId>,
    /// The client's address.
    pub current: Option<Source>,
    /// The client is silent, and the clock stands still.
    pub dark: bool,
}

/// One issued client's path.
#[derive(Debug)]
pub struct State {
    verifier: Verifier,
    standing: Standing,
    trial: Trial,
    /// The latest claim was that of a client that tries several ways at once.
    races: bool,
    current: Option<Source>,
    link: Option<LinkId>,
    /// The latest stream that made a claim; when a stream is in use it is this one.
    stream: Option<LinkId>,
    dark: bool,
    /// The client was heard on the address in use.
    proved: bool,
    forget_after: Option<Duration>,
    heard_at: Instant,
    promoted_at: Option<Instant>,
    moves: u64,
}

impl State {
    /// No address is known yet. Only the client `client` will be believed.
    pub fn new(client: u64, now: Instant) -> Self {
        Self {
            verifier: Verifier::new(client),
            standing: Standing::default(),
            trial: Trial::default(),
            races: false,
            current: None,
            link: None,
            stream: None,
            dark: false,
            proved: false,
            forget_after: None,
            heard_at: now,
            promoted_at: None,
            moves: 0,
        }
    }

    /// The client's heartbeat timeout, from its greeting on the bus.
    pub fn handle_timeout_known(&mut self, heartbeat_timeout: Duration, now: Instant) {
        // PROTOCOL.md, "The path": after twice the timeout even the address in use needs a claim.
        self.forget_after = Some(heartbeat_timeout * 2);
        self.heard_at = self.heard_at.max(now);
    }

    /// A claim opened. Acknowledge it unless it is refused.
    pub fn handle_claim(&mut self, source: Source, claim: Claim, now: Instant) -> Verdict {
        let verdict = self.handle_stream_claim(source, claim, now);
        if verdict == Verdict::Fresh && self.stream != Some(source.link) {
            // The first claim tells on which of the listening addresses the client comes.
            self.link.get_or_insert(source.link);
        }
        verdict
    }

    /// A packet that is no claim came from a source other than the one in use.
    pub fn handle_packet(&mut self, source: Source, now: Instant) -> Admission {
        if self.current == Some(source) {
            return Admission::Pass;
        }
        if !self.standing.contains(source) {
            return Admission::Drop;
        }
        let stream = self.stream == Some(source.link);
        if self.races && !stream && self.current.is_some() {
            return Admission::Try;
        }
        self.promote(source, now);
        if stream {
            self.choose(source);
        }
        Admission::Promote
    }

    /// `bytes` of a candidate go to the transport.
    pub fn handle_tried(&mut self, source: Source, bytes: usize, now: Instant) {
        self.trial.handle_tried(source, bytes, now);
    }

    /// A packet of the address in use goes to the transport. To be told while [`Self::is_racing`].
    pub fn handle_in_use(&mut self, now: Instant) {
        self.trial.handle_in_use(now);
    }

    /// A packet opened. Returns how much came from a candidate that is the path from here on. To be
    /// told while [`Self::is_racing`].
    pub fn handle_opened(&mut self, now: Instant) -> Option<usize> {
        let Tried { source, bytes } = self.trial.handle_opened()?;
        if self.current == Some(source) || !self.standing.contains(source) {
            return None;
        }
        self.promote(source, now);
        Some(bytes)
    }

    /// What stood in the acknowledgement to `source` came from there: of several ways the client has
    /// chosen this one. Returns whether it is another one than before.
    pub fn handle_chosen(&mut self, source: Source, now: Instant) -> bool {
        if !self.races || !self.standing.contains(source) {
            return false;
        }
        let moved = self.current != Some(source);
        if moved {
            self.promote(source, now);
        }
        self.choose(source);
        moved
    }

    /// A claim opened that was the first frame of a new stream. Acknowledge it, then call
    /// [`Self::handle_stream`], unless it is refused.
    pub fn handle_stream_claim(&mut self, source: Source, claim: Claim, now: Instant) -> Verdict {
        let stands = self.standing.is_by(source, claim.serial);
        let verdict = self.verifier.handle_claim(claim, stands);
        if verdict != Verdict::Fresh {
            return verdict;
        }
        self.races = claim.races();
        match self.races {
            true => self.standing.put(source, claim.serial, self.current, now),
            false => self.standing.put_alone(source, claim.serial, now),
        }
        verdict
    }

    /// The stream was acknowledged. Returns whether it is the client's path from here on.
    ///
    /// PROTOCOL.md, "The path": it replaces a stream at once, since a Go peer that has made one may
    /// wait for us. A path of packets that works gives way only to more than a claim.
    pub fn handle_stream(&mut self, source: Source, now: Instant) -> bool {
        let in_use = self.current.map(|current| current.link);
        let replaces = in_use.is_none() || self.dark || in_use == self.stream;
        if let Some(former) = self.stream.replace(source.link) {
            self.standing.remove_link(former);
        }
        if replaces {
            self.promote(source, now);
        }
        replaces
    }

    /// A stream has ended: what was sent on it last may be lost.
    pub fn handle_stream_ended(&mut self, link: LinkId) {
        self.standing.remove_link(link);
        if self.current.is_some_and(|source| source.link == link) {
            self.current = None;
            self.dark = true;
        }
    }

    /// A packet of the client opened.
    pub fn handle_heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.proved = self.current.is_some();
        // One that came before the address was forgotten brings no path back.
        self.dark &= self.current.is_none();
    }

    /// A packet of the client opened at the moment `at`, which may be long ago.
    pub fn handle_heard_at(&mut self, at: Instant) {
        self.heard_at = self.heard_at.max(at);
    }

    /// The client was silent for its heartbeat timeout.
    pub fn handle_silent(&mut self) {
        self.dark |= self.current.is_some();
    }

    /// Forgets an address that was silent for too long, and candidates that nobody chose.
    pub fn handle_time(&mut self, now: Instant) {
        if self.races {
            self.standing.handle_time(self.current, now);
        }
        if self.forget_at().is_some_and(|at| now >= at) {
            if let Some(silent) = self.current.take() {
                self.standing.remove(silent);
                self.verifier.handle_choice();
            }
            self.dark = true;
        }
    }

    /// When to call [`Self::handle_time`]. Nothing is due while the client is there: its silence is
    /// told first.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let standing = Some(&self.standing).filter(|_| self.races);
        let standing = standing.and_then(|standing| standing.poll_timeout(self.current));
        [self.forget_at(), standing].into_iter().flatten().min()
    }

    /// Who has authenticated, in use or not, the oldest claim first.
    pub fn standing(&self) -> impl Iterator<Item = Source> {
        self.standing.sources()
    }

    /// Whether `source` has authenticated.
    pub fn stands(&self, source: Source) -> bool {
        self.standing.contains(source)
    }

    /// Whether there are candidates beside the address in use.
    pub fn is_racing(&self) -> bool {
        self.races && self.standing().any(|source| Some(source) != self.current)
    }

    /// The latest stream that made a claim, if that still stands.
    pub fn stream(&self) -> Option<Source> {
        self.standing()
            .find(|source| Some(source.link) == self.stream)
    }

    /// Whether what opens at `now` came from the address in use, and neither waited in the transport
    /// since the former one nor came from a candidate.
    pub fn is_settled(&self, now: Instant) -> bool {
        let since = self.promoted_at.filter(|at| is_in_transport(*at, now));
        since.is_none() && !self.trial.is_under_way(now)
    }

    /// Who is the path when a packet opens now.
    pub fn tried(&self) -> Option<Source> {
        self.trial.latest().map(|tried| tried.source)
    }

    /// How often the client came from another address; the first one counts.
    pub fn moves(&self) -> u64 {
        self.moves
    }

    fn forget_at(&self) -> Option<Instant> {
        self.current.filter(|_| self.dark || !self.proved)?;
        Some(self.heard_at + self.forget_after?)
    }

    fn choose(&mut self, source: Source) {
        self.standing.keep_only(source);
        self.verifier.handle_choice();
    }

    fn promote(&mut self, source: Source, now: Instant) {
        // What is on its way from the former address may open yet, until the client has chosen.
        for used in [self.current.replace(source), Some(source)] {
            used.into_iter()
                .for_each(|used| self.standing.handle_used(used, now));
        }
        if self.stream != Some(source.link) {
            self.link = Some(source.link);
        }
        self.dark = false;
        self.proved = false;
        self.heard_at = now;
        self.promoted_at = Some(now);
        self.moves += 1;
    }

    /// What the data path is to do now.
    pub fn plan(&self) -> Plan {
        Plan {
            // One that tries several ways may come to any of our addresses.
            link: self.link.filter(|_| !self.races),
            current: self.current,
            dark: self.dark,
        }
    }
}
