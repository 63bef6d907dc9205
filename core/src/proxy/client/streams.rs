//! The part of the client's state that is about streams: when they are tried, and what becomes of them.

use std::time::{Duration, Instant};

use super::attempt::Trial;
use super::config::Carriers;
use super::dial::{Dial, Line};
use super::exchange::{Carrier, Output, Trigger};
use super::state::State;
use crate::auth::Ack;
use crate::proxy::LinkId;

impl State {
    /// A packet on `link` was refused, by the system or by somebody on the way: UDP may be blocked.
    pub fn handle_refused(&mut self, link: LinkId, now: Instant) {
        let tried = self
            .attempt
            .as_ref()
            .is_some_and(|tried| tried.link == link);
        if tried || self.current.as_ref().is_some_and(|path| path.link == link) {
            self.fallback.handle_refused(now);
        }
    }

    /// The connection `link` stands.
    pub fn handle_stands(&mut self, link: LinkId) {
        if let Some(dial) = &mut self.dial {
            dial.handle_stands(link);
        }
    }

    /// Streams that are being tried have another reason.
    pub(super) fn redial(&mut self, trigger: Trigger, at: Instant) {
        if matches!(trigger, Trigger::NetworkChanged | Trigger::Woke) {
            self.fallback.handle_moved(at);
        }
        if let Some(dial) = &mut self.dial
            && trigger != Trigger::NetworkTouched
        {
            dial.heard &= trigger == Trigger::NetworkChanged;
            dial.hurry(at);
        }
    }

    /// The path in use answered while streams are being tried.
    pub(super) fn handle_heard_beside_dial(&mut self, now: Instant) {
        self.fallback.handle_false_alarm();
        let Some(dial) = &mut self.dial else { return };
        if !dial.heard && dial.cause == Some(Trigger::Unanswered) {
            self.patience.handle_false_alarm(now);
        }
        dial.heard = true;
        let better = matches!(
            dial.cause,
            Some(Trigger::NetworkChanged | Trigger::NetworkTouched)
        );
        // Behind a claim the server may switch, and before it nothing was begun that must be ended.
        if !better && dial.claimed().next().is_none() {
            self.dial = None;
        }
    }

    pub(super) fn poll_streams(&mut self, now: Instant) -> Option<Output> {
        if self.fallback.fall_at().is_some_and(|at| now >= at) && self.dial.is_none() {
            self.dial = Some(self.new_dial(now, None));
        }
        if self.fallback.probe_at().is_some_and(|at| now >= at) && !self.is_trying() {
            self.fallback.handle_probing();
            self.begin(now, None);
            if let Some(attempt) = &mut self.attempt {
                attempt.probe = true;
                attempt.until = now + PROBE;
            }
        }
        self.end_dial(now);
        let line = Line {
            early: self.suspect && self.sends_early_on_streams(),
            every: self.interval(now).max(match self.is_at_home_on_streams() {
                true => CALL,
                false => CALL_BESIDE,
            }),
            addresses: self.servers.count(),
            home: self.servers.current(),
            challenger: &mut self.challenger,
            links_made: &mut self.links_made,
        };
        self.dial.as_mut()?.poll_output(line, now)
    }

    pub(super) fn poll_streams_timeout(&self) -> Option<Instant> {
        let dial = self.dial.as_ref().map(|dial| {
            let end = Some(dial.until).filter(|_| dial.heard && self.proved());
            end.into_iter().fold(dial.poll_timeout(), Instant::min)
        });
        // What is under way is not begun again.
        let fall = self.fallback.fall_at().filter(|_| self.dial.is_none());
        let probe = self.fallback.probe_at().filter(|_| !self.is_trying());
        [dial, fall, probe].into_iter().flatten().min()
    }

    /// A path that was acknowledged by `ack`, which is answered where the server wants that.
    pub(super) fn trial(&self, ack: Option<Ack>, now: Instant) -> Trial {
        Trial {
            confirmation: ack
                .filter(|_| self.timing.confirm)
                .map(|ack| self.challenger.confirmation(ack)),
            confirmed: false,
            next_dummy: now,
            until: now + self.timing.heartbeat_timeout,
        }
    }

    pub(super) fn new_dial(&self, at: Instant, cause: Option<Trigger>) -> Dial {
        let until = at + self.timing.attempt;
        Dial::new(at, until, cause, self.timing.stream_answer)
    }

    /// Whether data follow the claim on a stream at once: where streams are all there is.
    pub(super) fn sends_early_on_streams(&self) -> bool {
        self.timing.carriers == Carriers::Stream
    }

    fn is_at_home_on_streams(&self) -> bool {
        self.timing.carriers == Carriers::Stream || self.fallback.home() == Carrier::Stream
    }

    fn end_dial(&mut self, now: Instant) {
        let answers = self.proved();
        let ended = |dial: &mut Dial| now >= dial.until && dial.heard && answers;
        if self.dial.take_if(ended).is_some() {
            self.suspect = self.attempt.is_some();
        }
    }
}

/// Between two calls while streams are what there is: an outage ends at most so late.
pub(super) const CALL: Duration = Duration::from_millis(400);

/// The same beside UDP, which is tried far more often.
const CALL_BESIDE: Duration = Duration::from_secs(1);

/// How long UDP is looked for at a time.
const PROBE: Duration = Duration::from_secs(1);
