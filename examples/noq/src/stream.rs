//! The two halves of a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use noq::{ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tssh_core::transport::{Priority, ReadHalf, Stream, WriteHalf};

use crate::connection::{NO_ERROR, ended};

pub(crate) fn stream((writer, reader): (SendStream, RecvStream)) -> Stream {
    Stream {
        reader: Box::new(Reader {
            stream: reader,
            ended: false,
        }),
        writer: Box::new(Writer {
            stream: writer,
            ended: false,
        }),
    }
}

struct Reader {
    stream: RecvStream,
    /// The end was read, or the peer dropped its half.
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
        match ready!(self.stream.poll_read(cx, buf.initialize_unfilled())) {
            Ok(count) => {
                self.ended = count == 0 && buf.remaining() > 0;
                buf.advance(count);
                Poll::Ready(Ok(()))
            }
            Err(ReadError::Reset(code)) if code == NO_ERROR => {
                self.ended = true;
                Poll::Ready(Ok(()))
            }
            Err(ReadError::Reset(_)) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Err(ReadError::ConnectionLost(cause)) => Poll::Ready(Err(ended(cause).into())),
            Err(error) => Poll::Ready(Err(io::Error::new(io::ErrorKind::NotConnected, error))),
        }
    }
}

struct Writer {
    stream: SendStream,
    /// Dropped before that, it is reset: noq would end it in order, as if all had been written.
    ended: bool,
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
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        Poll::Ready(written.map_err(|error| match error {
            WriteError::ConnectionLost(cause) => ended(cause).into(),
            WriteError::Stopped(_) => io::Error::new(io::ErrorKind::BrokenPipe, error),
            _ => io::Error::new(io::ErrorKind::NotConnected, error),
        }))
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
            let _ = self.stream.reset(NO_ERROR);
        }
    }
}

const BROKEN: VarInt = VarInt::from_u32(1);
