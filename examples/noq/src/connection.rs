//! An established connection, and the silent end of one that nobody closed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use noq::{ConnectionError, Endpoint, PathId, SendDatagramError, VarInt};
use tokio::time::timeout;
use tssh_core::transport::{Connection, Datagrams, ErrorKind, Stream, TransportError};

use crate::pipe::{Mute, PathRuntime};
use crate::stream::stream;

/// What one endpoint consists of. Dropping it ends its tasks, and nothing more is sent.
pub(crate) struct Life {
    pub(crate) endpoint: Endpoint,
    pub(crate) runtime: Arc<PathRuntime>,
    pub(crate) mute: Mute,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.mute.set();
        self.runtime.abort();
    }
}

/// Which streams there are: the client opens, the server accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

pub(crate) struct NoqConnection {
    connection: noq::Connection,
    side: Side,
    life: Life,
}

impl NoqConnection {
    pub(crate) fn new(connection: noq::Connection, side: Side, life: Life) -> Self {
        Self {
            connection,
            side,
            life,
        }
    }
}

#[async_trait]
impl Connection for NoqConnection {
    async fn open(&self) -> Result<Stream, TransportError> {
        if self.side == Side::Server {
            return Err(one_sided("the client alone opens streams"));
        }
        self.connection.open_bi().await.map(stream).map_err(ended)
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        if self.side == Side::Client {
            return Err(one_sided("the server alone accepts streams"));
        }
        self.connection.accept_bi().await.map(stream).map_err(ended)
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        self.connection.max_datagram_size()?;
        Some(Arc::new(NoqDatagrams(self.connection.clone())))
    }

    fn rtt(&self) -> Option<Duration> {
        self.connection.rtt(PathId::ZERO)
    }

    async fn close(&self) {
        if self.connection.close_reason().is_some() {
            return;
        }
        self.connection.close(NO_ERROR, b"");
        // A path without room for a whole second is none: the peer will see an outage.
        let _ = timeout(FAREWELL, self.life.endpoint.wait_all_draining()).await;
    }

    async fn closed(&self) -> TransportError {
        ended(self.connection.closed().await)
    }
}

impl Drop for NoqConnection {
    fn drop(&mut self) {
        self.life.mute.set();
        // Streams that outlive this learn of the end; the peer does not.
        self.connection.close(NO_ERROR, b"");
    }
}

struct NoqDatagrams(noq::Connection);

#[async_trait]
impl Datagrams for NoqDatagrams {
    fn max_size(&self) -> usize {
        self.0.max_datagram_size().unwrap_or(0)
    }

    fn send(&self, payload: Bytes) -> Result<(), TransportError> {
        let found = payload.len();
        self.0.send_datagram(payload).map_err(|error| match error {
            SendDatagramError::ConnectionLost(cause) => ended(cause),
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
        self.0.read_datagram().await.map_err(ended)
    }
}

/// What the end of a connection means for its host.
pub(crate) fn ended(cause: ConnectionError) -> TransportError {
    let kind = match &cause {
        ConnectionError::ApplicationClosed(_)
        | ConnectionError::LocallyClosed
        | ConnectionError::Reset => ErrorKind::Closed,
        ConnectionError::TimedOut => ErrorKind::TimedOut,
        ConnectionError::TransportError(error) if is_alert(error.code.into()) => {
            ErrorKind::Untrusted
        }
        ConnectionError::ConnectionClosed(frame) if is_alert(frame.error_code.into()) => {
            ErrorKind::Untrusted
        }
        _ => ErrorKind::Misbehaved,
    };
    TransportError::new(kind, format!("the connection has ended: {cause}")).because(cause)
}

fn one_sided(message: &str) -> TransportError {
    TransportError::new(ErrorKind::Unsupported, message)
}

/// RFC 9001, section 4.8: the handshake failed.
fn is_alert(code: u64) -> bool {
    (0x100..0x200).contains(&code)
}

pub(crate) const NO_ERROR: VarInt = VarInt::from_u32(0);

const FAREWELL: Duration = Duration::from_secs(1);
