//! A connection that breaks one promise.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::sleep;
use tssh_core::transport::memory::Air;
use tssh_core::transport::{
    Connection, Datagrams, ErrorKind, ReadHalf, Stream, TransportError, WriteHalf,
};

use crate::streams::{Jam, Reader, Writer};
use crate::transport::Fault;

pub(crate) struct BrokenConnection {
    inner: Arc<dyn Connection>,
    fault: Fault,
    air: Air,
    opened: AtomicUsize,
    jam: Jam,
}

impl BrokenConnection {
    pub(crate) fn new(inner: Arc<dyn Connection>, fault: Fault, air: Air) -> Self {
        Self {
            inner,
            fault,
            air,
            opened: AtomicUsize::new(0),
            jam: Jam::default(),
        }
    }

    fn broken(&self, stream: Stream) -> Stream {
        let ended = Arc::default();
        let reader: Box<dyn ReadHalf> = Box::new(Reader::new(stream.reader, self.fault, &ended));
        let writer: Box<dyn WriteHalf> = Box::new(Writer::new(
            stream.writer,
            self.fault,
            ended,
            self.jam.clone(),
            self.air.clone(),
        ));
        Stream { reader, writer }
    }
}

#[async_trait]
impl Connection for BrokenConnection {
    async fn open(&self) -> Result<Stream, TransportError> {
        if self.fault == Fault::RunsOutOfStreams
            && self.opened.fetch_add(1, Ordering::Relaxed) >= 400
        {
            return std::future::pending().await;
        }
        self.inner.open().await.map(|stream| self.broken(stream))
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        let stream = self.inner.accept().await;
        if self.fault == Fault::AbandonsAccepted {
            sleep(Duration::from_millis(2)).await;
        }
        stream.map(|stream| self.broken(stream))
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
        self.inner.close().await;
    }

    async fn closed(&self) -> TransportError {
        let cause = self.inner.closed().await;
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
