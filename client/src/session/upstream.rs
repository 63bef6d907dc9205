//! Keys and bytes on their way to the far side.
//!
//! Keys go through a queue, so that escapes are found while the far side takes nothing; a pipe
//! goes straight through, as fast as it comes.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, watch};
use tssh_core::proxy::client::PathStatus;

use super::remote::{Broken, RemoteInput};
use crate::terminal::Typeahead;
use crate::terminal::notice::Waiting;
use crate::terminal::typeahead::Pushed;

/// Whether keys wait for the path, and who is told that something was typed.
#[derive(Clone)]
pub struct Offline {
    /// The state of the path; `None` over plain SSH, where keys never wait here.
    pub path: Option<watch::Receiver<PathStatus>>,
    /// Called for each piece of typing: a path that does not answer is replaced.
    pub typed: Arc<dyn Fn() + Send + Sync>,
}

impl Offline {
    /// Keys never wait.
    pub fn never() -> Self {
        Self {
            path: None,
            typed: Arc::new(|| {}),
        }
    }

    /// Whether the path is known to be dead.
    pub fn is_dark(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.borrow().dark)
    }

    /// Waits until the path is not known to be dead.
    async fn is_light(&self) {
        if let Some(path) = &self.path {
            let mut path = path.clone();
            // A connection that has ended is found out by the write.
            let _ = path.wait_for(|status| !status.dark).await;
        }
    }
}

/// Keys that wait for the far side: it may be busy, or away.
pub(super) struct Keys {
    /// Typed while the path answered; goes first.
    sending: RefCell<BytesMut>,
    /// Typed while the path was known to be dead.
    waiting: RefCell<Typeahead>,
    /// What did not fit; nothing more is read until it does.
    rest: RefCell<Bytes>,
    ended: Cell<bool>,
    changed: Notify,
    room: Notify,
    offline: Offline,
}

impl Keys {
    pub(super) fn new(offline: Offline) -> Self {
        Self {
            sending: RefCell::default(),
            waiting: RefCell::default(),
            rest: RefCell::default(),
            ended: Cell::new(false),
            changed: Notify::new(),
            room: Notify::new(),
            offline,
        }
    }

    /// Takes keys in. Offline, a Ctrl-C drops what still waits; online it is a key like others.
    pub(super) fn push(&self, mut keys: Bytes) -> Pushed {
        (self.offline.typed)();
        let mut pushed = Pushed::default();
        if self.offline.is_dark() {
            pushed = self.waiting.borrow_mut().push(&mut keys);
        } else {
            self.release();
            let mut sending = self.sending.borrow_mut();
            let room = SENDING_LIMIT.saturating_sub(sending.len()).min(keys.len());
            sending.extend_from_slice(&keys.split_to(room));
        }
        *self.rest.borrow_mut() = keys;
        self.changed.notify_one();
        pushed
    }

    /// No more keys will come.
    pub(super) fn end(&self) {
        self.ended.set(true);
        self.changed.notify_one();
    }

    /// How many keys wait for the path.
    pub(super) fn waiting(&self) -> Waiting {
        let waiting = self.waiting.borrow();
        Waiting {
            keys: waiting.waiting(),
            full: waiting.is_full(),
        }
    }

    /// Waits until all keys taken in have found room. Cancel safe.
    pub(super) async fn has_room(&self) {
        while !self.rest.borrow().is_empty() {
            self.room.notified().await;
        }
    }

    /// Sends keys as they come, while the path is not known to be dead, and the end behind them.
    ///
    /// # Errors
    ///
    /// When the program reads no more, or the connection has ended.
    pub(super) async fn drain(&self, remote: &mut RemoteInput) -> Result<(), Broken> {
        loop {
            self.offline.is_light().await;
            self.release();
            let keys = self.sending.borrow_mut().split().freeze();
            if !keys.is_empty() {
                remote.write(keys).await?;
                let rest = std::mem::take(&mut *self.rest.borrow_mut());
                if !rest.is_empty() {
                    self.push(rest);
                }
                self.room.notify_one();
                continue;
            }
            if self.ended.get() {
                return remote.finish().await;
            }
            self.changed.notified().await;
        }
    }

    /// What was typed offline is next.
    fn release(&self) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.is_empty() {
            self.sending.borrow_mut().extend_from_slice(&waiting.take());
        }
    }
}

/// Keys for a program that does not read; a paste is held back beyond this.
const SENDING_LIMIT: usize = 64 * 1024;

impl fmt::Debug for Offline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Offline")
    }
}
