//! Signs of life of the peer, noted by the data path without a lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::arrivals::Arrivals;
use super::table::LinkId;

/// When and where the peer was last heard, and since when an answer is missing.
///
/// Only a packet that opened under the connection's keys counts as heard: a spoofed datagram must
/// not keep a dead path alive.
#[derive(Debug)]
pub struct Activity {
    zero: Instant,
    /// Microseconds after `zero`, plus one; 0 is never.
    heard: AtomicU64,
    /// How many packets opened.
    opened: AtomicU64,
    arrivals: Arrivals,
    /// Microseconds after `zero`, plus one; 0 while nothing is missing.
    expecting: AtomicU64,
    /// Microseconds that an answer takes at least: what is heard sooner was on its way before.
    soonest: AtomicU64,
    /// Somebody wants to know of the next sign of life at once.
    watched: AtomicBool,
    /// Somebody wants to know of everything that is sent, not only of the first thing.
    restless: AtomicBool,
    heard_again: Notify,
    changed: Notify,
}

impl Activity {
    /// Nothing heard and nothing expected yet.
    pub fn new(now: Instant) -> Self {
        Self {
            zero: now,
            heard: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            arrivals: Arrivals::new(),
            expecting: AtomicU64::new(0),
            soonest: AtomicU64::new(0),
            watched: AtomicBool::new(false),
            restless: AtomicBool::new(false),
            heard_again: Notify::new(),
            changed: Notify::new(),
        }
    }

    /// Notes that a packet which came on `link` goes to the transport.
    pub fn handle_passed(&self, link: LinkId, packet: &[u8]) {
        self.arrivals.handle_passed(link, packet);
    }

    /// Notes a packet that opened: one that ends like `packet`, where that is told, or one of those
    /// that were received last.
    pub fn handle_opened(&self, packet: Option<&[u8]>, now: Instant) {
        match packet {
            Some(packet) => self.arrivals.handle_opened_packet(packet),
            None => self.arrivals.handle_opened(),
        }
        self.handle_heard(now);
    }

    /// Notes a packet that opened, wherever it came.
    pub fn handle_heard(&self, now: Instant) {
        let stamp = self.stamp(now);
        self.heard.store(stamp, Ordering::Relaxed);
        let since = self.expecting.load(Ordering::Relaxed);
        if since != 0 && stamp.saturating_sub(since) >= self.soonest.load(Ordering::Relaxed) {
            self.expecting.store(0, Ordering::Relaxed);
        }
        // In one order with `heard_after`: either it sees the count, or this sees that it waits.
        self.opened.fetch_add(1, Ordering::SeqCst);
        if self.watched.load(Ordering::SeqCst) && self.watched.swap(false, Ordering::AcqRel) {
            self.heard_again.notify_waiters();
        }
    }

    /// Notes that something was sent which the peer answers within a round trip. The first of
    /// several counts, until the peer is heard.
    pub fn handle_sent(&self, now: Instant) {
        let stamp = self.stamp(now);
        let first = self
            .expecting
            .compare_exchange(0, stamp, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok();
        if first || self.restless.load(Ordering::Relaxed) {
            self.changed.notify_one();
        }
    }

    /// Tells how long an answer takes.
    pub fn handle_rtt(&self, rtt: Duration) {
        // Some jitter downwards is left. On a short path scheduling makes most of the measured
        // time, and an answer often comes in a fraction of it.
        let soonest = if rtt < SHORT_RTT {
            Duration::ZERO
        } else {
            rtt * 3 / 4
        };
        let soonest = u64::try_from(soonest.as_micros()).unwrap_or(u64::MAX);
        self.soonest.store(soonest, Ordering::Relaxed);
    }

    /// What was sent until this moment has its answer; `None` before the peer was heard.
    pub fn answered_until(&self) -> Option<Instant> {
        let soonest = Duration::from_micros(self.soonest.load(Ordering::Relaxed));
        Some(self.heard_at()?.checked_sub(soonest).unwrap_or(self.zero))
    }

    /// When the peer was last heard.
    pub fn heard_at(&self) -> Option<Instant> {
        self.moment(self.heard.load(Ordering::Relaxed))
    }

    /// How many packets of the peer opened so far.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::SeqCst)
    }

    /// On which link the packet came that opened last, of those of which that is known.
    pub fn heard_on(&self) -> LinkId {
        self.arrivals.heard_on()
    }

    /// Since when an answer is missing.
    pub fn expecting_since(&self) -> Option<Instant> {
        self.moment(self.expecting.load(Ordering::Relaxed))
    }

    /// Whether [`Activity::expecting`] ends with everything that is sent, or only when an answer
    /// begins to be missing.
    pub fn set_restless(&self, restless: bool) {
        self.restless.store(restless, Ordering::Relaxed);
    }

    /// Waits for the next sign of life after this call. Cancel safe.
    pub async fn heard(&self) {
        self.heard_after(self.opened()).await;
    }

    /// Waits until more than `seen` packets have opened. Cancel safe.
    pub async fn heard_after(&self, seen: u64) {
        loop {
            let mut notified = std::pin::pin!(self.heard_again.notified());
            // Registered before the data path is asked to tell, so that nothing falls between.
            notified.as_mut().enable();
            self.watched.store(true, Ordering::SeqCst);
            if self.opened() > seen {
                return;
            }
            notified.await;
        }
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

/// What a busy machine adds to a round trip; in so short a time little was on its way before.
const SHORT_RTT: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::Activity;
    use crate::clock::now;
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_of_several_unanswered_packets_counts_until_the_peer_is_heard() {
        let t0 = std::time::Instant::now();
        let activity = Activity::new(t0);
        assert_eq!(activity.expecting_since(), None);
        activity.handle_sent(t0 + 5 * MS);
        activity.handle_sent(t0 + 9 * MS);
        assert_eq!(activity.expecting_since(), Some(t0 + 5 * MS));
        activity.handle_heard(t0 + 10 * MS);
        assert_eq!(activity.expecting_since(), None);
        assert_eq!(activity.heard_at(), Some(t0 + 10 * MS));
        activity.handle_sent(t0 + 11 * MS);
        assert_eq!(activity.expecting_since(), Some(t0 + 11 * MS));
    }

    #[test]
    fn on_a_short_path_an_answer_may_come_in_a_fraction_of_the_measured_time() {
        let t0 = std::time::Instant::now();
        let activity = Activity::new(t0);
        for (rtt, heard, answered) in [(19, 1, true), (40, 29, false), (40, 31, true)] {
            activity.handle_rtt(rtt * MS);
            activity.handle_heard(t0 + 1000 * MS);
            activity.handle_sent(t0);
            activity.handle_heard(t0 + heard * MS);
            assert_eq!(
                activity.expecting_since().is_none(),
                answered,
                "{rtt} {heard}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sign_of_life_between_two_waits_is_not_missed() {
        let activity = Activity::new(now());
        let seen = activity.opened();
        activity.handle_heard(now());
        activity.heard_after(seen).await;
        assert_eq!(activity.opened(), seen + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_learn_of_one_sign_of_life() {
        let activity = Activity::new(now());
        tokio::join!(activity.heard(), activity.heard(), async {
            tokio::task::yield_now().await;
            activity.handle_heard(now());
        });
    }

    #[tokio::test(start_paused = true)]
    async fn a_restless_waiter_learns_of_every_key_and_a_calm_one_of_the_first() {
        let activity = Activity::new(now());
        activity.handle_sent(now());
        activity.expecting().await;
        activity.handle_sent(now());
        assert!(
            tokio::time::timeout(MS, activity.expecting())
                .await
                .is_err()
        );
        activity.set_restless(true);
        activity.handle_sent(now());
        activity.expecting().await;
    }
}
