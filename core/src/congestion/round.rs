//! A round trip: from a packet's departure to its acknowledgement.

use std::time::Duration;

/// The round trip that is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    /// Counts those in which the sender had enough to send.
    pub(super) number: u64,
    /// It ends with the acknowledgement of what leaves after so many bytes were delivered.
    pub(super) until: u64,
    pub(super) shortest: Option<Duration>,
    pub(super) samples: u32,
    /// The sender had too little to send.
    pub(super) limited: bool,
    /// The same of the one before.
    was_limited: bool,
    /// The window is held low on purpose.
    pub(super) low: bool,
    /// What arrives now left while it was.
    pub(super) was_low: bool,
    /// Since it was held low.
    pub(super) since_low: u32,
}

/// What a round trip was like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) shortest: Option<Duration>,
    pub(super) was_low: bool,
    pub(super) limited: bool,
}

impl Round {
    pub(super) fn handle_sample(&mut self, rtt: Duration) {
        self.shortest = Some(self.shortest.map_or(rtt, |shortest| shortest.min(rtt)));
        self.samples += 1;
    }

    /// The sender has too little to send.
    pub(super) fn is_limited(&self) -> bool {
        self.limited || self.was_limited
    }

    /// The next one begins, with so many bytes `delivered` until now.
    pub(super) fn end(&mut self, delivered: u64) -> Ended {
        let ended = Ended {
            shortest: self.shortest.take(),
            was_low: self.was_low,
            limited: self.limited,
        };
        self.until = delivered;
        self.samples = 0;
        self.was_limited = std::mem::take(&mut self.limited);
        self.was_low = std::mem::take(&mut self.low);
        if !ended.limited {
            self.number += 1;
            self.since_low = match self.was_low {
                true => 0,
                false => self.since_low + 1,
            };
        }
        ended
    }
}
