//! What lies between two peers in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::lock;

/// What lies between two peers: bytes pass, or wait.
#[derive(Clone, Debug, Default)]
pub struct Air {
    shared: Arc<AirState>,
}

#[derive(Debug, Default)]
struct AirState {
    dark: AtomicBool,
    round_trip: Mutex<Option<Duration>>,
    waiting: Mutex<Vec<Waker>>,
}

impl Air {
    /// From here on bytes wait, for as long as it takes.
    pub fn darken(&self) {
        self.shared.dark.store(true, Ordering::Release);
    }

    /// Bytes pass again.
    pub fn clear(&self) {
        self.shared.dark.store(false, Ordering::Release);
        for waker in lock(&self.shared.waiting).drain(..) {
            waker.wake();
        }
    }

    /// What the connections through this air tell of their round trip time. Bytes pass as quickly as before.
    pub fn set_rtt(&self, rtt: Duration) {
        *lock(&self.shared.round_trip) = Some(rtt);
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        *lock(&self.shared.round_trip)
    }

    /// Whether bytes wait.
    pub fn is_dark(&self) -> bool {
        self.shared.dark.load(Ordering::Acquire)
    }

    /// Ready while the air is clear; `cx` is woken when it may be.
    pub(super) fn poll_clear(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.is_dark() {
            return Poll::Ready(());
        }
        let mut waiting = lock(&self.shared.waiting);
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        drop(waiting);
        // The air may have cleared before the waker was noted.
        match self.is_dark() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}
