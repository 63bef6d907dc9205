//! Owns a connection's tasks: the first to end, for any reason, ends them all.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Which actor a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Writes events to the bus.
    BusWriter,
    /// Reads events from the bus.
    BusReader,
    /// Acts on the events of the bus.
    Events,
    /// Probes the peer.
    Heartbeat,
    /// Keeps the path.
    Proxy,
    /// Asks for new keys.
    Rekey,
    /// Accepts streams.
    Streams,
}

/// The tasks of one connection.
#[derive(Debug)]
pub struct Supervisor {
    tasks: JoinSet<Role>,
    stop: CancellationToken,
}

impl Supervisor {
    /// Without tasks. They are stopped by a child of `stop`, or by the end of one of them.
    pub fn new(stop: &CancellationToken) -> Self {
        Self {
            tasks: JoinSet::new(),
            stop: stop.child_token(),
        }
    }

    /// The token that tells this connection's tasks to end.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task in a span of its own.
    pub fn spawn(&mut self, role: Role, task: impl Future<Output = ()> + Send + 'static) {
        let span = tracing::debug_span!(parent: None, "actor", ?role);
        let task = async move {
            task.await;
            role
        };
        self.tasks.spawn(task.instrument(span));
    }

    /// Waits for the first task to end, ends the others, and returns who it was; `None` means it
    /// panicked or there was none. No task is left when this returns.
    pub async fn run(mut self) -> Option<Role> {
        let first = self.tasks.join_next().await.and_then(Result::ok);
        tracing::debug!(?first, "a connection ends");
        self.stop.cancel();
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all_ended).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "tasks ignored the stop token");
            self.tasks.shutdown().await;
        }
        first
    }
}

/// Long enough to flush a goodbye over a slow link, short enough for a user's Ctrl-C.
const GRACE: Duration = Duration::from_secs(2);
