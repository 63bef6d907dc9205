//! A sender, a bottleneck with a queue, and sometimes somebody who fills it; in time that is counted, not spent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::cubic::Cubic;
use super::*;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const PACKET: u64 = 1400;

/// 20 Mbit/s, 100 ms, a queue of 250 kB.
const HOME: Path = Path {
    rate: 2.5e6,
    delay: Duration::from_millis(100),
    queue: 250e3,
    loss: 0.0,
};

#[test]
fn a_clean_path_is_filled_and_its_queue_stays_short() {
    let mut world = World::new(HOME, 1);
    world.run(3 * S);
    let seen = world.measure(20 * S);
    assert!(seen.ours > 0.93 * HOME.rate, "{seen:?}");
    assert!(seen.queue_p99 < 45 * MS, "{seen:?}");
    assert_eq!(seen.dropped, 0, "{seen:?}");
}

#[test]
fn the_first_seconds_fill_the_path_without_overflowing_it() {
    let mut world = World::new(HOME, 2);
    let seen = world.measure(2 * S);
    assert!(seen.ours > 0.6 * HOME.rate, "{seen:?}");
    assert_eq!(seen.dropped, 0, "{seen:?}");
}

#[test]
fn loss_at_random_does_not_make_the_window_collapse() {
    for (loss, delay, share) in [(0.01, 100, 0.9), (0.05, 100, 0.85), (0.2, 300, 0.65)] {
        for seed in 1..=3 {
            let path = Path {
                rate: 2.5e6,
                delay: delay * MS,
                queue: 500e3,
                loss,
            };
            let mut world = World::new(path, seed);
            world.run(10 * S);
            let seen = world.measure(30 * S);
            assert!(
                seen.ours > share * path.rate,
                "loss {loss}, seed {seed}: {seen:?}"
            );
            assert!(
                seen.queue_p99 < 100 * MS,
                "loss {loss}, seed {seed}: {seen:?}"
            );
        }
    }
}

#[test]
fn a_flow_of_tcp_beside_it_gets_its_share_and_leaves_one() {
    for first in [0, 5] {
        let mut world = World::new(HOME, 1);
        world.run(first * S);
        world.add_rival();
        world.run(15 * S);
        let seen = world.measure(60 * S);
        let share = seen.ours / (seen.ours + seen.rival);
        assert!(
            (0.35..0.65).contains(&share),
            "after {first} s: {share} {seen:?}"
        );
        assert!(seen.ours + seen.rival > 0.9 * HOME.rate, "{seen:?}");
    }
}

#[test]
fn once_the_other_flow_has_ended_the_queue_is_short_again() {
    let mut world = World::new(HOME, 3);
    world.add_rival();
    world.run(30 * S);
    world.remove_rival();
    world.run(15 * S);
    let seen = world.measure(10 * S);
    assert!(seen.ours > 0.93 * HOME.rate, "{seen:?}");
    assert!(seen.queue_p99 < 45 * MS, "{seen:?}");
}

#[test]
fn a_path_that_gets_faster_is_found_out_and_one_that_gets_slower_too() {
    let mut world = World::new(HOME, 4);
    world.run(10 * S);
    world.path.rate = 10e6;
    world.run(5 * S);
    let faster = world.measure(10 * S);
    world.path.rate = 1e6;
    world.run(20 * S);
    let slower = world.measure(10 * S);
    assert!(faster.ours > 9e6, "{faster:?}");
    assert!(
        slower.ours > 0.9e6 && slower.queue_p99 < 100 * MS,
        "{slower:?}"
    );
}

#[test]
fn a_path_whose_round_trip_gets_longer_stays_filled() {
    let mut world = World::new(HOME, 9);
    world.path.delay = 20 * MS;
    world.run(10 * S);
    world.path.delay = 100 * MS;
    world.run(5 * S);
    let soon = world.measure(20 * S);
    world.run(300 * S);
    let later = world.measure(20 * S);
    assert!(soon.ours > 0.8 * HOME.rate, "{soon:?}");
    assert!(later.ours > 0.93 * HOME.rate, "{later:?}");
    assert!(later.queue_p99 < 45 * MS, "{later:?}");
}

#[test]
fn a_queue_that_holds_next_to_nothing_costs_little_loss() {
    let path = Path {
        queue: 15e3,
        ..HOME
    };
    let mut world = World::new(path, 5);
    world.run(20 * S);
    let seen = world.measure(30 * S);
    let lost = seen.dropped as f64 * PACKET as f64 / 30.0 / HOME.rate;
    assert!(seen.ours > 0.85 * HOME.rate, "{seen:?}");
    assert!(lost < 0.06, "{lost} {seen:?}");
}

#[test]
fn a_path_of_a_fraction_of_a_millisecond_is_filled_too() {
    let path = Path {
        rate: 40e6,
        delay: MS / 5,
        queue: 2e6,
        loss: 0.0,
    };
    let mut world = World::new(path, 6);
    world.run(S);
    let seen = world.measure(2 * S);
    assert!(seen.ours > 0.9 * path.rate, "{seen:?}");
}

#[test]
fn a_pause_of_the_program_does_not_make_the_path_slow() {
    let mut world = World::new(HOME, 7);
    world.run(10 * S);
    let full = world.ours.window();
    world.sending = false;
    world.run(20 * S);
    world.sending = true;
    world.run(S);
    let seen = world.measure(S);
    assert!(seen.ours > 0.9 * HOME.rate, "{full} {seen:?}");
}

#[test]
fn marks_of_a_router_are_obeyed_and_a_blackout_starts_anew() {
    let mut world = World::new(HOME, 8);
    world.run(10 * S);
    let before = world.ours.window();
    world.ours.handle_marked(world.now, world.now + MS);
    let after = world.ours.window();
    assert!(after <= before * 7 / 10 + PACKET, "{before} {after}");

    world.ours.handle_blackout(world.now);
    assert_eq!(world.ours.window(), world.ours.first_window());
}

#[test]
fn nothing_that_is_told_makes_it_stop_or_grow_without_end() {
    for seed in 1..=200 {
        let mut dice = Dice(seed);
        let t0 = Instant::now();
        let mut now = t0;
        let mut congestion = Congestion::new(1400, now);
        for _ in 0..2000 {
            now += MS.mul_f64(dice.throw() * 50.0);
            // Moments that a peer could make up, and orders that no network makes.
            let sent = t0 + now.duration_since(t0).mul_f64(dice.throw());
            let bytes = (dice.throw() * 3000.0) as u64;
            match (dice.throw() * 6.0) as u32 {
                0 => congestion.handle_sent(bytes, now),
                1 => congestion.handle_acked(sent, bytes, now),
                2 => congestion.handle_lost(sent, bytes, now),
                3 => congestion.handle_marked(sent, now),
                4 => congestion.handle_packet_size(1200 + (bytes % 300) as u16),
                _ => congestion.handle_acks_end(bytes, bytes.is_multiple_of(2), now),
            }
            assert!(congestion.window() >= 4 * 1200, "seed {seed}");
            assert!(congestion.window() < 1 << 40, "seed {seed}");
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Path {
    /// Bytes a second.
    rate: f64,
    /// A round trip without a queue.
    delay: Duration,
    /// Bytes.
    queue: f64,
    loss: f64,
}

#[derive(Debug, Default)]
struct Seen {
    /// Bytes a second that arrived.
    ours: f64,
    rival: f64,
    queue_p99: Duration,
    /// Of our packets, by the full queue.
    dropped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Ours,
    Rival,
}

struct World {
    path: Path,
    dice: Dice,
    now: Instant,
    free_at: Instant,
    ours: Congestion,
    in_flight: u64,
    sending: bool,
    rival: Option<Rival>,
    order: u64,
    /// What becomes known when: of whose packet, when it left, and whether it arrived.
    news: BTreeMap<(Instant, u64), (Owner, Instant, bool)>,
    next_send: Instant,
    arrived: [u64; 2],
    dropped: u64,
    queues: Vec<Duration>,
}

/// Someone who takes every loss for a full queue.
struct Rival {
    cubic: Cubic,
    slow_start: Option<u64>,
    in_flight: u64,
}

impl World {
    fn new(path: Path, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            path,
            dice: Dice(seed),
            now,
            free_at: now,
            ours: Congestion::new(1400, now),
            in_flight: 0,
            sending: true,
            rival: None,
            order: 0,
            news: BTreeMap::new(),
            next_send: now,
            arrived: [0; 2],
            dropped: 0,
            queues: Vec::new(),
        }
    }

    fn add_rival(&mut self) {
        self.rival = Some(Rival {
            cubic: Cubic::new(10 * PACKET, self.now),
            slow_start: Some(10 * PACKET),
            in_flight: 0,
        });
    }

    fn remove_rival(&mut self) {
        self.rival = None;
    }

    fn measure(&mut self, time: Duration) -> Seen {
        self.arrived = [0; 2];
        self.dropped = 0;
        self.queues.clear();
        self.run(time);
        self.queues.sort();
        let seconds = time.as_secs_f64();
        Seen {
            ours: self.arrived[0] as f64 / seconds,
            rival: self.arrived[1] as f64 / seconds,
            queue_p99: self.queues[self.queues.len() * 99 / 100],
            dropped: self.dropped,
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let news = self.news.first_key_value().map(|(key, _)| key.0);
            let wants = self.sending && self.in_flight + PACKET <= self.ours.window();
            let send = wants.then_some(self.next_send.max(self.now));
            let next = [news, send, Some(end)].into_iter().flatten().min();
            self.now = next.unwrap_or(end);
            while let Some(entry) = self.news.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let (owner, sent, arrived) = entry.remove();
                self.tell(owner, sent, arrived);
            }
            self.send_rivals();
            let wants = self.sending && self.in_flight + PACKET <= self.ours.window();
            if wants && self.next_send <= self.now {
                self.ours.handle_sent(PACKET, self.now);
                self.in_flight += PACKET;
                self.send(Owner::Ours);
                // As quinn paces: a quarter faster than the window in a round trip.
                let queue = self.free_at.saturating_duration_since(self.now);
                let gap = (self.path.delay + queue).mul_f64(PACKET as f64 / 1.25);
                self.next_send = self.now + gap.div_f64(self.ours.window() as f64);
            }
        }
    }

    fn tell(&mut self, owner: Owner, sent: Instant, arrived: bool) {
        match owner {
            Owner::Ours => {
                self.in_flight -= PACKET;
                if arrived {
                    self.arrived[0] += PACKET;
                    self.ours.handle_acked(sent, PACKET, self.now);
                    self.ours
                        .handle_acks_end(self.in_flight, !self.sending, self.now);
                } else {
                    self.ours.handle_lost(sent, PACKET, self.now);
                }
            }
            Owner::Rival => {
                self.arrived[1] += if arrived { PACKET } else { 0 };
                let Some(rival) = &mut self.rival else { return };
                rival.in_flight = rival.in_flight.saturating_sub(PACKET);
                match (arrived, &mut rival.slow_start) {
                    (true, Some(window)) => *window += PACKET,
                    (true, None) => rival.cubic.handle_acked(PACKET, self.now),
                    (false, Some(window)) => {
                        rival.cubic = Cubic::new(*window, sent - MS);
                        rival.cubic.handle_lost(sent, PACKET, self.now);
                        rival.slow_start = None;
                    }
                    (false, None) => rival.cubic.handle_lost(sent, PACKET, self.now),
                }
            }
        }
    }

    fn send_rivals(&mut self) {
        while let Some(rival) = &mut self.rival {
            let window = rival.slow_start.unwrap_or_else(|| rival.cubic.window());
            if rival.in_flight + PACKET > window {
                return;
            }
            rival.in_flight += PACKET;
            self.send(Owner::Rival);
        }
    }

    fn send(&mut self, owner: Owner) {
        let begins = self.free_at.max(self.now);
        let waiting = begins.duration_since(self.now);
        let overflows = waiting.as_secs_f64() * self.path.rate + PACKET as f64 > self.path.queue;
        let arrived = !overflows && self.dice.throw() >= self.path.loss;
        let known = if overflows {
            self.dropped += u64::from(owner == Owner::Ours);
            // By the packets behind it.
            self.now + waiting + self.path.delay
        } else {
            self.free_at = begins + Duration::from_secs_f64(PACKET as f64 / self.path.rate);
            self.queues.push(waiting);
            self.free_at + self.path.delay
        };
        // RFC 9002, section 6.1: three packets later, or an eighth of a round trip.
        let known = match arrived {
            true => known,
            false => known + self.path.delay / 16,
        };
        self.order += 1;
        self.news
            .insert((known, self.order), (owner, self.now, arrived));
    }
}

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}
