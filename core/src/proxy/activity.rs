//! Signs of life of the peer, noted by the data path without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// When the peer was last heard, and since when an answer is missing.
///
/// Only a packet that opened under the connection's keys counts as heard: a spoofed datagram must
/// not keep a dead path alive.
#[derive(Debug)]
pub struct Activity {
    zero: Instant,
    /// Microseconds after `zero`, plus one; 0 is never.
    heard: AtomicU64,
    /// Microseconds after `zero`, plus one; 0 while nothing is missing.
    expecting: AtomicU64,
    /// Microseconds that an answer takes at least: what is heard sooner was on its way before.
    soonest: AtomicU64,
    /// 1 while somebody wants to know of the next sign of life at once.
    watched: AtomicU64,
    heard_again: Notify,
    changed: Notify,
}

impl Activity {
    /// Nothing heard and nothing expected yet.
    pub fn new(now: Instant) -> Self {
        Self {
            zero: now,
            heard: AtomicU64::new(0),
            expecting: AtomicU64::new(0),
            soonest: AtomicU64::new(0),
            watched: AtomicU64::new(0),
            heard_again: Notify::new(),
            changed: Notify::new(),
        }
    }

    /// Notes a packet that opened.
    pub fn handle_heard(&self, now: Instant) {
        let stamp = self.stamp(now);
        self.heard.store(stamp, Ordering::Relaxed);
        let since = self.expecting.load(Ordering::Relaxed);
        if since != 0 && stamp.saturating_sub(since) >= self.soonest.load(Ordering::Relaxed) {
            self.expecting.store(0, Ordering::Relaxed);
        }
        if self.watched.load(Ordering::Relaxed) != 0 && self.watched.swap(0, Ordering::AcqRel) != 0
        {
            self.heard_again.notify_waiters();
        }
    }

    /// Notes that something was sent which the peer answers within a round trip. The first of
    /// several counts, until the peer is heard.
    pub fn handle_sent(&self, now: Instant) {
        let stamp = self.stamp(now);
        if self
            .expecting
            .compare_exchange(0, stamp, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
        {
            self.changed.notify_one();
        }
    }

    /// Tells how long an answer takes.
    pub fn handle_rtt(&self, rtt: Duration) {
        // Some jitter downwards is left.
        let soonest = u64::try_from((rtt * 3 / 4).as_micros()).unwrap_or(u64::MAX);
        self.soonest.store(soonest, Ordering::Relaxed);
    }

    /// When the peer was last heard.
    pub fn heard_at(&self) -> Option<Instant> {
        self.moment(self.heard.load(Ordering::Relaxed))
    }

    /// Since when an answer is missing.
    pub fn expecting_since(&self) -> Option<Instant> {
        self.moment(self.expecting.load(Ordering::Relaxed))
    }

    /// Waits for the next sign of life after this call. Cancel safe.
    pub async fn heard(&self) {
        let mut notified = std::pin::pin!(self.heard_again.notified());
        // Registered before the data path is asked to tell, so that nothing falls between.
        notified.as_mut().enable();
        self.watched.store(1, Ordering::Release);
        notified.await;
    }

    /// Waits until an answer begins to be missing. Cancel safe. One waiter at a time.
    pub async fn expecting(&self) {
        self.changed.notified().await;
    }

    fn stamp(&self, now: Instant) -> u64 {
        let micros = now.saturating_duration_since(self.zero).as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX - 1) + 1
    }

    fn moment(&self, stamp: u64) -> Option<Instant> {
        stamp
            .checked_sub(1)
            .map(|micros| self.zero + Duration::from_micros(micros))
    }
}
