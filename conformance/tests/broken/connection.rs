//! A connection that breaks one promise.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};
use tssh_core::transport::memory::Air;
use tssh_core::transport::{
    Connection, Datagrams, ErrorKind, ReadHalf, Stream, TransportError, WriteHalf,
};

use crate::reader::Reader;
use crate::sunk::nowhere;
use crate::transport::Fault;
use crate::writer::{Common, Writer};

pub(crate) struct BrokenConnection {
    inner: Arc<dyn Connection>,
    fault: Fault,
    air: Air,
    streams: AtomicUsize,
    common: Common,
    waiting: Waiting,
}

/// When the streams were opened that nobody has accepted.
pub(crate) type Waiting = Arc<Mutex<VecDeque<Instant>>>;

impl BrokenConnection {
    pub(crate) fn new(
        inner: Arc<dyn Connection>,
        fault: Fault,
        air: Air,
        waiting: Waiting,
    ) -> Self {
        Self {
            inner,
            fault,
            common: Common::new(fault, air.clone()),
            air,
            streams: AtomicUsize::new(0),
            waiting,
        }
    }

    fn broken(&self, stream: Stream) -> Stream {
        let ended = Arc::default();
        let number = self.streams.fetch_add(1, Ordering::Relaxed) + 1;
        let reader: Box<dyn ReadHalf> = Box::new(Reader::new(stream.reader, self.fault, &ended));
        let writer = Writer::new(stream.writer, self.common.clone(), ended, number);
        let writer: Box<dyn WriteHalf> = Box::new(writer);
        Stream { reader, writer }
    }

    /// Whether the next stream has waited for so long that it was forgotten.
    fn forgets(&self) -> bool {
        let opened = self.waiting.lock().unwrap().pop_front();
        self.fault == Fault::ForgetsStreams && opened.is_some_and(|at| at.elapsed() > MOST_PATIENCE)
    }
}

#[async_trait]
impl Connection for BrokenConnection {
    async fn open(&self) -> Result<Stream, TransportError> {
        match self.fault {
            Fault::RunsOutOfStreams if self.streams.load(Ordering::Relaxed) >= 400 => {
                return std::future::pending().await;
            }
            Fault::OpensWithoutBound => {
                let opened = timeout(Duration::ZERO, self.inner.open()).await;
                return opened.unwrap_or_else(|_| Ok(nowhere()));
            }
            _ => {}
        }
        let stream = self.inner.open().await?;
        self.waiting.lock().unwrap().push_back(Instant::now());
        Ok(self.broken(stream))
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        loop {
            let stream = self.inner.accept().await;
            if self.fault == Fault::AbandonsAccepted {
                sleep(Duration::from_millis(2)).await;
            }
            if stream.is_err() || !self.forgets() {
                return stream.map(|stream| self.broken(stream));
            }
        }
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        let datagrams = self.inner.datagrams()?;
        match self.fault {
            Fault::DropsLargeDatagrams => Some(Arc::new(BrokenDatagrams(datagrams))),
            _ => Some(datagrams),
        }
    }

    fn rtt(&self) -> Option<Duration> {
        self.inner.rtt()
    }

    async fn close(&self) {
        while self.fault == Fault::LingersInTheDark && self.air.is_dark() {
            sleep(Duration::from_secs(3600)).await;
        }
        let ended = timeout(Duration::ZERO, self.inner.closed()).await.is_ok();
        if self.fault == Fault::TellsAgain && ended {
            sleep(Duration::from_secs(1)).await;
        }
        self.inner.close().await;
    }

    async fn closed(&self) -> TransportError {
        let mut waiter = Waiter(match self.fault {
            Fault::EndsWithItsWaiter => Some(self.inner.clone()),
            _ => None,
        });
        let cause = self.inner.closed().await;
        waiter.0 = None;
        match self.fault {
            Fault::MisnamesTheEnd => TransportError::new(ErrorKind::TimedOut, "it has ended"),
            _ => cause,
        }
    }
}

impl Drop for BrokenConnection {
    fn drop(&mut self) {
        if self.fault == Fault::FarewellOnDrop {
            let inner = self.inner.clone();
            tokio::spawn(async move { inner.close().await });
        }
    }
}

/// Whoever waits for the end, and ends what they wait for when they give up.
struct Waiter(Option<Arc<dyn Connection>>);

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            tokio::spawn(async move { connection.close().await });
        }
    }
}

struct BrokenDatagrams(Arc<dyn Datagrams>);

#[async_trait]
impl Datagrams for BrokenDatagrams {
    fn max_size(&self) -> usize {
        self.0.max_size()
    }

    fn send(&self, payload: Bytes) -> Result<(), TransportError> {
        match payload.len() > 1000 {
            true => Ok(()),
            false => self.0.send(payload),
        }
    }

    async fn recv(&self) -> Result<Bytes, TransportError> {
        self.0.recv().await
    }
}

/// How long a stream may wait where it is forgotten.
const MOST_PATIENCE: Duration = Duration::from_secs(10);
