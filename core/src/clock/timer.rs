//! The shared clock and the timers that wait on it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};

use super::state::PathTime;

/// The clock of one connection's transport. Clones share one time.
///
/// It runs with the runtime's clock until [`PathClock::stop`] and then stands still, so no timer of
/// the transport fires, backs off or expires while the path is known to be dead.
///
/// Nor does it run while the process is stopped, or the machine asleep where the system's time
/// counts that: it is found at the deadline that was missed.
#[derive(Clone, Debug)]
pub struct PathClock {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    time: PathTime,
    /// One slot per living timer; a freed slot is used again.
    slots: Vec<Slot>,
    /// The earliest deadline when time stopped.
    pending: Option<Instant>,
}

#[derive(Debug, Default)]
struct Slot {
    taken: bool,
    /// Path time; `None` when the timer has fired and was not set again.
    deadline: Option<Instant>,
    /// Time was turned back to this deadline already.
    excused: bool,
    waker: Option<Waker>,
}

impl PathClock {
    /// A clock that runs.
    pub fn new() -> Self {
        let time = PathTime::new(super::now());
        Self {
            shared: Arc::new(Mutex::new(Shared {
                time,
                slots: Vec::new(),
                pending: None,
            })),
        }
    }

    /// Returns the path time.
    pub fn now(&self) -> Instant {
        let now = super::now();
        let mut shared = self.lock();
        shared.excuse(now);
        shared.time.at(now)
    }

    /// Whether path time passes.
    pub fn is_running(&self) -> bool {
        self.lock().time.running()
    }

    /// Stands still from here on. Does nothing when it already does.
    pub fn stop(&self) {
        let mut shared = self.lock();
        shared.excuse(super::now());
        if shared.time.stop(super::now()) {
            shared.pending = shared.earliest();
            shared.wake_all();
        }
    }

    /// Jumps as [`Self::start`] does, where the path in use has just been replaced by one that lives. Does
    /// nothing while the clock stands still.
    pub fn hurry(&self, detection: Duration) {
        if self.is_running() {
            self.stop();
            self.start(detection);
        }
    }

    /// Runs on, having jumped to the earliest pending timer, by at most twice `detection`.
    ///
    /// `detection` is the time it took to notice that the path was dead: whatever was sent in that
    /// gap is overdue. A transport's probes wait twice as long each time, so the one that is
    /// pending was set for as long as all before it took together, and one first wait more.
    /// Does nothing when the clock runs.
    ///
    /// A transport shows one deadline, its earliest. A packet that comes while the clock still
    /// stands makes that a matter of milliseconds (a delayed acknowledgement) and hides the probe
    /// that waits behind it: so the deadline of the moment of stopping counts too.
    pub fn start(&self, detection: Duration) {
        let mut shared = self.lock();
        let cap = 2 * detection;
        let reach = shared.time.at(super::now()) + cap;
        let pending = shared.pending.filter(|at| *at <= reach);
        let target = shared.earliest().max(pending);
        let now = super::now();
        if shared.time.start(now, target, cap) {
            let landed = shared.time.at(now);
            for slot in &mut shared.slots {
                // What the jump went past is not late.
                slot.excused |= slot.deadline.is_some_and(|at| at <= landed);
            }
            shared.wake_all();
        }
    }

    /// A timer that fires when path time reaches `deadline`.
    pub fn timer(&self, deadline: Instant) -> PathTimer {
        let mut shared = self.lock();
        let fresh = Slot {
            taken: true,
            deadline: Some(deadline),
            excused: false,
            waker: None,
        };
        let slot = match shared.slots.iter().position(|slot| !slot.taken) {
            Some(free) => {
                shared.slots[free] = fresh;
                free
            }
            None => {
                shared.slots.push(fresh);
                shared.slots.len() - 1
            }
        };
        drop(shared);
        PathTimer {
            clock: self.clone(),
            slot,
            deadline,
            sleep: None,
            cancelled_at: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for PathClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    /// A timer that is long overdue tells of a process that stood still: no time passed for it.
    ///
    /// Each deadline tells once: a timer that nobody polls must not stop time.
    fn excuse(&mut self, now: Instant) {
        let missed = self
            .slots
            .iter_mut()
            .filter(|slot| !slot.excused)
            .filter_map(|slot| Some((slot.deadline?, slot)))
            .min_by_key(|(deadline, _)| *deadline);
        if let Some((deadline, slot)) = missed
            && self.time.is_late(now, deadline)
        {
            slot.excused = true;
            self.time.turn_back(now, deadline);
            self.wake_all();
        }
    }

    fn earliest(&self) -> Option<Instant> {
        self.slots.iter().filter_map(|slot| slot.deadline).min()
    }

    fn wake_all(&mut self) {
        for slot in &mut self.slots {
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }
}

/// Whether a sleep that is put off until `wake_at` is worth being cancelled.
///
/// One that is merely put off wakes the runtime at its former moment all the same. That costs an
/// idle process half of its wake-ups; cancelling at every packet would cost a busy one its time.
fn worth_cancelling(cancelled_at: Option<Instant>, now: Instant, wake_at: Instant) -> bool {
    wake_at >= now + FAR || cancelled_at.is_none_or(|at| now >= at + BUSY)
}

/// Fires when path time reaches its deadline. Poll it again after [`PathTimer::reset`].
///
/// One allocation for its life, none per reset.
#[derive(Debug)]
pub struct PathTimer {
    clock: PathClock,
    slot: usize,
    deadline: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    /// When the sleep was last taken out of the runtime's timers.
    cancelled_at: Option<Instant>,
}

impl PathTimer {
    /// Sets another deadline, in path time.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        let mut shared = self.clock.lock();
        let slot = &mut shared.slots[self.slot];
        slot.deadline = Some(deadline);
        slot.excused = false;
    }

    /// Takes the deadline back: nothing wakes the task until another is set.
    pub fn clear(&mut self) {
        let mut shared = self.clock.lock();
        shared.slots[self.slot].deadline = None;
        shared.slots[self.slot].waker = None;
        drop(shared);
        let now = super::now();
        if let Some(sleep) = &mut self.sleep
            && worth_cancelling(self.cancelled_at, now, now)
        {
            self.cancelled_at = Some(now);
            // Not polled, it is none of the runtime's timers.
            sleep.set(sleep_until((now + FAR).into()));
        }
    }

    /// Ready once path time has reached the deadline; otherwise wakes the task when it may have.
    pub fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let real_now = super::now();
            let wake_at = {
                let mut shared = self.clock.lock();
                shared.excuse(real_now);
                let now = shared.time.at(real_now);
                let wake_at = shared.time.real_deadline(self.deadline);
                let slot = &mut shared.slots[self.slot];
                if now >= self.deadline {
                    slot.deadline = None;
                    slot.waker = None;
                    return Poll::Ready(());
                }
                match &slot.waker {
                    Some(known) if known.will_wake(cx.waker()) => {}
                    _ => slot.waker = Some(cx.waker().clone()),
                }
                wake_at
            };
            // A stopped clock wakes through the slot alone.
            let Some(wake_at) = wake_at.map(tokio::time::Instant::from_std) else {
                return Poll::Pending;
            };
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(sleep_until(wake_at)));
            if sleep.deadline() < wake_at
                && worth_cancelling(self.cancelled_at, real_now, wake_at.into_std())
            {
                self.cancelled_at = Some(real_now);
                sleep.set(sleep_until(wake_at));
            } else if sleep.deadline() != wake_at {
                sleep.as_mut().reset(wake_at);
            }
            // The runtime never fires early, so the next lap finds the deadline reached.
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for PathTimer {
    fn drop(&mut self) {
        self.clock.lock().slots[self.slot] = Slot::default();
    }
}

/// A busy process does not cancel more often.
const BUSY: Duration = Duration::from_millis(10);

/// Who waits for so long has become idle.
const FAR: Duration = Duration::from_secs(1);
