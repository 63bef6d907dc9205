//! Wake from sleep: a timer on boot time is due the moment the machine runs again.

use std::io;
use std::time::Duration;

use nix::sys::timerfd::{
    ClockId as TimerClock, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags,
};
use nix::time::{ClockId, clock_gettime};
use tokio::net::unix::pipe;

/// Watches the distance between boot time, which counts sleep, and monotonic time, which does not.
#[derive(Debug)]
pub(super) struct Wake {
    /// Only for its readiness and its `read`: a timer is no pipe.
    timer: pipe::Receiver,
    slept: Duration,
}

impl Wake {
    pub(super) fn open() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(TimerClock::CLOCK_BOOTTIME, flags)?;
        timer.set(
            Expiration::Interval(EVERY.into()),
            TimerSetTimeFlags::empty(),
        )?;
        Ok(Self {
            timer: pipe::Receiver::from_owned_fd_unchecked(timer.into())?,
            slept: slept()?,
        })
    }

    async fn woke(&mut self) -> io::Result<()> {
        loop {
            self.timer.readable().await?;
            // Reading takes the expiration away; that there was none matters to nobody.
            let _ = self.timer.try_read(&mut [0; 8]);
            if is_wake(&mut self.slept, slept()?) {
                return Ok(());
            }
        }
    }
}

/// Waits for the next wake; for ever where there is no timer, or it broke.
pub(super) async fn woke(wake: &mut Option<Wake>) {
    if let Some(open) = wake {
        match open.woke().await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "no more notices of sleep"),
        }
        *wake = None;
    }
    std::future::pending().await
}

/// Whether the machine slept between two readings of [`slept`]; keeps the later one.
fn is_wake(before: &mut Duration, now: Duration) -> bool {
    let longer = now.saturating_sub(std::mem::replace(before, now));
    longer >= SHORTEST
}

/// How long this machine has slept since it was booted.
fn slept() -> io::Result<Duration> {
    let boot = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?);
    let monotonic = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
    Ok(boot.saturating_sub(monotonic))
}

/// A sleep of this length is noticed at once, a shorter one at the end of the interval.
const EVERY: Duration = Duration::from_secs(5);

/// Below this the two readings may differ by scheduling alone.
const SHORTEST: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::{Duration, Wake, is_wake, slept};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn boot_time_that_ran_ahead_by_half_a_second_is_a_wake_and_is_told_once() {
        let mut before = 1000 * MS;
        for (now, wake) in [
            (1000, false),
            (1499, false),
            (1999, true),
            (1999, false),
            // The two clocks are read one after the other.
            (1990, false),
            (8 * 3_600_000, true),
        ] {
            assert_eq!(is_wake(&mut before, now * MS), wake, "{now}");
        }
    }

    #[tokio::test]
    async fn a_machine_that_did_not_sleep_is_not_taken_for_one_that_did() {
        let mut wake = Wake::open().unwrap();
        assert!(!is_wake(&mut wake.slept, slept().unwrap()));
    }
}
