//! What moves packets and can be replaced under a live connection.

use std::fmt::Debug;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::task::{Context, Poll};

pub use quinn_udp::{EcnCodepoint, RecvMeta, Transmit};

/// Moves packets: a UDP socket, a framed TCP connection, the pipes of a child process.
///
/// Batches in both directions: a [`Transmit`] may hold several packets of `segment_size`, a
/// [`RecvMeta`] several of `stride`. Packets may be lost, repeated and reordered.
pub trait Link: Send + Sync + Debug + 'static {
    /// Sends a batch to `transmit.destination`, or returns `WouldBlock`.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when the link is full: see [`Link::poll_writable`]. Any other error means that
    /// this batch is lost; the link may still work later.
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()>;

    /// Ready when [`Link::try_send`] may succeed. One task at a time is woken.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Receives batches: buffer `i` holds `meta[i].len` bytes. Returns how many buffers were filled.
    ///
    /// # Errors
    ///
    /// Only when the link is of no more use.
    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>>;

    /// The local address; `None` where the link has none (a child process).
    fn local_addr(&self) -> Option<SocketAddr>;

    /// Whether it is a byte stream to one peer: nothing is lost or overtaken while it lasts, its address
    /// cannot be forged, and it ends for good with its first error.
    fn is_stream(&self) -> bool {
        false
    }

    /// How many packets one [`Transmit`] may hold.
    fn max_send_segments(&self) -> usize {
        1
    }

    /// How many packets one [`RecvMeta`] may describe.
    fn max_recv_segments(&self) -> usize {
        1
    }
}
