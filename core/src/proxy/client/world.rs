//! A network of two states, for tests: packets that fly, are lost or blocked, and streams that stand still.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::answers::Answers;
use super::world_flights::Flight;
use super::{Carrier, Carriers, Output, State, Timing, Trigger, Way};
use crate::auth::Challenger;
use crate::proxy::LinkId;
use crate::proxy::server;

const CLIENT: u64 = 7;
pub(super) const SERVER: u64 = 9;
pub(super) const S: Duration = Duration::from_secs(1);
pub(super) const MS: Duration = Duration::from_millis(1);

/// Client and server, and what lies between them.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) rtt: Duration,
    pub(super) udp: bool,
    /// Where UDP does not pass, somebody on the way says so.
    pub(super) refused: bool,
    pub(super) streams: bool,
    /// Large packets do not pass over UDP.
    pub(super) narrow: bool,
    /// Of a hundred packets over UDP.
    pub(super) loss: u64,
    dice: u64,
    pub(super) client: State,
    pub(super) server: server::State,
    flights: BTreeMap<(Instant, u64), Flight>,
    order: u64,
    pub(super) carriers: BTreeMap<LinkId, Carrier>,
    ways: BTreeMap<LinkId, Way>,
    /// Interfaces beside the one that the system chooses.
    interfaces: usize,
    pub(super) races: bool,
    /// Server addresses and interfaces where nothing passes.
    pub(super) dead_addresses: Vec<usize>,
    pub(super) dead_interfaces: Vec<usize>,
    /// How much longer than the others this interface takes for a round trip.
    pub(super) slow: Option<(usize, Duration)>,
    pub(super) typed: u64,
    pub(super) opened: u64,
    /// What flows beside the keys.
    pub(super) bulk: Option<Bulk>,
    /// Packets of the server that have opened.
    pub(super) heard: u64,
    /// Questions of the client.
    pub(super) asked: u32,
    /// How often the client has taken another path.
    pub(super) moves: u32,
    /// Streams in the middle of which something stands still for ever.
    stalled: Vec<LinkId>,
    /// Links from addresses that this machine had in its former network.
    left: Vec<LinkId>,
    pub(super) expecting: Option<Instant>,
    pub(super) answers: Answers,
    pub(super) heard_at: Instant,
    pub(super) longest: Duration,
}

/// A packet every ten milliseconds, to or from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bulk {
    Down,
    Up,
}

impl World {
    pub(super) fn new(carriers: Carriers, seed: u64) -> Self {
        let timing = Timing {
            carriers,
            confirm: carriers == Carriers::Both,
            wide: carriers == Carriers::Both,
            ..Timing::default()
        };
        Self::with(timing, (1, 0), seed)
    }

    /// Client and server that know of races. The server has so many addresses, and the client so many
    /// interfaces beside the one that its system chooses.
    pub(super) fn racing(addresses: usize, interfaces: usize, seed: u64) -> Self {
        Self::racing_by(Carriers::Udp, (addresses, interfaces), seed)
    }

    /// The same where packets may be carried by these.
    pub(super) fn racing_by(
        carriers: Carriers,
        (addresses, interfaces): (usize, usize),
        seed: u64,
    ) -> Self {
        let timing = Timing {
            carriers,
            confirm: true,
            race: true,
            wide: carriers == Carriers::Both,
            ..Timing::default()
        };
        Self::with(timing, (addresses, interfaces), seed)
    }

    fn with(timing: Timing, (addresses, interfaces): (usize, usize), seed: u64) -> Self {
        let now = Instant::now();
        let challenger = match timing.race {
            true => Challenger::racing(CLIENT, SERVER),
            false => Challenger::new(CLIENT, SERVER),
        };
        let mut server = server::State::new(CLIENT, now);
        server.handle_timeout_known(4 * S, now);
        let mut world = Self {
            now,
            rtt: Duration::from_millis(10 + seed * 37 % 200),
            udp: true,
            refused: false,
            streams: true,
            narrow: false,
            loss: 0,
            dice: seed,
            client: State::new(challenger, timing, addresses, now),
            server,
            flights: BTreeMap::new(),
            order: 0,
            carriers: BTreeMap::new(),
            ways: BTreeMap::new(),
            interfaces,
            races: timing.race,
            dead_addresses: Vec::new(),
            dead_interfaces: Vec::new(),
            slow: None,
            typed: 0,
            opened: 0,
            bulk: None,
            heard: 0,
            asked: 0,
            moves: 0,
            stalled: Vec::new(),
            left: Vec::new(),
            expecting: None,
            answers: Answers::default(),
            heard_at: now,
            longest: Duration::ZERO,
        };
        if world.races {
            world.client.handle_rtt(Some(world.rtt));
        }
        world.fly(Duration::from_millis(seed * 13 % 100), Flight::Typed);
        world
    }

    pub(super) fn settled(carriers: Carriers, seed: u64) -> Self {
        Self::new(carriers, seed).after(10 * S)
    }

    /// From here on this flows.
    pub(super) fn with_bulk(mut self, bulk: Bulk) -> Self {
        self.bulk = Some(bulk);
        self.fly(Duration::ZERO, Flight::Flow);
        self
    }

    pub(super) fn after(mut self, time: Duration) -> Self {
        self.run(time);
        self
    }

    /// Runs for `time`, and returns how long there was no answer at the longest, from now on.
    pub(super) fn outage(&mut self, time: Duration) -> Duration {
        self.heard_at = self.now;
        self.longest = Duration::ZERO;
        self.run(time);
        self.longest.max(self.now - self.heard_at)
    }

    pub(super) fn cut(&mut self, cut: bool) {
        (self.udp, self.streams) = (!cut, !cut);
        if cut {
            // No system brings back so soon what stood still for seconds.
            self.stall();
        }
    }

    pub(super) fn stall(&mut self) {
        self.stalled = self.carriers.keys().copied().collect();
    }

    /// Another network with other addresses, of which the system tells.
    pub(super) fn change_network(&mut self) {
        self.left = self.carriers.keys().copied().collect();
        self.client.handle_outdated(self.now);
        self.hint(Trigger::AddressGone);
    }

    pub(super) fn carrier(&self) -> Carrier {
        let links = self.client.plan().links;
        self.carriers[links.first().expect("there is a path")]
    }

    /// The way that is in use, by the client's account and the server's.
    pub(super) fn ways(&self) -> (Way, Option<Way>) {
        let here = self.client.plan().links;
        let there = self.server.plan().current;
        let way = |link: &LinkId| self.ways[link];
        let here = way(here.first().expect("there is a path"));
        (here, there.map(|source| way(&source.link)))
    }

    /// How many ways the client tries beside the path in use.
    pub(super) fn links(&self) -> usize {
        self.client.plan().links.len()
    }

    pub(super) fn hint(&mut self, trigger: Trigger) {
        self.client.handle_trigger(trigger, self.now);
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.act();
            let due = [
                self.flights.first_key_value().map(|((at, _), _)| *at),
                self.client.poll_timeout(),
                self.answer_due(),
                self.server.poll_timeout(),
            ];
            let next = due.into_iter().flatten().min().expect("somebody types");
            if next > end {
                self.now = end;
                return;
            }
            assert!(next >= self.now, "time runs backwards");
            self.now = next;
            self.server.handle_time(self.now);
            if self.answer_due().is_some_and(|at| self.now >= at) {
                self.answers.handle_reported(self.expecting);
                self.client.handle_trigger(Trigger::Unanswered, self.now);
            }
            while let Some(first) = self
                .flights
                .first_entry()
                .filter(|first| first.key().0 <= next)
            {
                let flight = first.remove();
                self.land(flight);
                self.act();
            }
        }
    }

    pub(super) fn act(&mut self) {
        self.client.handle_opened(self.heard, self.now);
        while let Some(output) = self.client.poll_output(self.now) {
            match output {
                Output::Bind { link, carrier, way } => {
                    self.carriers.insert(link, carrier);
                    self.ways.insert(link, way);
                    self.client.handle_bound(link, true, self.now);
                    if carrier == Carrier::Stream {
                        self.fly(Duration::ZERO, Flight::Syn { link, sent: 0 });
                    }
                }
                Output::Claim { link, claim, early } => {
                    self.send(link, Flight::Claim { link, claim });
                    if early {
                        self.send_key(link);
                    }
                }
                Output::Ask { link, claim } => {
                    self.asked += 1;
                    for large in [false, true] {
                        self.send(link, Flight::Ask { link, claim, large });
                    }
                }
                Output::Dummy { link } => self.send(link, Flight::Data { link, key: 0 }),
                Output::Survey => self.client.handle_surveyed(self.interfaces),
                Output::Moved { link } => self.moved(link),
            }
        }
        // A connection that the client gives up, the server sees closed.
        let plan = self.client.plan();
        let current = self.server.plan().current.map(|source| source.link);
        if let Some(link) = current
            && self.carriers[&link] == Carrier::Stream
            && !plan.links.contains(&link)
            && self.passes(link)
        {
            self.server.handle_stream_ended(link);
        }
    }

    fn answer_due(&self) -> Option<Instant> {
        let patience = self.client.patience(Some(self.rtt), self.now);
        let due = self.answers.due(self.expecting, patience)?;
        Some(due.max(self.now))
    }

    /// Sends along `link`, if anything passes there now.
    pub(super) fn send(&mut self, link: LinkId, flight: Flight) {
        // Knuth's generator: its upper bits are random enough for a third.
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let lost = self.carriers[&link] == Carrier::Udp && (self.dice >> 33) % 100 < self.loss;
        let lost = lost || (self.narrow && flight.is_large(self.carriers[&link]));
        if self.passes(link) && !lost {
            let slow = self
                .slow
                .filter(|slow| slow.0 == self.ways[&link].interface);
            let rtt = self.rtt + slow.map_or(Duration::ZERO, |slow| slow.1);
            self.fly(rtt / 2, flight);
        } else if self.refused && !self.udp && self.carriers[&link] == Carrier::Udp {
            self.fly(self.rtt / 2, Flight::Refused(link));
        }
    }

    pub(super) fn passes(&self, link: LinkId) -> bool {
        let way = self.ways[&link];
        let dead = self.dead_addresses.contains(&way.address)
            || self.dead_interfaces.contains(&way.interface)
            || self.is_left(link);
        let passes = match self.carriers[&link] {
            Carrier::Udp => self.udp,
            Carrier::Stream => self.streams && !self.stalled.contains(&link),
        };
        passes && !dead
    }

    /// Whether this machine has no longer the address that the link is bound to.
    pub(super) fn is_left(&self, link: LinkId) -> bool {
        self.left.contains(&link)
    }

    pub(super) fn fly(&mut self, time: Duration, flight: Flight) {
        self.order += 1;
        self.flights.insert((self.now + time, self.order), flight);
    }
}

/// Between two packets of bulk.
pub(super) const FLOWS: Duration = Duration::from_millis(10);

/// Between two keys.
pub(super) const TYPED: Duration = Duration::from_millis(100);
