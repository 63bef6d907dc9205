//! An established connection, and the silent end of one that nobody closed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{Connection, Datagrams, ErrorKind, Rekey, Stream, TransportError};

use crate::driver::Driver;
use crate::exchange::Exchange;
use crate::session::End;
use crate::shared::Shared;
use crate::smux::Side;
use crate::stream::stream;

/// A connection's task. Dropping it ends that, and nothing more is sent.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) shared: Arc<Shared>,
    _driver: JoinSet<()>,
}

impl Life {
    pub(crate) fn new(shared: Arc<Shared>, pipe: PacketPipe) -> Self {
        let mut driver = JoinSet::new();
        driver.spawn(Driver::new(shared.clone(), pipe));
        Self {
            shared,
            _driver: driver,
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Streams that outlive this learn of the end; the peer does not.
        self.shared.end(End::Local);
    }
}

/// A connection. Dropping it without `close` is silent on the wire; streams and datagrams that outlive it
/// fail.
#[derive(Debug)]
pub(crate) struct KcpConnection {
    side: Side,
    life: Life,
}

impl KcpConnection {
    pub(crate) fn new(side: Side, life: Life) -> Self {
        Self { side, life }
    }
}

#[async_trait]
impl Connection for KcpConnection {
    async fn open(&self) -> Result<Stream, TransportError> {
        if self.side == Side::Server {
            return Err(one_sided("opens", "the client"));
        }
        let shared = &self.life.shared;
        let opened = shared.wait_for(|session| match session.end() {
            Some(end) => Some(Err(end.error())),
            None => session.mux.open().map(Ok),
        });
        let id = opened.await?;
        shared.wake_driver();
        Ok(stream(shared, id))
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        if self.side == Side::Client {
            return Err(one_sided("accepts", "the server"));
        }
        let shared = &self.life.shared;
        let id = shared.wait_or_end(|session| session.mux.accept()).await?;
        Ok(stream(shared, id))
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        Some(Arc::new(KcpDatagrams(self.life.shared.clone())))
    }

    fn rekey(&self) -> Option<Arc<dyn Rekey>> {
        Some(Arc::new(Exchange(self.life.shared.clone())))
    }

    fn rtt(&self) -> Option<Duration> {
        self.life.shared.session().rtt()
    }

    fn sent(&self) -> Option<u64> {
        Some(self.life.shared.session().mux.sent())
    }

    async fn close(&self) {
        let shared = &self.life.shared;
        let patience = {
            let mut session = shared.session();
            if session.end().is_some() {
                return;
            }
            session.close();
            session
                .rtt()
                .map_or(MOST_FAREWELL, |rtt| 3 * rtt + LEAST_FAREWELL)
        };
        shared.tell();
        shared.wake_driver();
        // A peer whose process has ended does not answer.
        let told = shared.wait_for(|session| session.is_over().then_some(()));
        let _ = timeout(patience.min(MOST_FAREWELL), told).await;
    }

    async fn closed(&self) -> TransportError {
        let ended = self.life.shared.wait_for(|session| session.end());
        ended.await.error()
    }
}

#[derive(Debug)]
struct KcpDatagrams(Arc<Shared>);

#[async_trait]
impl Datagrams for KcpDatagrams {
    fn max_size(&self) -> usize {
        self.0.session().max_datagram()
    }

    fn send(&self, payload: Bytes) -> Result<(), TransportError> {
        let mut session = self.0.session();
        if let Some(end) = session.end() {
            return Err(end.error());
        }
        let (found, limit) = (payload.len(), session.max_datagram());
        if found > limit {
            let message = format!("datagram of {found} bytes is over the limit of {limit}");
            return Err(TransportError::new(ErrorKind::Unsupported, message));
        }
        session.send_datagram(payload);
        drop(session);
        self.0.wake_driver();
        Ok(())
    }

    async fn recv(&self) -> Result<Bytes, TransportError> {
        self.0.wait_or_end(|session| session.take_datagram()).await
    }
}

/// PROTOCOL.md, "KCP mode": streams are opened by the client only.
fn one_sided(verb: &str, side: &str) -> TransportError {
    let message = format!("{side} alone {verb} streams");
    TransportError::new(ErrorKind::Unsupported, message)
}

/// How long to wait for the peer to have heard the end, on top of three round trips.
const LEAST_FAREWELL: Duration = Duration::from_millis(20);

/// The same when nothing is known of round trips, and at most.
const MOST_FAREWELL: Duration = Duration::from_secs(1);
