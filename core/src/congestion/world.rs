//! A sender, a bottleneck with a queue, and sometimes somebody who fills it; in time that is counted, not spent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Congestion;
use super::cubic::Cubic;

const MS: Duration = Duration::from_millis(1);
pub(super) const PACKET: u64 = 1400;

/// 20 Mbit/s, 100 ms, a queue of 250 kB.
pub(super) const HOME: Path = Path {
    rate: 2.5e6,
    delay: Duration::from_millis(100),
    queue: 250e3,
    loss: 0.0,
    jitter: Jitter::None,
};

#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    /// Bytes a second.
    pub(super) rate: f64,
    /// A round trip without a queue.
    pub(super) delay: Duration,
    /// Bytes.
    pub(super) queue: f64,
    pub(super) loss: f64,
    pub(super) jitter: Jitter,
}

/// By how much a packet's way, and that of its acknowledgement, is longer at random: up to so much each.
#[derive(Clone, Copy, Debug)]
pub(super) enum Jitter {
    None,
    /// Packets overtake one another.
    Apart(Duration),
    /// A packet that is late holds up those behind it.
    InOrder(Duration),
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Bytes a second that arrived.
    pub(super) ours: f64,
    pub(super) rival: f64,
    pub(super) queue_p99: Duration,
    /// Of our packets, by the full queue.
    pub(super) dropped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Ours,
    Rival,
}

pub(super) struct World {
    pub(super) path: Path,
    dice: Dice,
    pub(super) now: Instant,
    free_at: Instant,
    /// No packet that holds its place arrives before this one, and no acknowledgement.
    in_order: [Instant; 2],
    pub(super) ours: Congestion,
    in_flight: u64,
    pub(super) sending: bool,
    /// Bytes that the peer lets be in flight.
    pub(super) permitted: u64,
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
    pub(super) fn new(path: Path, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            path,
            dice: Dice(seed),
            now,
            free_at: now,
            in_order: [now; 2],
            ours: Congestion::new(1400, now),
            in_flight: 0,
            sending: true,
            permitted: u64::MAX,
            rival: None,
            order: 0,
            news: BTreeMap::new(),
            next_send: now,
            arrived: [0; 2],
            dropped: 0,
            queues: Vec::new(),
        }
    }

    pub(super) fn add_rival(&mut self) {
        self.rival = Some(Rival {
            cubic: Cubic::new(10 * PACKET, self.now),
            slow_start: Some(10 * PACKET),
            in_flight: 0,
        });
    }

    pub(super) fn remove_rival(&mut self) {
        self.rival = None;
    }

    pub(super) fn measure(&mut self, time: Duration) -> Seen {
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

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let news = self.news.first_key_value().map(|(key, _)| key.0);
            let wants = self.wants();
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
            let wants = self.wants();
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

    fn wants(&self) -> bool {
        let permitted = self.ours.window().min(self.permitted);
        self.sending && self.in_flight + PACKET <= permitted
    }

    fn tell(&mut self, owner: Owner, sent: Instant, arrived: bool) {
        match owner {
            Owner::Ours => {
                self.in_flight -= PACKET;
                if arrived {
                    self.arrived[0] += PACKET;
                    self.ours.handle_acked(sent, PACKET, self.now);
                    let limited = !self.sending || self.permitted < self.ours.window();
                    self.ours.handle_acks_end(self.in_flight, limited, self.now);
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

    fn with_jitter(&mut self, mut known: Instant) -> Instant {
        for way in 0..2 {
            match self.path.jitter {
                Jitter::None => {}
                Jitter::Apart(most) => known += most.mul_f64(self.dice.throw()),
                Jitter::InOrder(most) => {
                    known = self.in_order[way].max(known + most.mul_f64(self.dice.throw()));
                    self.in_order[way] = known;
                }
            }
        }
        known
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
            self.with_jitter(self.free_at + self.path.delay)
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
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn throw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}
