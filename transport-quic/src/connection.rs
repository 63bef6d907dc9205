//! An established connection, and the silent end of one that nobody closed.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use quinn::{AsyncUdpSocket, Endpoint, SendDatagramError};
use tokio::time::timeout;
use tssh_core::transport::{Connection, Datagrams, ErrorKind, Stream, TransportError};

use crate::config::Side;
use crate::error::connection_error;
use crate::runtime::PathRuntime;
use crate::socket::PipeSocket;
use crate::stream::{NO_ERROR, stream};

/// What one endpoint consists of. Dropping it ends its tasks, and nothing more is sent.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) endpoint: Endpoint,
    pub(crate) socket: Arc<PipeSocket>,
    pub(crate) runtime: Arc<PathRuntime>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.socket.mute();
        self.runtime.abort();
    }
}

/// A connection. Dropping it without `close` is silent on the wire; streams and datagrams that
/// outlive it fail.
#[derive(Debug)]
pub(crate) struct QuicConnection {
    connection: quinn::Connection,
    side: Side,
    life: Life,
}

impl QuicConnection {
    pub(crate) fn new(connection: quinn::Connection, side: Side, life: Life) -> Self {
        Self {
            connection,
            side,
            life,
        }
    }

    async fn told(&self) {
        let mut room = self.life.socket.clone().create_io_poller();
        loop {
            let before = self.life.socket.laps();
            // quinn tells the peer once, whoever asks how often; but each time it looks again
            // whether something is to be sent.
            self.connection.close(NO_ERROR, b"");
            self.life.socket.lap_after(before).await;
            // Waits for the end of that lap: quinn holds one lock during all of it.
            self.connection.stats();
            if !self.life.socket.is_waiting() {
                return;
            }
            // Each lap wakes quinn's task, which would find no more room than before.
            let _ = poll_fn(|cx| room.as_mut().poll_writable(cx)).await;
        }
    }
}

#[async_trait]
impl Connection for QuicConnection {
    async fn open(&self) -> Result<Stream, TransportError> {
        if self.side == Side::Server {
            return Err(one_sided("opens", "the client"));
        }
        let halves = self.connection.open_bi().await;
        halves.map(stream).map_err(connection_error)
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        if self.side == Side::Client {
            return Err(one_sided("accepts", "the server"));
        }
        let halves = self.connection.accept_bi().await;
        halves.map(stream).map_err(connection_error)
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        self.connection.max_datagram_size()?;
        Some(Arc::new(QuicDatagrams(self.connection.clone())))
    }

    fn rtt(&self) -> Option<Duration> {
        // The handshake gave the first sample.
        Some(self.connection.rtt())
    }

    fn sent(&self) -> Option<u64> {
        let stats = self.connection.stats();
        let overhead = stats.udp_tx.datagrams * OVERHEAD + stats.path.lost_bytes;
        Some(stats.udp_tx.bytes.saturating_sub(overhead))
    }

    async fn close(&self) {
        if self.connection.close_reason().is_some() {
            return;
        }
        self.connection.close(NO_ERROR, b"");
        // A path without room for a whole second is none: the peer will see an outage.
        let _ = timeout(CLOSE_TIMEOUT, self.told()).await;
    }

    async fn closed(&self) -> TransportError {
        connection_error(self.connection.closed().await)
    }
}

impl Drop for QuicConnection {
    fn drop(&mut self) {
        self.life.socket.mute();
        // Streams that outlive this learn of the end; the peer does not.
        self.connection.close(NO_ERROR, b"");
    }
}

#[derive(Debug)]
struct QuicDatagrams(quinn::Connection);

#[async_trait]
impl Datagrams for QuicDatagrams {
    fn max_size(&self) -> usize {
        self.0.max_datagram_size().unwrap_or(0)
    }

    fn send(&self, payload: Bytes) -> Result<(), TransportError> {
        let found = payload.len();
        self.0.send_datagram(payload).map_err(|error| match error {
            SendDatagramError::ConnectionLost(cause) => connection_error(cause),
            SendDatagramError::TooLarge => {
                let limit = self.max_size();
                let message = format!("datagram of {found} bytes is over the limit of {limit}");
                TransportError::new(ErrorKind::Unsupported, message)
            }
            SendDatagramError::Disabled | SendDatagramError::UnsupportedByPeer => {
                TransportError::new(ErrorKind::Unsupported, "the peer takes no datagrams")
            }
        })
    }

    async fn recv(&self) -> Result<Bytes, TransportError> {
        self.0.read_datagram().await.map_err(connection_error)
    }
}

/// PROTOCOL.md, "QUIC mode": streams are opened by the client only.
fn one_sided(verb: &str, side: &str) -> TransportError {
    let message = format!("{side} alone {verb} streams");
    TransportError::new(ErrorKind::Unsupported, message)
}

const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Of a packet full of one stream: header 7, tag 16, head of the stream frame 7.
const OVERHEAD: u64 = 30;
