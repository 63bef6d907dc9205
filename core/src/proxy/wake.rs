//! Who waits for the links, and when a link that fails is looked at again.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// The one task that waits for something.
#[derive(Debug, Default)]
pub(super) struct Waiter(Mutex<Option<Waker>>);

impl Waiter {
    /// Has this task woken, and none that was stored before.
    pub(super) fn store(&self, waker: &Waker) {
        let mut known = lock(&self.0);
        match &*known {
            Some(known) if known.will_wake(waker) => {}
            _ => *known = Some(waker.clone()),
        }
    }

    /// Wakes the task, once.
    pub(super) fn wake(&self) {
        let waker = lock(&self.0).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The moment at which whoever receives looks again.
///
/// A link that just failed wakes nobody when it has something; to look at it at once, and always,
/// would keep a processor busy with one that is broken for good.
#[derive(Debug, Default)]
pub(super) struct NextLook(Mutex<Option<Pin<Box<Sleep>>>>);

impl NextLook {
    /// Wakes the task of `cx` a little later; sooner when that was arranged before.
    pub(super) fn arrange(&self, cx: &mut Context<'_>) {
        let mut look = lock(&self.0);
        loop {
            let pause = look.get_or_insert_with(|| Box::pin(sleep(PAUSE)));
            if pause.as_mut().poll(cx).is_pending() {
                return;
            }
            *look = None;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A hundred looks a second cost next to nothing, and nobody feels so short a delay.
const PAUSE: Duration = Duration::from_millis(10);
