//! A transport in memory that breaks a promise about outages.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncWrite;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::memory::{Air, Memory};
use tssh_core::transport::{
    Connection, Datagrams, Listener, Priority, Stream, Transport, TransportError, WriteHalf,
};
use tssh_core::wire::ServerInfo;

/// Which promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slip {
    /// What is written in the dark never comes.
    ForgetsInTheDark,
    /// Nobody is silent: it tells of signs of life that it did not have.
    FakesLife,
    /// An hour in the dark is the end.
    TiresInAnHour,
}

/// Memory, with a fault.
pub(crate) struct Slipping {
    memory: Memory,
    slip: Slip,
}

impl Slipping {
    pub(crate) fn new(memory: Memory, slip: Slip) -> Self {
        Self { memory, slip }
    }
}

#[async_trait]
impl Transport for Slipping {
    fn mode(&self) -> &'static str {
        self.memory.mode()
    }

    async fn listen(
        &self,
        pipe: PacketPipe,
        offer: &mut ServerInfo,
    ) -> Result<Box<dyn Listener>, TransportError> {
        let inner = self.memory.listen(pipe.clone(), offer).await?;
        let (slip, air) = (self.slip, self.memory.air());
        Ok(Box::new(SlippingListener {
            inner,
            slip,
            air,
            pipe,
        }))
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let inner = self.memory.connect(pipe.clone(), offer).await?;
        Ok(slipping(inner, self.slip, self.memory.air(), pipe))
    }
}

struct SlippingListener {
    inner: Box<dyn Listener>,
    slip: Slip,
    air: Air,
    pipe: PacketPipe,
}

#[async_trait]
impl Listener for SlippingListener {
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError> {
        let inner = self.inner.accept().await?;
        let (slip, air) = (self.slip, self.air.clone());
        Ok(slipping(inner, slip, air, self.pipe.clone()))
    }
}

struct SlippingConnection {
    inner: Arc<dyn Connection>,
    slip: Slip,
    air: Air,
    _task: JoinSet<()>,
}

fn slipping(
    inner: Arc<dyn Connection>,
    slip: Slip,
    air: Air,
    pipe: PacketPipe,
) -> Arc<dyn Connection> {
    let mut task = JoinSet::new();
    match slip {
        Slip::ForgetsInTheDark => {}
        Slip::FakesLife => {
            task.spawn(async move {
                loop {
                    sleep(Duration::from_secs(3)).await;
                    pipe.opened();
                }
            });
        }
        Slip::TiresInAnHour => {
            let (inner, air) = (inner.clone(), air.clone());
            task.spawn(async move {
                let mut minutes = 0;
                while minutes < 60 {
                    sleep(Duration::from_secs(60)).await;
                    minutes = if air.is_dark() { minutes + 1 } else { 0 };
                }
                inner.close().await;
            });
        }
    }
    Arc::new(SlippingConnection {
        inner,
        slip,
        air,
        _task: task,
    })
}

impl SlippingConnection {
    fn stream(&self, stream: Stream) -> Stream {
        match self.slip {
            Slip::ForgetsInTheDark => Stream {
                reader: stream.reader,
                writer: Box::new(Forgetful {
                    inner: stream.writer,
                    air: self.air.clone(),
                }),
            },
            Slip::FakesLife | Slip::TiresInAnHour => stream,
        }
    }
}

#[async_trait]
impl Connection for SlippingConnection {
    async fn open(&self) -> Result<Stream, TransportError> {
        self.inner.open().await.map(|stream| self.stream(stream))
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        self.inner.accept().await.map(|stream| self.stream(stream))
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        self.inner.datagrams()
    }

    fn rtt(&self) -> Option<Duration> {
        self.inner.rtt()
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    async fn closed(&self) -> TransportError {
        self.inner.closed().await
    }
}

/// Takes what is written in the dark, and throws it away.
struct Forgetful {
    inner: Box<dyn WriteHalf>,
    air: Air,
}

impl WriteHalf for Forgetful {
    fn set_priority(&mut self, priority: Priority) {
        self.inner.set_priority(priority);
    }

    fn reset(&mut self) {
        self.inner.reset();
    }
}

impl AsyncWrite for Forgetful {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.air.is_dark() {
            true => Poll::Ready(Ok(bytes.len())),
            false => Pin::new(&mut self.inner).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
