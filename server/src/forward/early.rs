//! What a client says before its forward is made, and whether it still wants it.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tssh_core::transport::{ReadHalf, Stream};

/// Reads what comes on a stream while nobody carries it.
#[derive(Debug, Default)]
pub(super) struct Early {
    bytes: BytesMut,
    ended: bool,
}

impl Early {
    /// Waits until the client has given up `stream`: it sends no more and reads no more. Cancel safe.
    pub(super) async fn given_up(&mut self, stream: &mut Stream) {
        while !self.ended && self.bytes.len() < MOST {
            self.bytes.reserve(CHUNK);
            match stream.read_buf(&mut self.bytes).await {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "a stream broke before its forward was made");
                    return;
                }
            }
        }
        // A client may have said all that it has to say, and still wait for the answer.
        if self.ended && poll_fn(|cx| wants_no_more(stream, cx)).await {
            return;
        }
        pending().await
    }

    /// The stream with all that was read from it before the rest.
    pub(super) fn into_stream(self, stream: Stream) -> Stream {
        Stream {
            reader: Box::new(Reader {
                early: self,
                rest: stream.reader,
            }),
            writer: stream.writer,
        }
    }
}

/// Writing nothing changes nothing, and fails where the peer has said that it reads no more.
fn wants_no_more(stream: &mut Stream, cx: &mut Context<'_>) -> Poll<bool> {
    let written = Pin::new(&mut stream.writer).poll_write(cx, &[]);
    Poll::Ready(matches!(written, Poll::Ready(Err(_))))
}

struct Reader {
    early: Early,
    rest: Box<dyn ReadHalf>,
}

impl ReadHalf for Reader {}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let early = &mut self.early;
        if !early.bytes.is_empty() {
            let count = early.bytes.len().min(buf.remaining());
            buf.put_slice(&early.bytes[..count]);
            early.bytes.advance(count);
            return Poll::Ready(Ok(()));
        }
        if early.ended {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.rest).poll_read(cx, buf)
    }
}

/// Bytes that are read ahead of a forward. Those behind them wait in the transport, and with them the
/// news that the client has gone.
const MOST: usize = 16 * 1024;

const CHUNK: usize = 4 * 1024;
