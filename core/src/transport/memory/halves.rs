//! The halves of a stream in memory.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::air::Air;
use super::{ended, lock};
use crate::proxy::PacketPipe;
use crate::transport::{Priority, ReadHalf, Stream, WriteHalf};

/// What all streams of one side share.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) pipe: PacketPipe,
    pub(super) air: Air,
    /// The connection was closed by either side.
    pub(super) closed: CancellationToken,
    /// This side was closed, or dropped without a word.
    pub(super) ended: CancellationToken,
    pub(super) limbo: Limbo,
}

/// Bytes of a side that has silently gone: its peer must not see that nobody holds them.
pub(super) type Limbo = Arc<Mutex<Vec<DuplexStream>>>;

/// The end of one direction of a stream: its bytes, and whether it was broken off.
pub(super) struct Lane {
    bytes: DuplexStream,
    broken: Arc<AtomicBool>,
}

/// Both ends of one direction.
pub(super) fn direction() -> (Lane, Lane) {
    let (writer, reader) = duplex(STREAM_WINDOW);
    let broken = Arc::new(AtomicBool::new(false));
    let lane = |bytes| Lane {
        bytes,
        broken: broken.clone(),
    };
    (lane(writer), lane(reader))
}

impl Side {
    pub(super) fn stream(&self, reader: Lane, writer: Lane) -> Stream {
        Stream {
            reader: Box::new(Reader(Half::new(reader, self))),
            writer: Box::new(Writer(Half::new(writer, self))),
        }
    }
}

struct Half {
    /// Taken by the drop alone.
    bytes: Option<DuplexStream>,
    broken: Arc<AtomicBool>,
    side: Side,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Half {
    fn new(lane: Lane, side: &Side) -> Self {
        Self {
            bytes: Some(lane.bytes),
            broken: lane.broken,
            side: side.clone(),
            ended: Box::pin(side.ended.clone().cancelled_owned()),
        }
    }

    fn living(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut DuplexStream>> {
        if self.ended.as_mut().poll(cx).is_ready() {
            return Err(ended().into());
        }
        self.bytes
            .as_mut()
            .map(Pin::new)
            .ok_or_else(|| ended().into())
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        if self.side.ended.is_cancelled() && !self.side.closed.is_cancelled() {
            lock(&self.side.limbo).extend(self.bytes.take());
        }
    }
}

struct Reader(Half);

impl ReadHalf for Reader {}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let air = self.0.side.air.clone();
        let bytes = self.0.living(cx)?;
        ready!(air.poll_clear(cx));
        ready!(bytes.poll_read(cx, buf))?;
        if self.0.broken.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.0.side.pipe.opened();
        Poll::Ready(Ok(()))
    }
}

struct Writer(Half);

impl WriteHalf for Writer {
    fn set_priority(&mut self, _: Priority) {}

    fn reset(&mut self) {
        if self.0.side.ended.is_cancelled() {
            return;
        }
        self.0.broken.store(true, Ordering::Release);
        // A reader that waits is woken by the end, and finds what it means.
        self.0.bytes = Some(duplex(1).0);
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.0.living(cx)?.poll_write(cx, bytes);
        // That nobody reads any more is not known in the dark.
        if matches!(polled, Poll::Ready(Err(_))) {
            ready!(self.0.side.air.poll_clear(cx));
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.living(cx)?.poll_shutdown(cx)
    }
}

/// Bytes that were written and not yet read, of one direction of a stream.
const STREAM_WINDOW: usize = 64 * 1024;
