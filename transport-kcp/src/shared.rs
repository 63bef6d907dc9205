//! What the driver, the connection and its streams have in common.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;
use tssh_core::clock::PathClock;
use tssh_core::transport::TransportError;

use crate::rekey::Keys;
use crate::session::{End, Session};

/// One connection as everybody sees it.
#[derive(Debug)]
pub(crate) struct Shared {
    session: Mutex<Session>,
    keys: Mutex<Keys>,
    driver: Mutex<Option<Waker>>,
    pub(crate) clock: PathClock,
    /// Something changed that somebody may wait for.
    news: Notify,
    /// A new key is due.
    pub(crate) key_due: Notify,
}

impl Shared {
    pub(crate) fn new(session: Session, keys: Keys, clock: PathClock) -> Self {
        Self {
            session: Mutex::new(session),
            keys: Mutex::new(keys),
            driver: Mutex::new(None),
            clock,
            news: Notify::new(),
            key_due: Notify::new(),
        }
    }

    pub(crate) fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `find` finds something in the session; it is asked again after each change. Cancel safe.
    pub(crate) async fn wait_for<T>(&self, mut find: impl FnMut(&mut Session) -> Option<T>) -> T {
        loop {
            // Before the look, so that no change falls between.
            let news = self.news.notified();
            if let Some(found) = find(&mut self.session()) {
                return found;
            }
            news.await;
        }
    }

    /// The same, or the end of the connection. What is there already comes before the end.
    ///
    /// # Errors
    ///
    /// How the connection ended.
    pub(crate) async fn wait_or_end<T>(
        &self,
        mut find: impl FnMut(&mut Session) -> Option<T>,
    ) -> Result<T, TransportError> {
        self.wait_for(|session| {
            let found = find(session).map(Ok);
            found.or_else(|| session.end().map(|end| Err(end.error())))
        })
        .await
    }

    /// Tells whoever waits in [`Self::wait_for`], or for a key, which an end makes an end of too.
    pub(crate) fn tell(&self) {
        self.news.notify_waiters();
        self.key_due.notify_waiters();
    }

    /// Has the driver look again.
    pub(crate) fn wake_driver(&self) {
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = &*driver {
            waker.wake_by_ref();
        }
    }

    /// Who is to be woken by [`Self::wake_driver`].
    pub(crate) fn set_driver(&self, waker: &Waker) {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        if driver.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
    }

    /// Ends the connection for this side; says nothing to the peer.
    pub(crate) fn end(&self, end: End) {
        self.session().handle_end(end);
        self.tell();
    }
}
