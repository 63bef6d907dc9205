//! Client and server as they are, and a network that blocks what it likes: how long nobody answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Carrier, Carriers, Output, State, Timing, Trigger};
use crate::auth::{Ack, Challenger, Claim, Verdict};
use crate::proxy::rig::port;
use crate::proxy::server::{self, Admission};
use crate::proxy::{LinkId, Source};

const CLIENT: u64 = 7;
const SERVER: u64 = 9;
const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const SEEDS: u64 = 50;

#[test]
fn where_udp_is_blocked_from_the_start_a_stream_is_the_path_within_two_seconds() {
    for seed in 0..SEEDS {
        let mut world = World::new(Carriers::Both, seed);
        world.udp = false;
        assert!(world.outage(20 * S) <= 2 * S, "seed {seed}");
        assert_eq!(world.carrier(), Carrier::Stream);
    }
}

#[test]
fn when_udp_is_blocked_in_mid_session_the_fall_takes_two_and_a_half_seconds_and_the_way_back_no_gap()
 {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        assert_eq!(world.carrier(), Carrier::Udp);
        world.udp = false;
        let fall = world.outage(20 * S);
        assert!(fall <= 2500 * MS, "seed {seed}: {fall:?}");
        assert_eq!(world.carrier(), Carrier::Stream);
        world.udp = true;
        let gap = world.outage(60 * S);
        assert_eq!(world.carrier(), Carrier::Udp, "seed {seed}");
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
    }
}

#[test]
fn when_streams_are_blocked_udp_goes_on_as_if_nothing_were() {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        world.streams = false;
        let gap = world.outage(20 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
        assert_eq!(world.carrier(), Carrier::Udp);
    }
}

#[test]
fn after_a_cut_of_everything_udp_is_back_as_soon_as_the_network() {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        world.cut(true);
        world.run(Duration::from_millis(1000 + seed * 97));
        world.cut(false);
        let gap = world.outage(60 * S);
        // A port that is given up while its answer is on the way costs another round trip.
        assert!(gap <= 2 * world.rtt + 150 * MS, "seed {seed}: {gap:?}");
        assert_eq!(world.carrier(), Carrier::Udp, "seed {seed}");
    }
}

#[test]
fn after_a_cut_a_stream_that_is_all_there_is_is_back_within_half_a_second_and_a_handshake() {
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Stream, seed);
        world.cut(true);
        world.run(Duration::from_millis(1000 + seed * 97));
        world.cut(false);
        let gap = world.outage(20 * S);
        // A connection, then the claim with the data behind it.
        assert!(gap <= 2 * world.rtt + 500 * MS, "seed {seed}: {gap:?}");
    }
}

#[test]
fn a_stream_that_stands_still_is_left_for_one_that_works() {
    for seed in 0..SEEDS {
        for carriers in [Carriers::Stream, Carriers::Both] {
            let mut world = World::settled(Carriers::Stream, seed);
            if carriers == Carriers::Both {
                world = World::new(carriers, seed);
                world.udp = false;
                world.outage(10 * S);
            }
            world.stall();
            let gap = world.outage(20 * S);
            assert!(gap <= 4 * world.rtt + 500 * MS, "seed {seed}: {gap:?}");
        }
    }
}

#[test]
fn where_the_streams_of_a_slow_path_take_seconds_one_is_the_path_in_the_end() {
    for seed in 0..20 {
        let mut world = World::new(Carriers::Stream, seed);
        world.rtt = Duration::from_millis(700 + 60 * seed);
        world.run(20 * S);
        assert_eq!(world.carrier(), Carrier::Stream);
        let gap = world.outage(20 * S);
        assert!(gap <= world.rtt + 2 * TYPED, "seed {seed}: {gap:?}");
    }
}

#[test]
fn on_a_path_that_loses_a_third_of_its_packets_nobody_is_left_alone_in_the_race() {
    let mut worst = Duration::ZERO;
    for seed in 0..SEEDS {
        let mut world = World::settled(Carriers::Both, seed);
        world.cut(true);
        world.run(Duration::from_millis(2000 + seed * 131));
        world.loss = 33;
        world.cut(false);
        worst = worst.max(world.outage(20 * S));
    }
    // Well below the four seconds after which a path counts as dead.
    assert!(worst < 3 * S, "{worst:?}");
}

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

struct World {
    now: Instant,
    rtt: Duration,
    udp: bool,
    streams: bool,
    /// Of a hundred packets over UDP.
    loss: u64,
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
    fn new(carriers: Carriers, seed: u64) -> Self {
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

    fn settled(carriers: Carriers, seed: u64) -> Self {
        let mut world = Self::new(carriers, seed);
        world.run(10 * S);
        world
    }

    /// Runs for `time`, and returns how long there was no answer at the longest, from now on.
    fn outage(&mut self, time: Duration) -> Duration {
        self.heard_at = self.now;
        self.longest = Duration::ZERO;
        self.run(time);
        self.longest.max(self.now - self.heard_at)
    }

    fn cut(&mut self, cut: bool) {
        (self.udp, self.streams) = (!cut, !cut);
        if cut {
            // No system brings back so soon what stood still for seconds.
            self.stall();
        }
    }

    fn stall(&mut self) {
        self.stalled = self.carriers.keys().copied().collect();
    }

    fn carrier(&self) -> Carrier {
        let links = self.client.plan().links;
        self.carriers[links.first().expect("there is a path")]
    }

    fn run(&mut self, time: Duration) {
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
        let verdict = match stream && self.server.authenticated() != Some(source) {
            true => self.server.handle_stream_claim(source, claim),
            false => self.server.handle_claim(source, claim),
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
const TYPED: Duration = Duration::from_millis(100);
