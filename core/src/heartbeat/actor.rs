//! Waits for time and echoes, and does what [`Heartbeat`] says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::state::{Heartbeat, Output, Timing, Verdict};
use crate::clock::{now, until};
use crate::proxy::PacketPipe;
use crate::wire::{Alive, BusEvent};

/// Feeds the heartbeat and follows its verdict.
#[derive(Clone, Debug)]
pub struct Handle {
    echo: Arc<Notify>,
    verdict: watch::Receiver<Verdict>,
    probed_at: Arc<Mutex<Option<Instant>>>,
    silent_after: Duration,
}

impl Handle {
    /// The echo of a probe came. Returns the round trip time to go by, of which the transport's own
    /// is `smoothed`: an outage inflates that for many round trips, and one probe may be lost.
    pub fn echo(&self, smoothed: Option<Duration>) -> Option<Duration> {
        self.echo.notify_one();
        let probed_at = self.lock().take();
        let took = probed_at
            .map(|at| now().saturating_duration_since(at))
            .filter(|took| *took < self.silent_after);
        match (took, smoothed) {
            (Some(took), Some(smoothed)) => Some(took.min(smoothed)),
            (took, smoothed) => took.or(smoothed),
        }
    }

    /// Follows what is known of the peer.
    pub fn verdict(&self) -> watch::Receiver<Verdict> {
        self.verdict.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.probed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The heartbeat of one connection, and its task. Probes go to `bus`, without waiting for room.
pub fn new(
    timing: Timing,
    pipe: PacketPipe,
    bus: mpsc::Sender<BusEvent>,
    stop: CancellationToken,
) -> (Handle, impl Future<Output = ()> + Send + 'static) {
    let (told, verdict) = watch::channel(Verdict::Heard);
    let handle = Handle {
        echo: Arc::default(),
        verdict,
        probed_at: Arc::default(),
        silent_after: timing.silent_after,
    };
    let task = Task {
        heartbeat: Heartbeat::new(timing, now()),
        pipe,
        bus,
        handle: handle.clone(),
        told,
        stop,
    };
    (handle, task.run())
}

/// Waits for another verdict; for ever when nobody gives one. Cancel safe.
pub async fn told(verdict: &mut Option<watch::Receiver<Verdict>>) -> Verdict {
    if let Some(watched) = verdict
        && watched.changed().await.is_ok()
    {
        return *watched.borrow_and_update();
    }
    *verdict = None;
    std::future::pending().await
}

struct Task {
    heartbeat: Heartbeat,
    pipe: PacketPipe,
    bus: mpsc::Sender<BusEvent>,
    handle: Handle,
    told: watch::Sender<Verdict>,
    stop: CancellationToken,
}

impl Task {
    async fn run(mut self) {
        let pipe = self.pipe.clone();
        loop {
            let seen = pipe.activity().opened();
            // The data path notes each packet in one place; it is read when it matters.
            if let Some(at) = pipe.activity().heard_at() {
                self.heartbeat.handle_heard(at);
            }
            while let Some(output) = self.heartbeat.poll_output(now()) {
                self.act(output);
            }
            let silent = *self.told.borrow() != Verdict::Heard;
            tokio::select! {
                biased; // Stop first; deadlines are looked at on each lap.
                () = self.stop.cancelled() => return,
                () = self.handle.echo.notified() => self.heartbeat.handle_echo(now()),
                () = until(self.heartbeat.poll_timeout()) => {}
                () = pipe.activity().heard_after(seen), if silent => {}
            }
        }
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::SendProbe => {
                let time_ms = milliseconds_since_epoch();
                let probe = BusEvent::Alive(Alive { time_ms });
                match self.bus.try_send(probe) {
                    Ok(()) => {
                        *self.handle.lock() = Some(now());
                        self.pipe.activity().handle_sent(now());
                    }
                    Err(_) => self.heartbeat.handle_unsent(now()),
                }
            }
            Output::Tell(verdict) => {
                tracing::debug!(?verdict, "the peer's signs of life");
                self.told.send_replace(verdict);
            }
        }
    }
}

/// PROTOCOL.md, "The bus": the time in a probe, which nobody relies on.
#[expect(
    clippy::disallowed_methods,
    reason = "the wire asks for the calendar's time"
)]
fn milliseconds_since_epoch() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
