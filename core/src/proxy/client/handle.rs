//! What the rest of a client asks of its proxy, and tells it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::PathStatus;
use crate::heartbeat::Verdict;

/// Asks the proxy for things. Clones share the task; it ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) status: watch::Receiver<PathStatus>,
    pub(super) verdict: Arc<watch::Sender<Option<watch::Receiver<Verdict>>>>,
    pub(super) rtt: Arc<watch::Sender<Option<Duration>>>,
    pub(super) _alive: mpsc::Sender<()>,
}

impl Handle {
    /// Follows the state of the path.
    pub fn status(&self) -> watch::Receiver<PathStatus> {
        self.status.clone()
    }

    /// Listens to the heartbeat from here on: its silence makes the path dead.
    pub fn follow(&self, verdict: watch::Receiver<Verdict>) {
        self.verdict.send_replace(Some(verdict));
    }

    /// Tells how long an answer takes on this path.
    pub fn set_rtt(&self, rtt: Option<Duration>) {
        self.rtt.send_replace(rtt);
    }
}
