//! The seams: what a transport owes its host, and what the host hands to a transport.
//!
//! | want to change…                           | look in    |
//! |-------------------------------------------|------------|
//! | what a transport must promise             | `mod.rs`   |
//! | what a link (UDP, framed TCP, …) promises | `link.rs`  |
//! | the halves of a stream                    | `stream.rs`|
//! | which failures there are                  | `error.rs` |
//! | the transport that needs no network       | `memory/`  |
//! | which transports a program has            | `registry.rs` |
//!
//! Not here: which path the packets take (`proxy`), and any concrete transport.

mod error;
mod link;
pub mod memory;
mod registry;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use error::{ErrorKind, TransportError};
pub use link::{EcnCodepoint, Link, RecvMeta, Transmit};
pub use registry::Registry;
pub use stream::{Priority, ReadHalf, Stream, WriteHalf};

use crate::proxy::PacketPipe;
use crate::wire::ServerInfo;

/// Carries ordered byte streams, and datagrams where it can, between two peers over a packet pipe.
///
/// # Contract
///
/// - Every future may be dropped at any await; whatever it held is released.
/// - Streams are independent: an unread stream must not stop its neighbours.
/// - Shutting down one direction of a stream leaves the other open.
/// - The packet pipe may lose, repeat and reorder packets, and may stand still for hours: its clock
///   stands still with it. Every timer of the transport runs on [`PacketPipe::clock`].
/// - Each packet that passed the transport's own cryptography is reported by
///   [`PacketPipe::opened`] or [`PacketPipe::opened_packet`]; nothing else counts as a sign of life of the peer.
/// - No task of the transport outlives the last handle of its connection.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// The `Mode` word that peers exchange at login. Stable and unique.
    fn mode(&self) -> &'static str;

    /// Whether a path that drops packets of 1200 bytes is of no use, as under QUIC (RFC 9000, section 14):
    /// another kind of path is then looked for.
    fn needs_large_packets(&self) -> bool {
        false
    }

    /// Makes this session's credentials, adds them to `offer`, and accepts one client's connection.
    ///
    /// # Errors
    ///
    /// When the credentials cannot be made.
    async fn listen(
        &self,
        pipe: PacketPipe,
        offer: &mut ServerInfo,
    ) -> Result<Box<dyn Listener>, TransportError>;

    /// Connects with the credentials in `offer`. Cancel safe: dropping the future abandons the attempt.
    ///
    /// # Errors
    ///
    /// When the offer lacks or garbles credentials, the peer is not who it should be, or nobody answers.
    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError>;
}

/// The server's side of one issued client: waits for its connection.
#[async_trait]
pub trait Listener: Send + 'static {
    /// Waits for the client, authenticated by the credentials of the offer. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the transport has ended.
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError>;
}

/// An established connection. Dropping the last handle without [`Connection::close`] is silent: the
/// peer sees an outage, which is how a session is left running.
#[async_trait]
pub trait Connection: Send + Sync + 'static {
    /// Opens a stream. Waits for stream credit as long as it takes. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    async fn open(&self) -> Result<Stream, TransportError>;

    /// Accepts the next stream of the peer. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    async fn accept(&self) -> Result<Stream, TransportError>;

    /// Unreliable datagrams, where the transport has them. Having the value is the capability.
    fn datagrams(&self) -> Option<Arc<dyn Datagrams>>;

    /// The smoothed round trip time; `None` before there is a sample.
    fn rtt(&self) -> Option<Duration>;

    /// Bytes of all streams that were handed to the pipe so far, those sent again not counted twice: an estimate, good
    /// to one part in a hundred. `None` where nobody counts.
    fn sent(&self) -> Option<u64> {
        None
    }

    /// The exchange of keys that the host is to carry over its bus; `None` where the transport has its own.
    fn rekey(&self) -> Option<Arc<dyn Rekey>> {
        None
    }

    /// Tells the peer that the connection ends, and ends it. Unsent data is lost: wait for what
    /// matters first. Returns when the peer was told, as far as can be known within a second.
    async fn close(&self);

    /// Waits for the end of the connection and returns its cause. Cancel safe.
    async fn closed(&self) -> TransportError;
}

/// New keys for a transport that cannot exchange them by itself: the client asks, the server answers, and
/// the host carries both halves as `rekey` events. PROTOCOL.md, "Rekey".
#[async_trait]
pub trait Rekey: Send + Sync + 'static {
    /// Waits until the client should ask, the first time at once, and returns its half. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the connection has ended, or there is no randomness.
    async fn due(&self) -> Result<Vec<u8>, TransportError>;

    /// The server's half for the client's, whose key is accepted from here on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Misbehaved`] when the client's half is none.
    fn answer(&self, half: &[u8]) -> Result<Vec<u8>, TransportError>;

    /// Ends what the client asked, with the server's half: its key is used from here on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Misbehaved`] when the server's half is none, or nobody asked.
    fn finish(&self, half: &[u8]) -> Result<(), TransportError>;
}

/// Unreliable datagrams beside the streams.
#[async_trait]
pub trait Datagrams: Send + Sync + 'static {
    /// The largest payload in bytes that [`Datagrams::send`] takes.
    fn max_size(&self) -> usize;

    /// Queues one datagram; the oldest queued one gives way when there is no room.
    ///
    /// # Errors
    ///
    /// When the payload is over [`Datagrams::max_size`] or the connection has ended.
    fn send(&self, payload: Bytes) -> Result<(), TransportError>;

    /// Receives the next datagram. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    async fn recv(&self) -> Result<Bytes, TransportError>;
}
