//! What hints that the path in use has ended, and how eagerly another is looked for then.

use std::time::{Duration, Instant};

use super::config::Carriers;
use super::exchange::Trigger;
use super::state::{EAGER, State};
use super::streams::CALL;
use crate::proxy::LinkId;

impl State {
    /// Something hints that the path in use has ended.
    pub fn handle_trigger(&mut self, trigger: Trigger, now: Instant) {
        match trigger {
            // A link that refuses to send says so at each packet: once is enough.
            Trigger::SendFailed if self.suspect => return,
            Trigger::NetworkChanged | Trigger::NetworkTouched => {}
            Trigger::AddressGone | Trigger::SendFailed | Trigger::Unanswered | Trigger::Woke => {
                self.suspect(now);
            }
            Trigger::Silent => {
                self.suspect(now);
                // A connection that was never up has timers of its own to live by.
                self.dark |= self.current.is_some();
            }
        }
        let touched = trigger == Trigger::NetworkTouched;
        let begin_at = self.calm_after(if touched { CALM_TOUCHED } else { CALM }, now);
        self.eager_until = now + EAGER;
        self.race.handle_hint(now);
        self.redial(trigger, begin_at);
        match &mut self.attempt {
            Some(_) if touched => {}
            Some(attempt) => {
                attempt.probe = false;
                attempt.heard &= trigger == Trigger::NetworkChanged;
                attempt.hurry(if attempt.bound { now } else { begin_at });
            }
            None if self.timing.carriers == Carriers::Stream && self.dial.is_some() => {}
            None => self.begin(begin_at, Some(trigger)),
        }
    }

    /// The attempt under way is bound to an address that the system would not choose any more.
    pub fn handle_outdated(&mut self, now: Instant) {
        self.servers.handle_moved();
        let begin_at = self.calm_after(CALM, now);
        if let Some(dial) = &mut self.dial {
            dial.handle_outdated(begin_at);
        }
        self.race.restart(begin_at);
        match &mut self.attempt {
            Some(attempt) if attempt.bound => {
                let cause = attempt.cause;
                self.begin(begin_at, cause);
            }
            // It waits for its turn, or for a route.
            Some(attempt) if attempt.serial == 0 => attempt.hurry(begin_at),
            Some(attempt) => attempt.until = attempt.until.min(begin_at),
            None => {}
        }
    }

    /// The link refuses to send, or to receive.
    pub fn handle_link_failed(&mut self, link: LinkId, now: Instant) {
        let again_at = now + self.interval(now).max(CALM_FAILED);
        if let Some(dial) = &mut self.dial
            && dial.handle_failed(link, now)
        {
            return;
        }
        if self.race.handle_failed(link, now) {
            return;
        }
        match &mut self.attempt {
            // Its address may be gone, and a socket keeps the address that it was bound to.
            Some(attempt) if attempt.link == link => attempt.until = attempt.until.min(again_at),
            _ if self.current.as_ref().is_some_and(|path| path.link == link) => {
                self.handle_trigger(Trigger::SendFailed, now);
            }
            _ => {}
        }
        self.handle_refused(link, now);
    }

    /// The user typed, or something else was sent that is worth a claim of its own.
    pub fn handle_typed(&mut self, now: Instant) {
        if !self.suspect {
            return;
        }
        self.eager_until = now + EAGER;
        if let Some(attempt) = &mut self.attempt {
            attempt.hurry(now);
        }
        self.race.handle_typed(now);
        if let Some(dial) = &mut self.dial {
            dial.hurry(now + CALL);
        }
    }

    fn suspect(&mut self, now: Instant) {
        if !self.suspect {
            self.race.restart(now);
        }
        self.suspect = true;
        self.lost_at.get_or_insert(now);
        self.fallback.handle_suspect(now);
    }
}

/// Attempts with a new port are at least so far apart: a burst of route messages is one change.
const CALM: Duration = Duration::from_millis(50);

/// The same where nothing seems to have changed: containers come and go every second on some machines.
const CALM_TOUCHED: Duration = Duration::from_secs(2);

/// A socket that refused to send is replaced after so long.
const CALM_FAILED: Duration = Duration::from_millis(100);
