//! A transport that notes which keys its hosts exchange for it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{
    Connection, Datagrams, Listener, Rekey, Stream, Transport, TransportError,
};
use tssh_core::wire::ServerInfo;

/// What both sides of one login exchanged. Clones share it.
#[derive(Clone)]
pub(super) struct Exchanges {
    seen: Arc<watch::Sender<Exchanged>>,
    at_next_ask: Arc<Mutex<Option<Action>>>,
}

pub(super) type Action = Box<dyn FnOnce() + Send>;

/// The keys of one login so far.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Exchanged {
    /// Keys that the client's transport wanted asked for.
    pub(super) asked: u64,
    /// Keys that the client installed: each was asked for, and answered by the server.
    pub(super) by_client: u64,
    /// Keys that the server installed.
    pub(super) by_server: u64,
    /// Halves that were given a second time: a key that is not new.
    pub(super) repeated: u64,
    /// Bounded by what a scenario exchanges.
    halves: BTreeSet<Vec<u8>>,
    /// Whether the client's and the server's connection have keys to exchange.
    pub(super) offered: [bool; 2],
}

impl Exchanges {
    /// `transport`, and what its hosts exchange for it.
    pub(super) fn noted(transport: Arc<dyn Transport>) -> (impl Transport, Self) {
        let exchanges = Self {
            seen: Arc::new(watch::Sender::default()),
            at_next_ask: Arc::default(),
        };
        let noting = Noting {
            inner: transport,
            exchanges: exchanges.clone(),
        };
        (noting, exchanges)
    }

    /// What was exchanged so far.
    pub(super) fn now(&self) -> Exchanged {
        self.seen.borrow().clone()
    }

    /// Waits until both sides have installed `least` keys or more.
    pub(super) async fn on_both_sides(&self, least: u64) {
        let mut seen = self.seen.subscribe();
        // The sender lives as long as `self`.
        let _ = seen
            .wait_for(|seen| seen.by_client >= least && seen.by_server >= least)
            .await;
    }

    /// Does `action` when the next key is asked for, before the client knows of it; the future waits for that.
    pub(super) fn at_next_ask(&self, action: Action) -> impl Future<Output = ()> + use<> {
        let mut seen = self.seen.subscribe();
        let before = seen.borrow_and_update().asked;
        *lock(&self.at_next_ask) = Some(action);
        async move {
            // A login that has ended asks for no more keys.
            let _ = seen.wait_for(|seen| seen.asked > before).await;
        }
    }

    fn handle_asked(&self, half: &[u8]) {
        if let Some(action) = lock(&self.at_next_ask).take() {
            action();
        }
        self.note(|seen| {
            seen.asked += 1;
            seen.note_half(half);
        });
    }

    fn note(&self, note: impl FnOnce(&mut Exchanged)) {
        self.seen.send_modify(note);
    }

    fn connection(&self, inner: Arc<dyn Connection>, side: Side) -> Arc<dyn Connection> {
        let has = inner.rekey().is_some();
        self.note(|seen| seen.offered[side as usize] = has);
        Arc::new(NotingConnection {
            inner,
            exchanges: self.clone(),
        })
    }
}

impl fmt::Debug for Exchanges {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Exchanges").field(&self.now()).finish()
    }
}

impl Exchanged {
    fn note_half(&mut self, half: &[u8]) {
        let new = self.halves.insert(half.to_vec());
        self.repeated += u64::from(!new);
    }
}

impl fmt::Debug for Exchanged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Exchanged")
            .field("asked", &self.asked)
            .field("by_client", &self.by_client)
            .field("by_server", &self.by_server)
            .field("repeated", &self.repeated)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
enum Side {
    Client,
    Server,
}

struct Noting {
    inner: Arc<dyn Transport>,
    exchanges: Exchanges,
}

#[async_trait]
impl Transport for Noting {
    fn mode(&self) -> &'static str {
        self.inner.mode()
    }

    async fn listen(
        &self,
        pipe: PacketPipe,
        offer: &mut ServerInfo,
    ) -> Result<Box<dyn Listener>, TransportError> {
        Ok(Box::new(NotingListener {
            inner: self.inner.listen(pipe, offer).await?,
            exchanges: self.exchanges.clone(),
        }))
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let inner = self.inner.connect(pipe, offer).await?;
        Ok(self.exchanges.connection(inner, Side::Client))
    }
}

struct NotingListener {
    inner: Box<dyn Listener>,
    exchanges: Exchanges,
}

#[async_trait]
impl Listener for NotingListener {
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError> {
        let inner = self.inner.accept().await?;
        Ok(self.exchanges.connection(inner, Side::Server))
    }
}

struct NotingConnection {
    inner: Arc<dyn Connection>,
    exchanges: Exchanges,
}

#[async_trait]
impl Connection for NotingConnection {
    async fn open(&self) -> Result<Stream, TransportError> {
        self.inner.open().await
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        self.inner.accept().await
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        self.inner.datagrams()
    }

    fn rtt(&self) -> Option<Duration> {
        self.inner.rtt()
    }

    fn sent(&self) -> Option<u64> {
        self.inner.sent()
    }

    fn rekey(&self) -> Option<Arc<dyn Rekey>> {
        let inner = self.inner.rekey()?;
        let exchanges = self.exchanges.clone();
        Some(Arc::new(NotingRekey { inner, exchanges }))
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    async fn closed(&self) -> TransportError {
        self.inner.closed().await
    }
}

struct NotingRekey {
    inner: Arc<dyn Rekey>,
    exchanges: Exchanges,
}

#[async_trait]
impl Rekey for NotingRekey {
    async fn due(&self) -> Result<Vec<u8>, TransportError> {
        let half = self.inner.due().await?;
        self.exchanges.handle_asked(&half);
        Ok(half)
    }

    fn answer(&self, half: &[u8]) -> Result<Vec<u8>, TransportError> {
        let answer = self.inner.answer(half)?;
        self.exchanges.note(|seen| {
            seen.by_server += 1;
            seen.note_half(&answer);
        });
        Ok(answer)
    }

    fn finish(&self, half: &[u8]) -> Result<(), TransportError> {
        self.inner.finish(half)?;
        self.exchanges.note(|seen| seen.by_client += 1);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
