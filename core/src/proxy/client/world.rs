//! A network of two states, for tests: packets that fly, are lost or blocked, and streams that stand still.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Carrier, Carriers, Output, State, Timing, Trigger};
use crate::auth::{Ack, Challenger, Claim, Verdict};
use crate::proxy::rig::port;
use crate::proxy::server::{self, Admission};
use crate::proxy::{LinkId, Source};

const CLIENT: u64 = 7;
const SERVER: u64 = 9;
pub(super) const S: Duration = Duration::from_secs(1);
pub(super) const MS: Duration = Duration::from_millis(1);

/// What is on its way.
#[derive(Clone, Copy, Debug)]
enum Flight {
    /// The first packet of a connection: where it is lost it is sent again.
    Syn {
        link: LinkId,
        sent: u32,
    },
    Stands(LinkId),
    Claim {
        link: LinkId,
        claim: Claim,
    },
    Ack {
        link: LinkId,
        claim: Claim,
    },
    Data {
        link: LinkId,
    },
    Answer {
        link: LinkId,
    },
    Typed,
}

/// Client and server, and what lies between them.
pub(super) struct World {
    now: Instant,
    pub(super) rtt: Duration,
    pub(super) udp: bool,
    pub(super) streams: bool,
    /// Of a hundred packets over UDP.
    pub(super) loss: u64,
    dice: u64,
    client: State,
    server: server::State,
    flights: BTreeMap<(Instant, u64), Flight>,
    order: u64,
    carriers: BTreeMap<LinkId, Carrier>,
    /// Streams in the middle of which something stands still for ever.
    stalled: Vec<LinkId>,
    expecting: Option<Instant>,
    reported: bool,
    heard_at: Instant,
    longest: Duration,
}

impl World {
    pub(super) fn new(carriers: Carriers, seed: u64) -> Self {
        let now = Instant::now();
        let timing = Timing {
            carriers,
            confirm: carriers == Carriers::Both,
            ..Timing::default()
        };
        let mut server = server::State::new(CLIENT, now);
        server.handle_timeout_known(4 * S, now);
        let mut world = Self {
            now,
            rtt: Duration::from_millis(10 + seed * 37 % 200),
            udp: true,
            streams: true,
            loss: 0,
            dice: seed,
            client: State::new(Challenger::new(CLIENT, SERVER), timing, 1, now),
            server,
            flights: BTreeMap::new(),
            order: 0,
            carriers: BTreeMap::new(),
            stalled: Vec::new(),
            expecting: None,
            reported: false,
            heard_at: now,
            longest: Duration::ZERO,
        };
        world.fly(Duration::from_millis(seed * 13 % 100), Flight::Typed);
        world
    }

    pub(super) fn settled(carriers: Carriers, seed: u64) -> Self {
        let mut world = Self::new(carriers, seed);
        world.run(10 * S);
        world
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

    pub(super) fn carrier(&self) -> Carrier {
        let links = self.client.plan().links;
        self.carriers[links.first().expect("there is a path")]
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
                self.reported = true;
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

    fn act(&mut self) {
        while let Some(output) = self.client.poll_output(self.now) {
            match output {
                Output::Bind { link, carrier, .. } => {
                    self.carriers.insert(link, carrier);
                    self.client.handle_bound(link, true, self.now);
                    if carrier == Carrier::Stream {
                        self.fly(Duration::ZERO, Flight::Syn { link, sent: 0 });
                    }
                }
                Output::Claim { link, claim, early } => {
                    self.send(link, Flight::Claim { link, claim });
                    if early {
                        self.send(link, Flight::Data { link });
                    }
                }
                Output::Dummy { link } => self.send(link, Flight::Data { link }),
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

    fn land(&mut self, flight: Flight) {
        let now = self.now;
        match flight {
            Flight::Syn { link, sent } => {
                if self.streams {
                    self.fly(self.rtt, Flight::Stands(link));
                } else if sent < 5 {
                    let sent = sent + 1;
                    self.fly(S * (1 << (sent - 1)), Flight::Syn { link, sent });
                }
            }
            Flight::Stands(link) => self.client.handle_stands(link),
            Flight::Claim { link, claim } => self.claimed(link, claim),
            Flight::Ack { link, claim } => {
                let ack = Ack { claim, stamp: 0 };
                if self.client.handle_ack(link, ack, now) {
                    self.reported = false;
                    let link = self.client.plan().links[0];
                    self.send(link, Flight::Data { link });
                }
            }
            Flight::Data { link } => {
                if self.server.handle_packet(source(link), now) != Admission::Drop {
                    self.server.handle_heard(now);
                    // What was sent meanwhile goes to wherever the client is by now.
                    self.send(link, Flight::Answer { link });
                }
            }
            Flight::Answer { link } => {
                if self.client.plan().links.contains(&link) {
                    self.longest = self.longest.max(now - self.heard_at);
                    self.heard_at = now;
                    self.expecting = None;
                    self.reported = false;
                    self.client.handle_heard(link, now);
                }
            }
            Flight::Typed => {
                self.expecting.get_or_insert(now);
                for link in self.client.plan().send {
                    self.send(link, Flight::Data { link });
                }
                if now.saturating_duration_since(self.heard_at) >= 4 * S {
                    self.client.handle_trigger(Trigger::Silent, now);
                    self.server.handle_silent();
                }
                self.client.handle_typed(now);
                self.fly(TYPED, Flight::Typed);
            }
        }
    }

    fn claimed(&mut self, link: LinkId, claim: Claim) {
        let source = source(link);
        let stream = self.carriers[&link] == Carrier::Stream;
        let verdict = match stream && !self.server.stands(source) {
            true => self.server.handle_stream_claim(source, claim, self.now),
            false => self.server.handle_claim(source, claim, self.now),
        };
        if verdict == Verdict::Refused {
            if stream {
                self.client.handle_link_failed(link, self.now);
            }
            return;
        }
        if stream && self.server.plan().current != Some(source) {
            self.server.handle_stream(source, self.now);
        }
        let id = SERVER;
        let serial = claim.serial;
        self.send(
            link,
            Flight::Ack {
                link,
                claim: Claim { id, serial },
            },
        );
    }

    fn answer_due(&self) -> Option<Instant> {
        let since = self.expecting.filter(|_| !self.reported)?;
        Some((since + self.client.patience(Some(self.rtt), self.now)).max(self.now))
    }

    /// Sends along `link`, if anything passes there now.
    fn send(&mut self, link: LinkId, flight: Flight) {
        // Knuth's generator: its upper bits are random enough for a third.
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let lost = self.carriers[&link] == Carrier::Udp && (self.dice >> 33) % 100 < self.loss;
        if self.passes(link) && !lost {
            self.fly(self.rtt / 2, flight);
        }
    }

    fn passes(&self, link: LinkId) -> bool {
        match self.carriers[&link] {
            Carrier::Udp => self.udp,
            Carrier::Stream => self.streams && !self.stalled.contains(&link),
        }
    }

    fn fly(&mut self, time: Duration, flight: Flight) {
        self.order += 1;
        self.flights.insert((self.now + time, self.order), flight);
    }
}

fn source(link: LinkId) -> Source {
    Source {
        link,
        addr: port(u16::try_from(link.0).unwrap()),
    }
}

/// Between two keys.
pub(super) const TYPED: Duration = Duration::from_millis(100);
