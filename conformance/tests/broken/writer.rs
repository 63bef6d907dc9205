//! A half that writes, and breaks one promise.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, Sleep, sleep};
use tssh_core::transport::memory::Air;
use tssh_core::transport::{Priority, WriteHalf};

use crate::sunk::{nowhere, pumped};
use crate::transport::Fault;

/// What the streams of a connection have in common, and should not.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) fault: Fault,
    pub(crate) air: Air,
    jam: Arc<Mutex<Jammed>>,
    /// Halves that were dropped, and of which nobody is told.
    kept: Arc<Mutex<Vec<Box<dyn WriteHalf>>>>,
    /// The last bytes that were written anywhere.
    last: Arc<Mutex<Vec<u8>>>,
}

/// Which stream of a connection cannot write, and which wait for it.
#[derive(Default)]
struct Jammed {
    by: Option<u64>,
    waiting: Vec<Waker>,
}

impl Common {
    pub(crate) fn new(fault: Fault, air: Air) -> Self {
        Self {
            fault,
            air,
            jam: Arc::default(),
            kept: Arc::default(),
            last: Arc::default(),
        }
    }
}

impl Jammed {
    fn clear(&mut self) {
        self.by = None;
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

pub(crate) struct Writer {
    inner: Box<dyn WriteHalf>,
    common: Common,
    fault: Fault,
    /// What ends the other half.
    ended: Arc<AtomicBool>,
    dark_since: Option<Instant>,
    /// Takes all there is to take.
    pump: Option<UnboundedSender<Vec<u8>>>,
    name: u64,
    number: usize,
    written: usize,
    shut: bool,
    flushed: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Writer {
    /// Of the stream that is the `number`th of its connection.
    pub(crate) fn new(
        inner: Box<dyn WriteHalf>,
        common: Common,
        ended: Arc<AtomicBool>,
        number: usize,
    ) -> Self {
        static NAMES: AtomicU64 = AtomicU64::new(1);
        let (inner, pump) = match common.fault {
            Fault::GrowsWithoutBound => {
                let (inner, pump) = pumped(inner);
                (inner, Some(pump))
            }
            _ => (inner, None),
        };
        Self {
            inner,
            pump,
            fault: common.fault,
            common,
            ended,
            dark_since: None,
            name: NAMES.fetch_add(1, Ordering::Relaxed),
            number,
            written: 0,
            shut: false,
            flushed: true,
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

impl Writer {
    /// Of a stream in sixty-four, the first bytes are those of another.
    fn confused(&self, bytes: &[u8]) -> Vec<u8> {
        let mut mixed = bytes.to_vec();
        let mut last = self.common.last.lock().unwrap();
        match self.number.is_multiple_of(64) {
            true => mixed
                .iter_mut()
                .zip(last.iter())
                .for_each(|(byte, other)| *byte = *other),
            false => *last = bytes[..bytes.len().min(16)].to_vec(),
        }
        mixed
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut jam = self.common.jam.lock().unwrap();
        if jam.by == Some(self.name) {
            jam.clear();
        }
        match self.fault {
            Fault::LosesTheTail if self.shut && !self.flushed => self.inner.reset(),
            Fault::KeepsDroppedWriters if !self.shut => {
                let inner = std::mem::replace(&mut self.inner, nowhere().writer);
                self.common.kept.lock().unwrap().push(inner);
            }
            _ => {}
        }
    }
}

impl WriteHalf for Writer {
    fn set_priority(&mut self, priority: Priority) {
        self.inner.set_priority(priority);
    }

    fn reset(&mut self) {
        if self.fault == Fault::ResetsBoth {
            self.ended.store(true, Ordering::Relaxed);
        }
        self.inner.reset();
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.flushed = false;
        match self.fault {
            Fault::ConfusesStreams => {
                let mixed = self.confused(bytes);
                return Pin::new(&mut self.inner).poll_write(cx, &mixed);
            }
            Fault::LosesAtABorder if bytes.len() % 32 == 31 => {
                let all = bytes.len();
                let polled = Pin::new(&mut self.inner).poll_write(cx, &bytes[..all - 1]);
                return polled.map_ok(|count| count + usize::from(count == all - 1));
            }
            Fault::LosesInTheDark if self.common.air.is_dark() => {
                return Poll::Ready(Ok(bytes.len()));
            }
            Fault::LosesAByte | Fault::Reorders | Fault::Repeats => {
                return self.poll_millionth(cx, bytes);
            }
            Fault::BacksOff if self.common.air.is_dark() => {
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
                let mut jam = self.common.jam.lock().unwrap();
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
        if let Poll::Ready(Ok(count)) = polled {
            self.pause = None;
            self.written += count;
        }
        if self.fault == Fault::BlocksNeighbours {
            let mut jam = self.common.jam.lock().unwrap();
            match polled.is_pending() {
                true => jam.by = Some(self.name),
                false => jam.clear(),
            }
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed = true;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut = true;
        match self.fault {
            Fault::DropsHalfClose => self.ended.store(true, Ordering::Relaxed),
            Fault::EndsNothingEmpty if self.written == 0 => {
                self.inner.reset();
                return Poll::Ready(Ok(()));
            }
            _ => {}
        }
        if self.pump.take().is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

const MILLION: usize = 1_000_000;
