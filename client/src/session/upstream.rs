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

    /// Waits until the path is known to be dead; for ever over plain SSH. Cancel safe.
    async fn is_darkened(&self) {
        let Some(path) = &self.path else {
            return std::future::pending().await;
        };
        if path.clone().wait_for(|status| status.dark).await.is_err() {
            std::future::pending().await
        }
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
    /// What fitted into neither. While the path answers nothing more is read until it does; offline
    /// reading goes on, since an escape or a Ctrl-C may follow.
    rest: RefCell<BytesMut>,
    /// Bytes that did not even fit there.
    lost: Cell<u64>,
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
            lost: Cell::new(0),
            ended: Cell::new(false),
            changed: Notify::new(),
            room: Notify::new(),
            offline,
        }
    }

    /// Takes keys in. Offline, a Ctrl-C drops what still waits; online it is a key like others.
    pub(super) fn push(&self, keys: Bytes) -> Pushed {
        (self.offline.typed)();
        let pushed = self.place(keys);
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

    /// How many bytes were dropped for want of room since this was last asked.
    pub(super) fn take_lost(&self) -> u64 {
        self.lost.take()
    }

    /// Waits until all keys taken in have found room, or the path is known to be dead. Cancel safe.
    pub(super) async fn has_room(&self) {
        while !self.rest.borrow().is_empty() && !self.offline.is_dark() {
            tokio::select! {
                biased; // Both are looked at again.
                () = self.room.notified() => {}
                () = self.offline.is_darkened() => {}
            }
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
            let keys = self.next();
            if !keys.is_empty() {
                remote.write(keys).await?;
                self.place(Bytes::new());
                self.room.notify_one();
                continue;
            }
            if self.ended.get() {
                return remote.finish().await;
            }
            self.changed.notified().await;
        }
    }

    /// Everything that may be sent now.
    fn next(&self) -> Bytes {
        self.place(Bytes::new());
        self.sending.borrow_mut().split().freeze()
    }

    /// Puts `keys` behind what is here already, each where there is room for it.
    fn place(&self, mut keys: Bytes) -> Pushed {
        let mut waiting = self.waiting.borrow_mut();
        let mut rest = self.rest.borrow_mut();
        if !self.offline.is_dark() {
            let mut sending = self.sending.borrow_mut();
            if !waiting.is_empty() {
                sending.extend_from_slice(&waiting.take());
            }
            // One piece of typing at most: the next is read when this one has gone.
            rest.extend_from_slice(&keys);
            let room = SENDING_LIMIT.saturating_sub(sending.len()).min(rest.len());
            sending.extend_from_slice(&rest.split_to(room));
            return Pushed::default();
        }
        let mut pushed = Pushed::default();
        if !rest.is_empty() && !waiting.is_full() {
            let mut older = rest.split().freeze();
            pushed = waiting.push(&mut older);
            rest.extend_from_slice(&older);
        }
        // Where older keys found no room, only a Ctrl-C is taken from these.
        let newer = waiting.push(&mut keys);
        if newer.interrupts > 0 {
            pushed.dropped += rest.len();
            rest.clear();
        }
        pushed.interrupts += newer.interrupts;
        pushed.dropped += newer.dropped;
        let room = REST_LIMIT.saturating_sub(rest.len()).min(keys.len());
        rest.extend_from_slice(&keys.split_to(room));
        self.lost.set(self.lost.get() + keys.len() as u64);
        pushed
    }
}

/// Keys for a program that does not read; a paste is held back beyond this.
const SENDING_LIMIT: usize = 64 * 1024;

/// What is read offline beyond what may wait, so that a long paste is whole when it is delivered, and
/// the way out behind it is found.
const REST_LIMIT: usize = 1024 * 1024;

impl fmt::Debug for Offline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Offline")
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, timeout};

    use super::*;
    use crate::terminal::typeahead::TYPEAHEAD_LIMIT;

    #[tokio::test(start_paused = true)]
    async fn offline_reading_goes_on_when_no_more_keys_can_wait() {
        let (keys, path) = keys();
        go_dark(&path, true);
        keys.push(Bytes::from(vec![b'x'; TYPEAHEAD_LIMIT + 10]));
        assert!(keys.waiting().full);
        keys.has_room().await;
        keys.push(Bytes::from_static(b"tail"));
        keys.has_room().await;

        // In order, and none is missing, once the path is back.
        go_dark(&path, false);
        let mut sent = Vec::new();
        loop {
            let more = keys.next();
            if more.is_empty() {
                break;
            }
            sent.extend_from_slice(&more);
        }
        assert_eq!(sent.len(), TYPEAHEAD_LIMIT + 14);
        assert!(sent.ends_with(b"xtail"));
        assert_eq!(keys.take_lost(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn ctrl_c_behind_a_full_queue_drops_all_that_waits() {
        let (keys, path) = keys();
        go_dark(&path, true);
        keys.push(Bytes::from(vec![b'x'; TYPEAHEAD_LIMIT + 10]));
        keys.push(Bytes::from_static(b"more"));
        let pushed = keys.push(Bytes::from_static(b"y\x03z"));
        assert_eq!(pushed.interrupts, 1);
        assert!(pushed.dropped >= TYPEAHEAD_LIMIT + 14, "{pushed:?}");
        go_dark(&path, false);
        assert_eq!(keys.next(), b"\x03z"[..]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_room_at_all_is_counted() {
        let (keys, path) = keys();
        go_dark(&path, true);
        for _ in 0..TYPEAHEAD_LIMIT / 4096 {
            keys.push(Bytes::from(vec![b'x'; 4096]));
        }
        for _ in 0..REST_LIMIT / 4096 {
            keys.push(Bytes::from(vec![b'y'; 4096]));
        }
        assert_eq!(keys.take_lost(), 0);
        keys.push(Bytes::from_static(b"lost"));
        assert_eq!((keys.take_lost(), keys.take_lost()), (4, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn online_a_program_that_does_not_read_holds_the_keyboard_back_until_the_path_is_dead() {
        let (keys, path) = keys();
        keys.push(Bytes::from(vec![b'x'; SENDING_LIMIT + 1]));
        let day = Duration::from_secs(86400);
        assert!(timeout(day, keys.has_room()).await.is_err());
        go_dark(&path, true);
        keys.has_room().await;
        keys.push(Bytes::from_static(b"y"));
        go_dark(&path, false);
        assert_eq!(keys.next().len(), SENDING_LIMIT + 2);
    }

    fn keys() -> (Keys, watch::Sender<PathStatus>) {
        let (path, seen) = watch::channel(PathStatus::default());
        let offline = Offline {
            path: Some(seen),
            typed: Arc::new(|| {}),
        };
        (Keys::new(offline), path)
    }

    fn go_dark(path: &watch::Sender<PathStatus>, dark: bool) {
        path.send_modify(|status| status.dark = dark);
    }
}
