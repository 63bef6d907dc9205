//! Which sessions of a client run, and who waits for their end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::wire::Exit;

/// Who waits for the end of which session; those that are not started yet count their IDs.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    shared: Arc<Mutex<SessionTable>>,
}

#[derive(Debug, Default)]
struct SessionTable {
    next_id: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Exit>>,
}

impl Sessions {
    /// The first session has the ID `next_id`.
    pub(super) fn starting_at(next_id: u64) -> Self {
        let sessions = Self::default();
        sessions.lock().next_id = next_id;
        sessions
    }

    /// The ID of a new session, and its end.
    pub(super) fn register(&self) -> (u64, oneshot::Receiver<Exit>) {
        let (sender, exit) = oneshot::channel();
        let mut table = self.lock();
        // Those whose receiver is gone have nobody who waits.
        table.waiting.retain(|_, waiting| !waiting.is_closed());
        let id = table.next_id;
        // A server's word is where it starts.
        table.next_id = table.next_id.wrapping_add(1);
        table.waiting.insert(id, sender);
        (id, exit)
    }

    /// A session ended.
    pub(super) fn handle_exit(&self, exit: Exit) {
        if let Some(waiting) = self.lock().waiting.remove(&exit.id) {
            // Whoever waited may have left.
            let _ = waiting.send(exit);
        }
    }

    /// Nothing more will be heard of any session.
    pub(super) fn handle_end(&self) {
        self.lock().waiting.clear();
    }

    fn lock(&self) -> MutexGuard<'_, SessionTable> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
