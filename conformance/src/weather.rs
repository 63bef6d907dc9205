//! What happens to a packet on its way: seeded, and without a clock of its own.

use std::time::{Duration, Instant};

/// The state of a path in one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// The time that every packet takes.
    pub delay: Duration,
    /// Up to this much more, at random for each packet: more than the gap between two packets
    /// makes them change places.
    pub jitter: Duration,
    /// A late packet holds up those behind it: none changes places with another.
    pub in_order: bool,
    /// The share of packets that is lost, 0 to 1.
    pub loss: f64,
    /// The share of packets that arrives twice, 0 to 1.
    pub duplicate: f64,
    /// Bytes a second through the bottleneck; `None` is any number.
    pub rate: Option<u64>,
    /// Bytes that wait before the bottleneck; what comes on top is lost.
    pub queue: usize,
    /// Packets above this size in bytes vanish without a word.
    pub mtu: usize,
    /// Every packet is lost, those on their way too.
    pub dark: bool,
}

impl Weather {
    /// Nothing is lost; each packet takes `delay`.
    pub fn fair(delay: Duration) -> Self {
        Self {
            delay,
            jitter: Duration::ZERO,
            in_order: false,
            loss: 0.0,
            duplicate: 0.0,
            rate: None,
            queue: 1 << 20,
            mtu: 1500,
            dark: false,
        }
    }
}

/// One direction of a path: its weather, its dice, and the bottleneck's queue.
#[derive(Clone, Debug)]
pub struct Sky {
    weather: Weather,
    random: u64,
    /// When the bottleneck has sent what was put into its queue.
    free_at: Option<Instant>,
    /// When the last packet arrives that holds up those behind it.
    last_at: Option<Instant>,
}

/// When a packet arrives: not at all, once or twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// The packet itself.
    pub arrives: Option<Instant>,
    /// Its double.
    pub again: Option<Instant>,
}

impl Sky {
    /// The same seed gives the same fates to the same packets.
    pub fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            random: seed,
            free_at: None,
            last_at: None,
        }
    }

    /// The weather in force.
    pub fn weather(&self) -> Weather {
        self.weather
    }

    /// Puts another weather in force.
    pub fn handle_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Decides about a packet of `len` bytes that is sent at `now`.
    pub fn handle_packet(&mut self, len: usize, now: Instant) -> Fate {
        // Always the same number of throws, so that one packet's fate does not move the next one's.
        let (lost, doubled) = (self.chance(), self.chance());
        let (jitter, jitter_again) = (self.chance(), self.chance());
        let weather = self.weather;
        if weather.dark || len > weather.mtu || lost < weather.loss {
            return Fate::default();
        }
        let Some(sent) = self.through_bottleneck(len, now) else {
            return Fate::default();
        };
        let arrival = sent + weather.delay;
        let mut arrives = arrival + weather.jitter.mul_f64(jitter);
        if weather.in_order {
            arrives = self.last_at.map_or(arrives, |last| last.max(arrives));
            self.last_at = Some(arrives);
        }
        Fate {
            arrives: Some(arrives),
            again: (doubled < weather.duplicate)
                .then(|| arrival + weather.jitter.mul_f64(jitter_again)),
        }
    }

    fn through_bottleneck(&mut self, len: usize, now: Instant) -> Option<Instant> {
        let Some(rate) = self.weather.rate else {
            return Some(now);
        };
        let begins = self.free_at.map_or(now, |free| free.max(now));
        let waiting = begins.saturating_duration_since(now).as_secs_f64() * rate as f64;
        if waiting + len as f64 > self.weather.queue as f64 {
            return None;
        }
        let ends = begins + Duration::from_secs_f64(len as f64 / rate as f64);
        self.free_at = Some(ends);
        Some(ends)
    }

    /// A number from 0 up to 1, by splitmix64.
    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}
