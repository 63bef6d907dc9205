//! The halves of a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use quinn::{ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tssh_core::transport::{Priority, ReadHalf, Stream, WriteHalf};

use crate::error::connection_error;

pub(crate) fn stream((writer, reader): (SendStream, RecvStream)) -> Stream {
    Stream {
        reader: Box::new(Reader {
            stream: reader,
            ended: false,
        }),
        writer: Box::new(Writer {
            stream: writer,
            ended: false,
            delivered: None,
        }),
    }
}

/// Dropped before its end, it sends STOP_SENDING with code 0: quinn's stream does so by itself.
#[derive(Debug)]
struct Reader {
    stream: RecvStream,
    ended: bool,
}

impl ReadHalf for Reader {}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        match ready!(self.stream.poll_read_buf(cx, buf)) {
            Ok(()) => Poll::Ready(Ok(())),
            // PROTOCOL.md, "QUIC mode": a reset with code 0 counts as an ordinary close.
            Err(ReadError::Reset(code)) if code == NO_ERROR => {
                self.ended = true;
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(read_error(error))),
        }
    }
}

/// Dropped before `shutdown`, it sends RESET_STREAM with code 0.
struct Writer {
    stream: SendStream,
    ended: bool,
    /// Ends when the peer has acknowledged everything, or wants no more.
    delivered: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl WriteHalf for Writer {
    fn set_priority(&mut self, priority: Priority) {
        let urgency = match priority {
            Priority::Bulk => 0,
            Priority::Interactive => 1,
            Priority::Control => 2,
        };
        // A stream that has ended has nothing left to hurry.
        let _ = self.stream.set_priority(urgency);
    }

    fn reset(&mut self) {
        self.ended = true;
        // A direction that has ended already cannot break any more.
        let _ = self.stream.reset(BROKEN);
    }

    fn poll_delivered(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stopped = self.stream.stopped();
        let delivered = self.delivered.get_or_insert_with(|| {
            // Whatever became of it, there is nothing more to wait for.
            Box::pin(async move { drop(stopped.await) })
        });
        delivered.as_mut().poll(cx)
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream)
            .poll_write(cx, bytes)
            .map_err(write_error)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        // A direction that has ended already is as it should be.
        let _ = self.stream.finish();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.ended {
            // quinn's stream would end the direction in order, as if all had been written.
            let _ = self.stream.reset(NO_ERROR);
        }
    }
}

fn read_error(error: ReadError) -> io::Error {
    match error {
        ReadError::ConnectionLost(cause) => connection_error(cause).into(),
        ReadError::Reset(_) => io::Error::new(io::ErrorKind::ConnectionReset, error),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            io::Error::new(io::ErrorKind::NotConnected, error)
        }
    }
}

fn write_error(error: WriteError) -> io::Error {
    match error {
        WriteError::ConnectionLost(cause) => connection_error(cause).into(),
        WriteError::Stopped(_) => io::Error::new(io::ErrorKind::BrokenPipe, error),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => {
            io::Error::new(io::ErrorKind::NotConnected, error)
        }
    }
}

/// PROTOCOL.md, "QUIC mode": an ordinary close.
pub(crate) const NO_ERROR: VarInt = VarInt::from_u32(0);

/// PROTOCOL.md, "QUIC mode": what was to be carried broke off.
const BROKEN: VarInt = VarInt::from_u32(1);
