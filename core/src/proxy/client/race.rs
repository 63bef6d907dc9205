//! Other ways that are tried beside the first: the server's other addresses, this machine's other
//! interfaces. Nothing here knows an address or reads a clock.
//!
//! As in RFC 8305 each is begun a little after the one before, and the first that answers is taken.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::dial::Line;
use super::exchange::{Carrier, Output, Way};
use super::state::State;
use crate::auth::Ack;
use crate::proxy::LinkId;

/// The ways beside the first one.
#[derive(Debug, Default)]
pub(super) struct Race {
    rivals: Vec<Rival>,
    /// To be tried yet.
    ways: VecDeque<Way>,
    /// When the next one is begun. None while nothing is left, or no place.
    next_at: Option<Instant>,
    surveyed: bool,
    began_at: Option<Instant>,
    /// Nothing has answered for long: when something does, all of it does, and the preferred interface is worth a moment.
    long: bool,
}

/// One way that is being tried.
#[derive(Debug)]
struct Rival {
    attempt: Attempt,
    /// Before this moment a better way may still answer: it neither carries data nor is it taken.
    fair_at: Instant,
    fair: bool,
    /// The acknowledgement that came before.
    ack: Option<Ack>,
}

impl Race {
    /// A round begins with the attempt at `at`, unless one is under way or was a moment ago.
    pub(super) fn handle_begun(&mut self, at: Instant) {
        let resting = self.began_at.is_some_and(|began| at < began + ROUND);
        let running = self.next_at.is_some() || !self.rivals.is_empty();
        if !resting && !running {
            self.restart(at);
        }
    }

    /// There may be other ways by now.
    pub(super) fn handle_hint(&mut self, at: Instant) {
        if self.next_at.is_none() && self.rivals.is_empty() {
            self.restart(at);
        }
    }

    /// A round begins with the attempt at `at`, whatever was before.
    pub(super) fn restart(&mut self, at: Instant) {
        *self = Self {
            next_at: Some(at + STAGGER),
            began_at: Some(at),
            long: self.long,
            ..Self::default()
        };
    }

    /// It is over.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The server has `addresses` addresses, of which the first attempt has `home`, and this machine
    /// has so many other interfaces.
    pub(super) fn handle_surveyed(&mut self, home: usize, addresses: usize, interfaces: usize) {
        let all = addresses.max(1);
        let addresses = all.min(MAX_ADDRESSES);
        let interfaces = interfaces.min(MAX_INTERFACES);
        let way = |address: usize, interface| Way {
            address: (home + address) % all,
            interface,
        };
        // One thing changed at a time comes before two, and the two kinds take turns.
        let turns = 1..addresses.max(interfaces + 1);
        let single = turns.flat_map(|nth| [(nth, 0), (0, nth)]);
        let double = (1..=interfaces).flat_map(|from| (1..addresses).map(move |to| (to, from)));
        self.ways = single
            .chain(double)
            .filter(|(to, from)| *to < addresses && *from <= interfaces)
            .map(|(to, from)| way(to, from))
            .collect();
    }

    /// The link was bound, or could not be. Returns whether it is one of these.
    pub(super) fn handle_bound(&mut self, link: LinkId, bound: bool, now: Instant) -> bool {
        let Some(at) = self.position(link) else {
            return false;
        };
        if bound {
            let attempt = &mut self.rivals[at].attempt;
            (attempt.bound, attempt.next_claim) = (true, now);
        } else {
            self.handle_failed(link, now);
        }
        true
    }

    /// The link refuses to send, or to receive. Returns whether it is one of these.
    pub(super) fn handle_failed(&mut self, link: LinkId, now: Instant) -> bool {
        let at = self.position(link);
        if let Some(at) = at {
            self.rivals.remove(at);
            self.hurry(now);
        }
        at.is_some()
    }

    /// Claims are due now, or a little later if they were just made.
    pub(super) fn handle_typed(&mut self, now: Instant) {
        for rival in &mut self.rivals {
            rival.attempt.hurry(now);
        }
    }

    /// The acknowledgement of `link` is there. Returns whether it is taken; else it is kept.
    pub(super) fn handle_ack(&mut self, link: LinkId, ack: Ack, now: Instant) -> bool {
        let Some(at) = self.position(link) else {
            return false;
        };
        let rival = &mut self.rivals[at];
        rival.ack = Some(ack);
        if self.long && rival.attempt.way.interface != 0 {
            rival.fair_at = now + GRACE;
        }
        now >= rival.fair_at
    }

    /// One that was acknowledged, and has waited long enough.
    pub(super) fn winner(&mut self, now: Instant) -> Option<(LinkId, Ack)> {
        let ready = |rival: &&Rival| now >= rival.fair_at && rival.ack.is_some();
        let rival = self.rivals.iter().find(ready)?;
        Some((rival.attempt.link, rival.ack?))
    }

    /// The next thing to do at `now`. Answers to ways over other interfaces are not taken before
    /// `patience` is over.
    pub(super) fn poll_output(
        &mut self,
        line: Line<'_>,
        patience: Duration,
        life: Duration,
        now: Instant,
    ) -> Option<Output> {
        let before = self.rivals.len();
        self.rivals.retain(|rival| now < rival.attempt.until);
        if self.rivals.len() < before {
            self.hurry(now);
        }
        for rival in &mut self.rivals {
            rival.fair |= now >= rival.fair_at;
        }
        if self.next_at.is_some_and(|at| now >= at) {
            if !self.surveyed {
                self.surveyed = true;
                return Some(Output::Survey);
            }
            self.next_at = None;
            if let Some(way) = self.ways.pop_front() {
                if self.rivals.len() + 1 < MAX_RIVALS {
                    self.next_at = Some(now + STAGGER);
                }
                return Some(self.begin(way, line, patience, life, now));
            }
        }
        let due = |rival: &&mut Rival| rival.is_claiming() && now >= rival.attempt.next_claim;
        let rival = self.rivals.iter_mut().find(due)?;
        let (attempt, early) = (&mut rival.attempt, line.early && rival.fair);
        attempt.next_claim = now + line.every;
        attempt.claimed_at = Some(now);
        Some(Output::Claim {
            link: attempt.link,
            claim: line.challenger.claim(attempt.serial),
            early,
        })
    }

    /// When to call [`Self::poll_output`] or [`Self::winner`] again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let rivals = self.rivals.iter().flat_map(|rival| {
            let claim = Some(rival.attempt.next_claim).filter(|_| rival.is_claiming());
            let fair = Some(rival.fair_at).filter(|_| !rival.fair);
            [Some(rival.attempt.until), claim, fair]
        });
        rivals.chain([self.next_at]).flatten().min()
    }

    /// The attempt on `link`.
    pub(super) fn attempt(&mut self, link: LinkId) -> Option<&mut Attempt> {
        let at = self.position(link)?;
        Some(&mut self.rivals[at].attempt)
    }

    /// The way of `link`.
    pub(super) fn way(&self, link: LinkId) -> Option<Way> {
        let at = self.position(link)?;
        Some(self.rivals[at].attempt.way)
    }

    /// The links to read.
    pub(super) fn links(&self) -> impl Iterator<Item = LinkId> {
        let bound = self.rivals.iter().filter(|rival| rival.attempt.bound);
        bound.map(|rival| rival.attempt.link)
    }

    /// The links that may carry data before they are the path.
    pub(super) fn early(&self) -> impl Iterator<Item = LinkId> {
        let early = self.rivals.iter();
        let early = early.filter(|rival| rival.fair && rival.attempt.bound);
        early.map(|rival| rival.attempt.link)
    }

    fn begin(
        &mut self,
        way: Way,
        line: Line<'_>,
        patience: Duration,
        life: Duration,
        now: Instant,
    ) -> Output {
        *line.links_made += 1;
        let link = LinkId(*line.links_made);
        let mut attempt = Attempt::new(link, now, now + life, None);
        attempt.way = way;
        attempt.serial = line.challenger.next_claim().serial;
        // Over the same interface one address is as good as another.
        let fair_at = match (way.interface, self.began_at) {
            (0, _) | (_, None) => now,
            // Not before it answers: what went ahead over both would make the server move twice.
            _ if self.long => now + life,
            (_, Some(began)) => now.max(began + patience),
        };
        self.rivals.push(Rival {
            attempt,
            fair_at,
            fair: now >= fair_at,
            ack: None,
        });
        Output::Bind {
            link,
            way,
            carrier: Carrier::Udp,
        }
    }

    /// There is a place for the next one.
    fn hurry(&mut self, now: Instant) {
        if !self.ways.is_empty() {
            self.next_at = Some(now);
        }
    }

    fn position(&self, link: LinkId) -> Option<usize> {
        let mut rivals = self.rivals.iter();
        rivals.position(|rival| rival.attempt.link == link)
    }
}

impl State {
    /// So many other interfaces than the one that the system chooses may lead to the server.
    pub fn handle_surveyed(&mut self, interfaces: usize) {
        let home = self.servers.current();
        let addresses = self.servers.count();
        self.race.handle_surveyed(home, addresses, interfaces);
    }

    /// How long an answer takes on the path in use.
    pub fn handle_rtt(&mut self, rtt: Option<Duration>) {
        self.rtt = rtt;
    }

    /// Whether `link` is one that is tried beside the first.
    pub fn is_rival(&self, link: LinkId) -> bool {
        self.race.way(link).is_some()
    }

    /// Whether ways beside the first may win. Not while the path in use answers: where it does, one
    /// answer came late, and another network or address is no better.
    pub(super) fn is_racing(&self) -> bool {
        let tried = self.attempt.as_ref();
        let lost = self.suspect && tried.is_some_and(|attempt| !attempt.heard && !attempt.probe);
        lost && self.timing.race
    }

    pub(super) fn poll_race(&mut self, now: Instant) -> Option<Output> {
        if !self.is_racing() {
            return None;
        }
        if let Some((link, ack)) = self.race.winner(now) {
            let trial = self.trial(Some(ack), now);
            self.settle(link, Carrier::Udp, Some(trial), now);
            return Some(Output::Moved { link });
        }
        // Nobody knows how long the first answer takes.
        let patience = self.rtt.map(|rtt| self.patience(Some(rtt), now));
        let line = Line {
            early: self.suspect,
            every: self.interval(now),
            addresses: self.servers.count(),
            home: self.servers.current(),
            challenger: &mut self.challenger,
            links_made: &mut self.links_made,
        };
        let (patience, life) = (patience.unwrap_or_default(), self.timing.attempt);
        self.race.long = self.lost_at.is_some_and(|at| now >= at + ROUND);
        self.race.poll_output(line, patience, life, now)
    }
}

impl Rival {
    fn is_claiming(&self) -> bool {
        self.attempt.bound && self.ack.is_none()
    }
}

/// Ways that are tried at once beside the first: a server lets twice as many stand.
pub(super) const MAX_RIVALS: usize = 3;

/// The preferred interface claims once more in this time.
const GRACE: Duration = Duration::from_millis(60);

/// Between the beginnings of two ways.
const STAGGER: Duration = Duration::from_millis(50);

/// Where all ways fail at once, the next round begins so much later, unless something hints at another
/// network.
const ROUND: Duration = Duration::from_secs(3);

/// Of the server's addresses so many take part in a race; the others have their turns in time.
const MAX_ADDRESSES: usize = 4;

/// Interfaces that take part beside the one that the system chooses.
pub(super) const MAX_INTERFACES: usize = 3;

#[cfg(test)]
mod tests {
    use super::{Race, Way};

    #[test]
    fn of_many_addresses_those_from_the_first_attempts_on_take_part() {
        let mut race = Race::default();
        race.handle_surveyed(5, 6, 1);
        let ways: Vec<_> = race
            .ways
            .iter()
            .map(|way| (way.address, way.interface))
            .collect();
        assert_eq!(
            ways,
            [(0, 0), (5, 1), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]
        );
        race.handle_surveyed(0, 0, 0);
        assert_eq!(race.ways, [] as [Way; 0]);
    }
}
