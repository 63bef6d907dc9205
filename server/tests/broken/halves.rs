//! Bytes in memory as the half of a stream that is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, DuplexStream, ReadBuf};
use tssh_core::transport::ReadHalf;

pub(crate) struct In(pub(crate) DuplexStream);

impl ReadHalf for In {}

impl AsyncRead for In {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}
