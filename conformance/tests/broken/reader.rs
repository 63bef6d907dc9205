//! A half that reads, and breaks one promise.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tssh_core::transport::ReadHalf;

use crate::transport::Fault;

pub(crate) struct Reader {
    inner: Box<dyn ReadHalf>,
    fault: Fault,
    /// What happened to the other half ends this one.
    ended: Arc<AtomicBool>,
    told: bool,
    taken: Option<Taken>,
}

/// Bytes that a future has taken, and has not handed over.
struct Taken {
    bytes: Vec<u8>,
    at: Instant,
    pause: Pin<Box<Sleep>>,
}

impl Reader {
    pub(crate) fn new(inner: Box<dyn ReadHalf>, fault: Fault, ended: &Arc<AtomicBool>) -> Self {
        Self {
            inner,
            fault,
            ended: ended.clone(),
            told: false,
            taken: None,
        }
    }

    /// Hands bytes over a while after they were taken; whoever looks again before that has given up the first read.
    fn poll_slowly(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(taken) = &mut self.taken {
            if taken.pause.as_mut().poll(cx).is_ready() {
                let count = taken.bytes.len().min(buf.remaining());
                buf.put_slice(&taken.bytes[..count]);
                taken.bytes.drain(..count);
                if taken.bytes.is_empty() {
                    self.taken = None;
                }
                return Poll::Ready(Ok(()));
            }
            if taken.at == Instant::now() {
                return Poll::Pending;
            }
            self.taken = None;
        }
        let mut bytes = vec![0; buf.remaining()];
        let mut into = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut into))?;
        let count = into.filled().len();
        if count == 0 {
            return Poll::Ready(Ok(()));
        }
        bytes.truncate(count);
        let mut pause = Box::pin(sleep(Duration::from_millis(3)));
        let _ = pause.as_mut().poll(cx);
        let at = Instant::now();
        self.taken = Some(Taken { bytes, at, pause });
        Poll::Pending
    }
}

impl ReadHalf for Reader {}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ended.load(Ordering::Relaxed) {
            return Poll::Ready(match self.fault {
                Fault::DropsHalfClose => Ok(()),
                _ => Err(io::ErrorKind::ConnectionReset.into()),
            });
        }
        if self.fault == Fault::TakesBytesAlong {
            return self.poll_slowly(cx, buf);
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let fault = self.fault;
        match fault {
            Fault::ConfusesCutAndEnd if matches!(polled, Poll::Ready(Err(_))) => {
                return Poll::Ready(Ok(()));
            }
            Fault::LosesTheEnd
                if matches!(polled, Poll::Ready(Ok(())))
                    && buf.filled().len() == before
                    && std::mem::replace(&mut self.told, true) =>
            {
                return Poll::Pending;
            }
            _ => {}
        }
        polled
    }
}
