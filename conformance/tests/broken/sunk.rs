//! Halves that lead nowhere, or past every bound.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tssh_core::transport::{Priority, ReadHalf, Stream, WriteHalf};

/// A stream that takes everything, and in which nothing comes.
pub(crate) fn nowhere() -> Stream {
    Stream {
        reader: Box::new(Silent),
        writer: Box::new(Sunk(tokio::io::sink())),
    }
}

/// What stands where `to` was, and whither all is sent that goes to it: there is always room.
pub(crate) fn pumped(mut to: Box<dyn WriteHalf>) -> (Box<dyn WriteHalf>, UnboundedSender<Vec<u8>>) {
    let (pump, mut taken) = unbounded_channel::<Vec<u8>>();
    tokio::spawn(async move {
        while let Some(bytes) = taken.recv().await {
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    });
    (nowhere().writer, pump)
}

/// Whatever takes bytes, as the half of a stream.
pub(crate) struct Sunk<W>(pub(crate) W);

impl<W: AsyncWrite + Send + Unpin> WriteHalf for Sunk<W> {
    fn set_priority(&mut self, _: Priority) {}
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Sunk<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

struct Silent;

impl ReadHalf for Silent {}

impl AsyncRead for Silent {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}
