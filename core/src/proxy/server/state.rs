//! Which address is the client's. Nothing here knows a socket or a clock.

use std::time::{Duration, Instant};

use crate::auth::{Claim, Verdict, Verifier};
use crate::proxy::{LinkId, Source};

/// What becomes of a packet that is no claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It goes to the transport.
    Pass,
    /// It goes to the transport, and its source is the client's path from here on.
    Promote,
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
    pub fn handle_claim(&mut self, source: Source, claim: Claim) -> Verdict {
        let verdict = self.verifier.handle_claim(source, claim);
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
        if self.verifier.authenticated() != Some(source) {
            return Admission::Drop;
        }
        self.promote(source, now);
        Admission::Promote
    }

    /// A claim opened that was the first frame of a new stream. Acknowledge it, then call
    /// [`Self::handle_stream`], unless it is refused.
    pub fn handle_stream_claim(&mut self, source: Source, claim: Claim) -> Verdict {
        self.verifier.handle_claim(source, claim)
    }

    /// The stream was acknowledged. Returns whether it is the client's path from here on.
    ///
    /// PROTOCOL.md, "The path": it replaces a stream at once, since a Go peer that has made one may
    /// wait for us. A path of packets that works gives way only to more than a claim.
    pub fn handle_stream(&mut self, source: Source, now: Instant) -> bool {
        let in_use = self.current.map(|current| current.link);
        let replaces = in_use.is_none() || self.dark || in_use == self.stream;
        self.stream = Some(source.link);
        if replaces {
            self.promote(source, now);
        }
        replaces
    }

    /// A stream has ended: what was sent on it last may be lost.
    pub fn handle_stream_ended(&mut self, link: LinkId) {
        if self
            .verifier
            .authenticated()
            .is_some_and(|source| source.link == link)
        {
            self.verifier.forget();
        }
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

    /// Forgets an address that was silent for too long.
    pub fn handle_time(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| now >= at) {
            if self.verifier.authenticated() == self.current {
                self.verifier.forget();
            }
            self.current = None;
            self.dark = true;
        }
    }

    /// When to call [`Self::handle_time`]. Nothing is due while the client is there: its silence is
    /// told first.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.current.filter(|_| self.dark || !self.proved)?;
        Some(self.heard_at + self.forget_after?)
    }

    /// The source that has authenticated last, in use or not.
    pub fn authenticated(&self) -> Option<Source> {
        self.verifier.authenticated()
    }

    /// Since when the address in use is the client's.
    pub fn promoted_at(&self) -> Option<Instant> {
        self.promoted_at
    }

    /// How often the client came from another address; the first one counts.
    pub fn moves(&self) -> u64 {
        self.moves
    }

    fn promote(&mut self, source: Source, now: Instant) {
        self.current = Some(source);
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
            link: self.link,
            current: self.current,
            dark: self.dark,
        }
    }
}
