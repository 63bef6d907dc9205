//! Which claims are believed. Nothing here knows a socket or a clock.

use super::seal::{Ack, Claim};

/// What the server makes of a claim that opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An attempt that was not seen before: its source is authenticated. Acknowledge.
    Fresh,
    /// The authenticated source repeats itself: the acknowledgement was lost. Acknowledge again.
    Repeated,
    /// Another client's, or a replay. Say nothing.
    Refused,
}

/// The server's side, for one issued client: each serial counts once.
#[derive(Debug)]
pub struct Verifier {
    client: u64,
    highest: u64,
    /// Bit n: the serial `highest - 1 - n` of a race was not seen, and may have been overtaken.
    missing: u8,
}

impl Verifier {
    /// Believes only the client with this `ClientID`.
    pub fn new(client: u64) -> Self {
        Self {
            client,
            highest: 0,
            missing: 0,
        }
    }

    /// Judges a claim that opened under this client's key. It `stands` when its source has made the
    /// same one before, and is authenticated by it.
    pub fn handle_claim(&mut self, claim: Claim, stands: bool) -> Verdict {
        if claim.id != self.client {
            return Verdict::Refused;
        }
        if stands {
            return Verdict::Repeated;
        }
        match self.take(claim) {
            true => Verdict::Fresh,
            false => Verdict::Refused,
        }
    }

    /// A race is over: no serial below the highest one counts any more.
    pub fn handle_choice(&mut self) {
        self.missing = 0;
    }

    fn take(&mut self, claim: Claim) -> bool {
        let serial = claim.serial;
        if claim.races() {
            self.highest = self.highest.max(RACING);
        }
        if serial > self.highest {
            let skipped = serial - self.highest - 1;
            self.missing = match u32::try_from(skipped) {
                _ if !claim.races() => 0,
                // All those between, and those before that still fit.
                Ok(skipped) if skipped < u8::BITS => {
                    let before = self.missing.checked_shl(skipped + 1).unwrap_or(0);
                    before | ((1 << skipped) - 1)
                }
                _ => u8::MAX,
            };
            self.highest = serial;
            return true;
        }
        let behind = (self.highest - serial).checked_sub(1);
        let bit = behind.and_then(|behind| 1_u8.checked_shl(u32::try_from(behind).ok()?));
        let overtaken = bit.filter(|bit| self.missing & bit != 0);
        self.missing &= !overtaken.unwrap_or(0);
        overtaken.is_some()
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

    /// The same for a client that tries several ways at once, towards a server that knows of it.
    pub fn racing(client: u64, server: u64) -> Self {
        Self {
            last: RACING,
            ..Self::new(client, server)
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

    /// What is asked on a path that stands: no attempt has its serial (PROTOCOL.md, "Our extensions").
    pub fn question(&self) -> Claim {
        self.claim(QUESTION)
    }

    /// Whether `claim` answers [`Self::question`].
    pub fn is_answer(&self, claim: Claim) -> bool {
        claim.id == self.server && claim.serial == QUESTION
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

    /// Whether the server has seen a later attempt than `serial`, as `claim` says that was asked about
    /// before.
    pub fn is_overtaken(&self, claim: Claim, serial: u64) -> bool {
        claim.id == self.server && (serial.saturating_add(1)..=self.last).contains(&claim.serial)
    }
}

impl Claim {
    /// Whether it is a question: it changes nothing and is answered as it came.
    pub fn asks(self) -> bool {
        self.serial == QUESTION
    }

    /// Whether it is one of several that may stand side by side (PROTOCOL.md, "Our extensions").
    pub fn races(self) -> bool {
        self.serial > RACING
    }
}

/// Attempts are counted from one.
const QUESTION: u64 = 0;

/// No client that counts its attempts from one comes so far.
const RACING: u64 = 1 << 63;

/// More attempts than a year of retries makes.
const MAX_AHEAD: u64 = 1 << 32;
