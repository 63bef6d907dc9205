//! Which claims are believed. Nothing here knows a socket or a clock.

use super::seal::{Ack, Claim};
use crate::proxy::Source;

/// What the server makes of a claim that opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A newer attempt than all before: its source is authenticated. Acknowledge.
    Fresh,
    /// The authenticated source repeats itself: the acknowledgement was lost. Acknowledge again.
    Repeated,
    /// Another client's, or a replay. Say nothing.
    Refused,
}

/// The server's side, for one issued client.
#[derive(Debug)]
pub struct Verifier {
    client: u64,
    highest: u64,
    authenticated: Option<Source>,
}

impl Verifier {
    /// Believes only the client with this `ClientID`, and each serial once.
    pub fn new(client: u64) -> Self {
        Self {
            client,
            highest: 0,
            authenticated: None,
        }
    }

    /// Judges a claim that opened under this client's key.
    pub fn handle_claim(&mut self, source: Source, claim: Claim) -> Verdict {
        if claim.id != self.client {
            return Verdict::Refused;
        }
        if claim.serial > self.highest {
            self.highest = claim.serial;
            self.authenticated = Some(source);
            return Verdict::Fresh;
        }
        if claim.serial == self.highest && self.authenticated == Some(source) {
            return Verdict::Repeated;
        }
        Verdict::Refused
    }

    /// Nobody is authenticated any more, until a fresh claim.
    pub fn forget(&mut self) {
        self.authenticated = None;
    }

    /// The source whose claim was the last fresh one.
    pub fn authenticated(&self) -> Option<Source> {
        self.authenticated
    }
}

/// The client's side: numbers its attempts and recognises their acknowledgements.
#[derive(Debug)]
pub struct Challenger {
    client: u64,
    server: u64,
    last: u64,
}

impl Challenger {
    /// The client and the server as named in the server info. The first serial is 1.
    pub fn new(client: u64, server: u64) -> Self {
        Self {
            client,
            server,
            last: 0,
        }
    }

    /// The claim of the next attempt, with a serial above every one so far.
    pub fn next_claim(&mut self) -> Claim {
        self.last = self.last.saturating_add(1);
        self.claim(self.last)
    }

    /// The claim of the attempt `serial`, to be repeated.
    pub fn claim(&self, serial: u64) -> Claim {
        Claim {
            id: self.client,
            serial,
        }
    }

    /// What proves to the server that its acknowledgement arrived (PROTOCOL.md, "Our extensions").
    pub fn confirmation(&self, ack: Ack) -> Claim {
        Claim {
            id: self.server,
            serial: ack.stamp,
        }
    }

    /// The highest serial so far; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Whether `claim` acknowledges the attempt `serial`.
    ///
    /// A higher serial than ours is adopted: the server has seen a later attempt of this client.
    pub fn handle_ack(&mut self, claim: Claim, serial: u64) -> bool {
        // Serials count attempts: one far ahead is no attempt of this client, and would leave none.
        let believable = serial..=self.last.saturating_add(MAX_AHEAD);
        if claim.id != self.server || !believable.contains(&claim.serial) {
            return false;
        }
        self.last = self.last.max(claim.serial);
        claim.serial == serial
    }
}

/// More attempts than a year of retries makes.
const MAX_AHEAD: u64 = 1 << 32;
