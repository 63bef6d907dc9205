//! A stream as two halves that can live in two tasks.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Which streams go first when the path is the bottleneck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Forwarded connections and other bulk.
    Bulk,
    /// Sessions: what a person types and sees.
    Interactive,
    /// The bus: liveness, resize, exit.
    Control,
}

/// The receiving half. Dropping it before the end tells the peer to stop writing.
pub trait ReadHalf: AsyncRead + Send + Unpin {}

/// The sending half. `shutdown` ends the direction in order; dropping it before that resets it, and
/// what was not yet delivered may be lost. Writing no bytes sends nothing, and fails once it is known
/// that the peer reads no more.
pub trait WriteHalf: AsyncWrite + Send + Unpin {
    /// Hints how urgent this direction is.
    fn set_priority(&mut self, priority: Priority);

    /// Ends the direction as broken: what was not yet delivered may be lost, and the peer's reading
    /// fails with [`io::ErrorKind::ConnectionReset`] where the transport can say so. Without an
    /// implementation it does what dropping does.
    fn reset(&mut self) {}

    /// Ready once the peer has everything that was written before `shutdown`, or will never have it. Where the
    /// transport cannot know it is ready at once, as without an implementation.
    fn poll_delivered(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// One bidirectional stream. Both halves work on their own; together they are an
/// `AsyncRead + AsyncWrite`.
pub struct Stream {
    /// Bytes from the peer.
    pub reader: Box<dyn ReadHalf>,
    /// Bytes to the peer.
    pub writer: Box<dyn WriteHalf>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}
