//! When the client tries a new path, and which one it uses. Nothing here knows a socket or a clock.

use std::time::{Duration, Instant};

use super::attempt::{Attempt, Current, Trial};
use super::config::{Carriers, Timing};
use super::dial::Dial;
use super::exchange::{Carrier, Output, Trigger, Way};
use super::fallback::Fallback;
use super::patience::Patience;
use super::race::Race;
use super::servers::Servers;
use super::width::Width;
use crate::auth::{Ack, Challenger};
use crate::proxy::LinkId;

/// One client's path: the link in use, the one before it, and the one that is being tried.
#[derive(Debug)]
pub struct State {
    pub(super) timing: Timing,
    pub(super) challenger: Challenger,
    pub(super) links_made: u64,
    pub(super) current: Option<Current>,
    pub(super) former: Option<(LinkId, Instant)>,
    /// A socket that is being tried.
    pub(super) attempt: Option<Attempt>,
    /// Sockets that are tried beside it.
    pub(super) race: Race,
    /// Streams that are being tried.
    pub(super) dial: Option<Dial>,
    /// When streams are tried beside UDP, and UDP beside a stream.
    pub(super) fallback: Fallback,
    /// The path in use is thought to be dead: packets go along the attempt too.
    pub(super) suspect: bool,
    pub(super) dark: bool,
    /// Since when there is no path that answers.
    pub(super) lost_at: Option<Instant>,
    /// Attempts are made often until this moment.
    pub(super) eager_until: Instant,
    /// When the last attempt began or succeeded.
    calm_since: Option<Instant>,
    pub(super) patience: Patience,
    /// How long an answer takes, where that is known.
    pub(super) rtt: Option<Duration>,
    pub(super) servers: Servers,
    /// Until it is known whether large packets pass the path in use.
    pub(super) width: Option<Width>,
}

impl State {
    /// Without a path; the first attempt is due at `now`. The server has `addresses` addresses.
    pub fn new(challenger: Challenger, timing: Timing, addresses: usize, now: Instant) -> Self {
        let mut state = Self {
            timing,
            challenger,
            links_made: 0,
            current: None,
            former: None,
            attempt: None,
            race: Race::default(),
            dial: None,
            fallback: Fallback::new(timing.carriers, now),
            suspect: true,
            dark: false,
            lost_at: Some(now),
            eager_until: now + EAGER,
            calm_since: None,
            patience: Patience::default(),
            rtt: None,
            servers: Servers::new(addresses),
            width: None,
        };
        state.begin(now, None);
        state
    }

    /// The actor bound `link`, or could not.
    pub fn handle_bound(&mut self, link: LinkId, bound: bool, now: Instant) {
        let interval = self.interval(now);
        let Some(attempt) = self.attempt.as_mut().filter(|tried| tried.link == link) else {
            if !self.race.handle_bound(link, bound, now)
                && let Some(dial) = self.dial.as_mut().filter(|_| !bound)
            {
                dial.handle_failed(link, now);
            }
            return;
        };
        attempt.bound = bound;
        attempt.next_claim = now;
        if !bound {
            // The system tells of a route that returns, and a try now and then costs little.
            let wait = match self.servers.handle_no_route() {
                true => Duration::ZERO,
                false => interval,
            };
            attempt.until = now + wait;
        }
    }

    /// A packet of the server acknowledges an attempt. Returns whether the path changed.
    pub fn handle_ack(&mut self, link: LinkId, ack: Ack, now: Instant) -> bool {
        if let Some(serial) = self.dial.as_ref().and_then(|dial| dial.serial(link)) {
            let ours = self.challenger.handle_ack(ack.claim, serial);
            if ours {
                // What a stream comes from has proved itself by its handshake.
                let trial = self.trial(None, now);
                self.settle(link, Carrier::Stream, Some(trial), now);
            }
            return ours;
        }
        let first = self.attempt.as_mut().filter(|tried| tried.link == link);
        let rival = first.is_none();
        let Some(attempt) = first.or_else(|| self.race.attempt(link)) else {
            return false;
        };
        if !self.challenger.handle_ack(ack.claim, attempt.serial) {
            if self.challenger.is_overtaken(ack.claim, attempt.serial) {
                attempt.serial = self.challenger.next_claim().serial;
                attempt.next_claim = now;
            }
            return false;
        }
        // The server believes the latest claim alone, and may have gone to a stream with it.
        let later = |dial: &mut Dial| !self.timing.race && dial.claimed_after(attempt.serial);
        if self.dial.take_if(later).is_some() {
            self.fallback.handle_udp_answered(now);
            attempt.serial = self.challenger.next_claim().serial;
            attempt.next_claim = now;
            return false;
        }
        if rival && !(self.is_racing() && self.race.handle_ack(link, ack, now)) {
            return false;
        }
        let trial = self.trial(Some(ack), now);
        self.settle(link, Carrier::Udp, Some(trial), now);
        true
    }

    /// A packet of the peer opened that came on `link`. Returns whether the path changed.
    pub fn handle_heard(&mut self, link: LinkId, now: Instant) -> bool {
        // Early data made the server switch, and its acknowledgement was lost or overtaken.
        let first = self.attempt.as_ref().map(|tried| tried.link);
        if first == Some(link) || self.race.way(link).is_some() {
            self.settle(link, Carrier::Udp, None, now);
            return true;
        }
        if self
            .dial
            .as_ref()
            .is_some_and(|dial| dial.serial(link).is_some())
        {
            self.settle(link, Carrier::Stream, None, now);
            return true;
        }
        let Some(current) = self.current.as_mut().filter(|path| path.link == link) else {
            return false;
        };
        current.proved = true;
        current.trial = None;
        self.dark = false;
        self.lost_at = None;
        if let Some(attempt) = &mut self.attempt {
            if !attempt.heard && attempt.cause == Some(Trigger::Unanswered) {
                self.patience.handle_false_alarm(now);
            }
            attempt.heard = true;
        }
        self.handle_heard_beside_dial(now);
        // The attempt goes on: with early data behind its claim the server may switch.
        self.suspect &= self.is_trying();
        false
    }

    /// The next thing to do at `now`. Call until `None`, then wait for [`Self::poll_timeout`].
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        self.former.take_if(|(_, until)| now >= *until);
        self.end_trial(now);
        self.end_attempt(now);
        if let Some(output) = self.poll_streams(now) {
            return Some(output);
        }
        let interval = self.interval(now);
        if let Some(attempt) = &mut self.attempt {
            if attempt.serial == 0 && now >= attempt.next_claim {
                attempt.serial = self.challenger.next_claim().serial;
                attempt.way.address = self.servers.current();
                self.calm_since = Some(now);
                return Some(Output::Bind {
                    link: attempt.link,
                    way: attempt.way,
                    carrier: Carrier::Udp,
                });
            }
            if attempt.bound && now >= attempt.next_claim {
                attempt.next_claim = now + if attempt.probe { PROBE_RETRY } else { interval };
                attempt.claimed_at = Some(now);
                return Some(Output::Claim {
                    link: attempt.link,
                    claim: self.challenger.claim(attempt.serial),
                    early: self.suspect,
                });
            }
        }
        if let Some(output) = self.poll_race(now).or_else(|| self.poll_width(now)) {
            return Some(output);
        }
        let current = self.current.as_mut()?;
        let link = current.link;
        let trial = current
            .trial
            .as_mut()
            .filter(|trial| now >= trial.next_dummy)?;
        if let Some(claim) = trial.confirmation.filter(|_| !trial.confirmed) {
            trial.confirmed = true;
            let early = false;
            return Some(Output::Claim { link, claim, early });
        }
        trial.confirmed = false;
        // A Go peer has switched to a stream already, and hands everything on it to its transport.
        if current.carrier == Carrier::Stream && !self.timing.confirm {
            trial.next_dummy = trial.until;
            return None;
        }
        trial.next_dummy = now + REPEAT;
        Some(Output::Dummy { link })
    }

    /// When to call [`Self::poll_output`] again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let attempt = self.attempt.as_ref().map(Attempt::poll_timeout);
        let trial = self.current.as_ref().and_then(|path| path.trial.as_ref());
        let former = self.former.map(|(_, until)| until);
        let streams = self.poll_streams_timeout();
        let race = self.race.poll_timeout().filter(|_| self.is_racing());
        [
            attempt,
            trial.map(Trial::poll_timeout),
            former,
            streams,
            race,
            self.poll_width_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The attempt is the path from here on; proved when there is no `trial`.
    pub(super) fn settle(
        &mut self,
        link: LinkId,
        carrier: Carrier,
        trial: Option<Trial>,
        now: Instant,
    ) {
        let way = self.way_of(link);
        self.attempt = None;
        self.race.clear();
        self.dial = None;
        self.servers.handle_answer_of(way.address);
        self.fallback.handle_settled(carrier, way, now);
        let proved = trial.is_none();
        let former = self.current.replace(Current {
            link,
            carrier,
            proved,
            trial,
        });
        self.former = former.map(|former| (former.link, now + LINGER));
        self.suspect = false;
        self.dark = false;
        self.lost_at = None;
        self.calm_since = Some(now);
        match carrier {
            Carrier::Udp => self.ask_width(link, now),
            Carrier::Stream => self.width = None,
        }
    }

    /// A path that was acknowledged, and on which nothing came, is no path.
    fn end_trial(&mut self, now: Instant) {
        let current = self.current.as_mut();
        let ended = current.and_then(|path| path.trial.take_if(|trial| now >= trial.until));
        if ended.is_some() {
            self.handle_trigger(Trigger::Silent, now);
        }
    }

    fn end_attempt(&mut self, now: Instant) {
        let Some(attempt) = self.attempt.take_if(|tried| now >= tried.until) else {
            return;
        };
        if attempt.probe {
            self.fallback.handle_silence(now);
            return;
        }
        if attempt.heard && self.proved() {
            self.suspect = self.dial.is_some();
            self.race.clear();
            return;
        }
        if attempt.bound && attempt.serial != 0 {
            self.servers.handle_silence();
        }
        self.begin(now, attempt.cause);
    }

    /// Starts an attempt with a new local port or connection, at `at`.
    pub(super) fn begin(&mut self, at: Instant, cause: Option<Trigger>) {
        if self.timing.carriers == Carriers::Stream {
            self.dial = Some(self.new_dial(at, cause));
            return;
        }
        self.links_made += 1;
        let patience = match self.servers.is_likely() {
            true => self.timing.attempt,
            false => self.timing.attempt.min(UNLIKELY),
        };
        let attempt = Attempt::new(LinkId(self.links_made), at, at + patience, cause);
        self.attempt = Some(attempt);
        self.race.handle_begun(at);
    }

    fn way_of(&self, link: LinkId) -> Way {
        let dialled = self.dial.as_ref().and_then(|dial| dial.address(link));
        let dialled = dialled.map(|address| Way {
            address,
            interface: 0,
        });
        let first = self.attempt.as_ref().map(|attempt| attempt.way);
        let way = dialled.or_else(|| self.race.way(link)).or(first);
        way.unwrap_or_default()
    }

    /// The first moment from `now` on at which so long a `calm` has passed.
    pub(super) fn calm_after(&self, calm: Duration, now: Instant) -> Instant {
        self.calm_since.map_or(now, |since| now.max(since + calm))
    }

    pub(super) fn interval(&self, now: Instant) -> Duration {
        if now < self.eager_until {
            return self.timing.retry;
        }
        let lost_for = now.saturating_duration_since(self.lost_at.unwrap_or(now));
        self.timing.retry_after(lost_for)
    }
}

/// After a hint, attempts are made at the full rate for so long.
pub(super) const EAGER: Duration = Duration::from_secs(20);

/// How long an address is tried that never answered before.
const UNLIKELY: Duration = Duration::from_secs(1);

/// Packets on their way along the former path are still read for so long.
const LINGER: Duration = Duration::from_secs(2);

/// Between two claims of one look whether UDP passes.
const PROBE_RETRY: Duration = Duration::from_millis(250);

/// PROTOCOL.md, "The path": a dummy every 100 ms until the peer is heard on a new path.
const REPEAT: Duration = Duration::from_millis(100);
