//! Two peers in one process: the shortest honest transport, and the test double.
//!
//! No packets run through its pipes; a pipe is told of the peer's signs of life all the same. An outage is made with
//! [`Air`].

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{
    Connection, Datagrams, ErrorKind, Listener, Priority, ReadHalf, Stream, Transport,
    TransportError, WriteHalf,
};
use crate::proxy::{Gate, LinkId, PacketPipe, Route, Source};
use crate::wire::ServerInfo;

/// The transport. Clones reach each other's listeners.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    next: AtomicU64,
    listeners: Mutex<BTreeMap<u64, Listening>>,
}

/// Where a listener waits, and the pipe of its side.
#[derive(Clone, Debug)]
struct Listening {
    pipe: PacketPipe,
    arrive: mpsc::Sender<Arc<MemoryConnection>>,
}

/// What lies between two peers of one connection: bytes pass, or wait.
#[derive(Clone, Debug, Default)]
pub struct Air {
    shared: Arc<AirState>,
}

#[derive(Debug, Default)]
struct AirState {
    dark: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

/// One end of a connection.
#[derive(Debug)]
pub struct MemoryConnection {
    pipe: PacketPipe,
    air: Air,
    to_peer: mpsc::Sender<Stream>,
    from_peer: tokio::sync::Mutex<mpsc::Receiver<Stream>>,
    peer_pipe: PacketPipe,
    closed: CancellationToken,
    /// The far ends of streams to a peer that has silently gone: they stay open, as in an outage.
    lost: Mutex<Vec<Stream>>,
}

/// Two ends of a connection over `near` and `far`, and the air between them.
pub fn pair(
    near: PacketPipe,
    far: PacketPipe,
) -> (Arc<MemoryConnection>, Arc<MemoryConnection>, Air) {
    let air = Air::default();
    let closed = CancellationToken::new();
    let (to_far, at_far) = mpsc::channel(BACKLOG);
    let (to_near, at_near) = mpsc::channel(BACKLOG);
    let end = |pipe: &PacketPipe, peer_pipe: &PacketPipe, to_peer, from_peer| {
        Arc::new(MemoryConnection {
            pipe: pipe.clone(),
            air: air.clone(),
            to_peer,
            from_peer: tokio::sync::Mutex::new(from_peer),
            peer_pipe: peer_pipe.clone(),
            closed: closed.clone(),
            lost: Mutex::default(),
        })
    };
    let near_end = end(&near, &far, to_far, at_near);
    let far_end = end(&far, &near, to_near, at_far);
    (near_end, far_end, air)
}

/// A pipe that leads nowhere: for transports that bring their own way.
pub fn pipe_to_nowhere() -> PacketPipe {
    PacketPipe::new(u16::MAX, Box::new(Nowhere))
}

impl Air {
    /// From here on bytes wait, for as long as it takes.
    pub fn darken(&self) {
        self.shared.dark.store(true, Ordering::Release);
    }

    /// Bytes pass again.
    pub fn clear(&self) {
        self.shared.dark.store(false, Ordering::Release);
        for waker in lock(&self.shared.waiting).drain(..) {
            waker.wake();
        }
    }

    fn poll_clear(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.shared.dark.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        lock(&self.shared.waiting).push(cx.waker().clone());
        // The air may have cleared before the waker was noted.
        match self.shared.dark.load(Ordering::Acquire) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

#[async_trait]
impl Transport for Memory {
    fn mode(&self) -> &'static str {
        "MEMORY"
    }

    async fn listen(
        &self,
        pipe: PacketPipe,
        offer: &mut ServerInfo,
    ) -> Result<Box<dyn Listener>, TransportError> {
        let name = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (arrive, arrivals) = mpsc::channel(1);
        lock(&self.shared.listeners).insert(name, Listening { pipe, arrive });
        offer.mode = self.mode().to_owned();
        offer.extra.insert(NAME.to_owned(), name.into());
        Ok(Box::new(MemoryListener {
            arrivals,
            shared: self.shared.clone(),
            name,
        }))
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let name = offer.extra.get(NAME).and_then(serde_json::Value::as_u64);
        let listener = name.and_then(|name| lock(&self.shared.listeners).get(&name).cloned());
        let Some(Listening {
            pipe: far_pipe,
            arrive,
        }) = listener
        else {
            let message = "the offer names no listener of this process";
            return Err(TransportError::new(ErrorKind::Untrusted, message));
        };
        let (near, far, _) = pair(pipe, far_pipe);
        arrive.send(far).await.map_err(|_| ended())?;
        Ok(near)
    }
}

struct MemoryListener {
    arrivals: mpsc::Receiver<Arc<MemoryConnection>>,
    shared: Arc<Shared>,
    name: u64,
}

#[async_trait]
impl Listener for MemoryListener {
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError> {
        Ok(self.arrivals.recv().await.ok_or_else(ended)?)
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        lock(&self.shared.listeners).remove(&self.name);
    }
}

#[async_trait]
impl Connection for MemoryConnection {
    async fn open(&self) -> Result<Stream, TransportError> {
        let (near_writer, far_reader) = direction();
        let (far_writer, near_reader) = direction();
        let far = stream(far_reader, far_writer, &self.peer_pipe, self);
        let near = stream(near_reader, near_writer, &self.pipe, self);
        tokio::select! {
            () = self.closed.cancelled() => return Err(ended()),
            sent = self.to_peer.send(far) => if let Err(error) = sent {
                lock(&self.lost).push(error.0);
            },
        }
        Ok(near)
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        let mut streams = self.from_peer.lock().await;
        tokio::select! {
            () = self.closed.cancelled() => Err(ended()),
            stream = next(&mut streams, &self.air) => Ok(stream),
        }
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        None
    }

    fn rtt(&self) -> Option<Duration> {
        None
    }

    async fn close(&self) {
        self.closed.cancel();
    }

    async fn closed(&self) -> TransportError {
        self.closed.cancelled().await;
        ended()
    }
}

/// A peer that has silently gone opens no more streams; that is all that can be known of it.
async fn next(streams: &mut mpsc::Receiver<Stream>, air: &Air) -> Stream {
    std::future::poll_fn(|cx| air.poll_clear(cx)).await;
    match streams.recv().await {
        Some(stream) => stream,
        None => std::future::pending().await,
    }
}

/// The end of one direction of a stream: its bytes, and whether it was broken off.
struct Lane {
    bytes: DuplexStream,
    broken: Arc<AtomicBool>,
}

fn direction() -> (Lane, Lane) {
    let (writer, reader) = duplex(STREAM_WINDOW);
    let broken = Arc::new(AtomicBool::new(false));
    let lane = |bytes| Lane {
        bytes,
        broken: broken.clone(),
    };
    (lane(writer), lane(reader))
}

fn stream(reader: Lane, writer: Lane, pipe: &PacketPipe, of: &MemoryConnection) -> Stream {
    Stream {
        reader: Box::new(Reader {
            lane: reader,
            pipe: pipe.clone(),
            air: of.air.clone(),
            closed: Box::pin(of.closed.clone().cancelled_owned()),
        }),
        writer: Box::new(Writer {
            lane: writer,
            closed: Box::pin(of.closed.clone().cancelled_owned()),
        }),
    }
}

struct Reader {
    lane: Lane,
    pipe: PacketPipe,
    air: Air,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl ReadHalf for Reader {}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(ended().into()));
        }
        std::task::ready!(self.air.poll_clear(cx));
        std::task::ready!(Pin::new(&mut self.lane.bytes).poll_read(cx, buf))?;
        if self.lane.broken.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.pipe.opened();
        Poll::Ready(Ok(()))
    }
}

struct Writer {
    lane: Lane,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl WriteHalf for Writer {
    fn set_priority(&mut self, _: Priority) {}

    fn reset(&mut self) {
        self.lane.broken.store(true, Ordering::Release);
        // A reader that waits is woken by the end, and finds what it means.
        self.lane.bytes = duplex(1).0;
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(ended().into()));
        }
        Pin::new(&mut self.lane.bytes).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lane.bytes).poll_shutdown(cx)
    }
}

/// Nothing comes from nowhere, and nothing goes there.
#[derive(Debug)]
struct Nowhere;

impl Gate for Nowhere {
    fn admit(&self, _: &PacketPipe, _: Source, _: &[u8]) -> bool {
        false
    }

    fn intercept(&self, _: &PacketPipe, _: Source, _: &[u8]) -> bool {
        false
    }

    fn may_send(&self, _: &Route, _: usize) -> bool {
        false
    }

    fn handle_opened(&self, _: &PacketPipe) {}

    fn handle_link_error(&self, _: LinkId, _: &io::Error) {}
}

fn ended() -> TransportError {
    TransportError::new(ErrorKind::Closed, "the connection has ended")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Streams that were opened and not yet accepted.
const BACKLOG: usize = 64;

/// Bytes that were written and not yet read, of one direction of a stream.
const STREAM_WINDOW: usize = 64 * 1024;

/// Where the listener's name stands in the offer.
const NAME: &str = "MemoryListener";
