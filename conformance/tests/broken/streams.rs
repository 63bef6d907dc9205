//! Halves of a stream that break one promise.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{Instant, Sleep, sleep};
use tssh_core::transport::memory::Air;
use tssh_core::transport::{Priority, ReadHalf, WriteHalf};

use crate::transport::Fault;

/// Which stream of a connection cannot write, and which wait for it.
pub(crate) type Jam = Arc<Mutex<Jammed>>;

#[derive(Default)]
pub(crate) struct Jammed {
    by: Option<u64>,
    waiting: Vec<Waker>,
}

impl Jammed {
    fn clear(&mut self) {
        self.by = None;
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

pub(crate) struct Reader {
    inner: Box<dyn ReadHalf>,
    fault: Fault,
    /// The other half was shut down.
    ended: Arc<AtomicBool>,
    told: bool,
}

impl Reader {
    pub(crate) fn new(inner: Box<dyn ReadHalf>, fault: Fault, ended: &Arc<AtomicBool>) -> Self {
        Self {
            inner,
            fault,
            ended: ended.clone(),
            told: false,
        }
    }
}

impl ReadHalf for Reader {}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.fault == Fault::DropsHalfClose && self.ended.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
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

pub(crate) struct Writer {
    inner: Box<dyn WriteHalf>,
    fault: Fault,
    ended: Arc<AtomicBool>,
    jam: Jam,
    air: Air,
    dark_since: Option<Instant>,
    /// Takes all there is to take.
    pump: Option<UnboundedSender<Vec<u8>>>,
    name: u64,
    written: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Writer {
    pub(crate) fn new(
        inner: Box<dyn WriteHalf>,
        fault: Fault,
        ended: Arc<AtomicBool>,
        jam: Jam,
        air: Air,
    ) -> Self {
        static NAMES: AtomicU64 = AtomicU64::new(1);
        let (inner, pump) = match fault {
            Fault::GrowsWithoutBound => pumped(inner),
            _ => (inner, None),
        };
        Self {
            inner,
            pump,
            fault,
            ended,
            jam,
            air,
            dark_since: None,
            name: NAMES.fetch_add(1, Ordering::Relaxed),
            written: 0,
            pause: None,
        }
    }

    /// Writes the byte that is a million behind the last such byte in another way than the others.
    fn poll_millionth(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let left = MILLION - self.written % MILLION;
        if left > bytes.len() || bytes.len() < 2 {
            let most = bytes.len().min(left.max(2) - 1);
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, &bytes[..most]))?;
            self.written += count;
            return Poll::Ready(Ok(count));
        }
        let at = left - 1;
        let mut other = bytes[..=at].to_vec();
        match self.fault {
            Fault::LosesAByte => {
                other.pop();
            }
            Fault::Repeats => other.push(bytes[at]),
            _ if at > 0 => other.swap(at - 1, at),
            _ => {}
        }
        let count = ready!(Pin::new(&mut self.inner).poll_write(cx, &other))?;
        let done = match count == other.len() {
            true => at + 1,
            false => count.min(at),
        };
        self.written += done;
        Poll::Ready(Ok(done))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut jam = self.jam.lock().unwrap();
        if jam.by == Some(self.name) {
            jam.clear();
        }
    }
}

fn pumped(mut to: Box<dyn WriteHalf>) -> (Box<dyn WriteHalf>, Option<UnboundedSender<Vec<u8>>>) {
    let (pump, mut taken) = unbounded_channel::<Vec<u8>>();
    tokio::spawn(async move {
        while let Some(bytes) = taken.recv().await {
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    });
    (Box::new(Sunk(tokio::io::sink())), Some(pump))
}

/// What stands where the real half was.
struct Sunk(tokio::io::Sink);

impl WriteHalf for Sunk {
    fn set_priority(&mut self, _: Priority) {}
}

impl AsyncWrite for Sunk {
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

impl WriteHalf for Writer {
    fn set_priority(&mut self, priority: Priority) {
        self.inner.set_priority(priority);
    }

    fn reset(&mut self) {
        self.inner.reset();
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.fault {
            Fault::LosesAByte | Fault::Reorders | Fault::Repeats => {
                return self.poll_millionth(cx, bytes);
            }
            Fault::BacksOff if self.air.is_dark() => {
                self.dark_since.get_or_insert_with(Instant::now);
            }
            Fault::BacksOff => {
                if let Some(since) = self.dark_since.take() {
                    self.pause = Some(Box::pin(sleep(since.elapsed() / 4)));
                }
            }
            Fault::BatchesKeys if bytes.len() == 1 && self.pause.is_none() => {
                self.pause = Some(Box::pin(sleep(Duration::from_millis(200))));
            }
            Fault::BlocksNeighbours => {
                let mut jam = self.jam.lock().unwrap();
                if jam.by.is_some_and(|by| by != self.name) {
                    jam.waiting.push(cx.waker().clone());
                    return Poll::Pending;
                }
            }
            Fault::GrowsWithoutBound => {
                let pump = self.pump.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
                let taken = pump.send(bytes.to_vec());
                let taken = taken.map_err(|_| io::ErrorKind::BrokenPipe.into());
                return Poll::Ready(taken.map(|()| bytes.len()));
            }
            _ => {}
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
        }
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if polled.is_ready() {
            self.pause = None;
        }
        if self.fault == Fault::BlocksNeighbours {
            let mut jam = self.jam.lock().unwrap();
            match polled.is_pending() {
                true => jam.by = Some(self.name),
                false => jam.clear(),
            }
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended.store(true, Ordering::Relaxed);
        if self.pump.take().is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

const MILLION: usize = 1_000_000;
