//! What others may know of the client's state, and what it wants of the data path.

use std::time::{Duration, Instant};

use super::dial::Dial;
use super::exchange::Plan;
use super::state::State;
use crate::proxy::LinkId;

impl State {
    /// How long to wait for an answer before [`Unanswered`](super::Trigger::Unanswered), at this
    /// round trip time.
    pub fn patience(&self, rtt: Option<Duration>, now: Instant) -> Duration {
        self.patience.wait(rtt, now)
    }

    /// What the data path is to do.
    pub fn plan(&self) -> Plan {
        let attempt = self.attempt.as_ref().filter(|attempt| attempt.bound);
        let attempt = attempt.map(|attempt| attempt.link);
        let dial = self.dial.iter();
        let claimed: Vec<_> = dial.clone().flat_map(Dial::claimed).collect();
        let current = self.current.as_ref().map(|current| current.link);
        let former = self.former.map(|(link, _)| link);
        // Data on a second stream would make the server switch to and fro.
        let early = claimed.first().filter(|_| self.sends_early_on_streams());
        let tried = attempt.or_else(|| early.copied()).filter(|_| self.suspect);
        let sure = current.filter(|_| !self.dark);
        let beside = self.race.early().filter(|_| self.is_racing());
        let links = [current, attempt].into_iter().flatten();
        let links = links.chain(self.race.links());
        Plan {
            links: links.chain(claimed).chain(former).collect(),
            waiting: dial.flat_map(Dial::unused).collect(),
            send: [sure, tried].into_iter().flatten().chain(beside).collect(),
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
        self.attempt.is_some() || self.dial.is_some()
    }

    /// The link that is being tried, or else the one in use.
    pub fn newest(&self) -> Option<LinkId> {
        let attempt = self.attempt.as_ref().filter(|attempt| attempt.bound);
        attempt
            .map(|attempt| attempt.link)
            .or_else(|| self.dial.as_ref().and_then(Dial::newest))
            .or_else(|| self.current.as_ref().map(|current| current.link))
    }

    /// Which of the server's addresses the next attempt is for.
    pub fn address(&self) -> usize {
        self.servers.current()
    }

    /// Whether the path in use is thought to be dead.
    pub fn is_suspect(&self) -> bool {
        self.suspect
    }
}
