//! Two peers in one process: the shortest honest transport, and the test double.
//!
//! No packets run through its pipes; a pipe is told of the peer's signs of life all the same. An outage is made with
//! [`Air`].
//!
//! | want to change…                       | look in        |
//! |---------------------------------------|----------------|
//! | how peers meet, and how they part     | `mod.rs`       |
//! | how bytes travel, and end             | `halves.rs`    |
//! | how an outage is made                 | `air.rs`       |
//! | how datagrams travel                  | `datagrams.rs` |

mod air;
mod datagrams;
mod halves;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Connection, Datagrams, ErrorKind, Listener, Stream, Transport, TransportError};
use crate::proxy::{Gate, LinkId, PacketPipe, Route, Source};
use crate::wire::ServerInfo;

pub use air::Air;
use datagrams::{MemoryDatagrams, Queue};
use halves::{Limbo, Side, direction};

/// The transport. Clones reach each other's listeners, through one air.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    shared: Arc<Shared>,
    air: Air,
    datagrams: bool,
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

/// One end of a connection.
#[derive(Debug)]
pub struct MemoryConnection {
    side: Side,
    far_side: Side,
    to_peer: mpsc::Sender<Stream>,
    from_peer: tokio::sync::Mutex<mpsc::Receiver<Stream>>,
    datagrams: Option<Arc<MemoryDatagrams>>,
    /// The far ends of streams to a peer that has silently gone: they stay open, as in an outage.
    lost: Mutex<Vec<Stream>>,
}

/// Two ends of a connection over `near` and `far`, and the air between them.
pub fn pair(
    near: PacketPipe,
    far: PacketPipe,
) -> (Arc<MemoryConnection>, Arc<MemoryConnection>, Air) {
    let air = Air::default();
    let (near, far) = joined(near, far, &air, false);
    (near, far, air)
}

fn joined(
    near: PacketPipe,
    far: PacketPipe,
    air: &Air,
    datagrams: bool,
) -> (Arc<MemoryConnection>, Arc<MemoryConnection>) {
    let closed = CancellationToken::new();
    let limbo = Limbo::default();
    let side = |pipe: PacketPipe| Side {
        pipe,
        air: air.clone(),
        closed: closed.clone(),
        ended: closed.child_token(),
        limbo: limbo.clone(),
    };
    let (near_side, far_side) = (side(near), side(far));
    let (to_far, at_far) = mpsc::channel(BACKLOG);
    let (to_near, at_near) = mpsc::channel(BACKLOG);
    let (there, back) = (Arc::new(Queue::default()), Arc::new(Queue::default()));
    let end =
        |side: &Side, far_side: &Side, to_peer, from_peer, sent: &Arc<Queue>, got: &Arc<Queue>| {
            Arc::new(MemoryConnection {
                side: side.clone(),
                far_side: far_side.clone(),
                to_peer,
                from_peer: tokio::sync::Mutex::new(from_peer),
                datagrams: datagrams.then(|| {
                    Arc::new(MemoryDatagrams {
                        side: side.clone(),
                        to_peer: sent.clone(),
                        from_peer: got.clone(),
                    })
                }),
                lost: Mutex::default(),
            })
        };
    (
        end(&near_side, &far_side, to_far, at_near, &there, &back),
        end(&far_side, &near_side, to_near, at_far, &back, &there),
    )
}

/// A pipe that leads nowhere: for transports that bring their own way.
pub fn pipe_to_nowhere() -> PacketPipe {
    PacketPipe::new(u16::MAX, Box::new(Nowhere))
}

impl Memory {
    /// The same, with datagrams beside the streams.
    pub fn with_datagrams() -> Self {
        Self {
            datagrams: true,
            ..Self::default()
        }
    }

    /// What lies between all peers that connect through this transport.
    pub fn air(&self) -> Air {
        self.air.clone()
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
        let (near, far) = joined(pipe, far_pipe, &self.air, self.datagrams);
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
        let far = self.far_side.stream(far_reader, far_writer);
        let near = self.side.stream(near_reader, near_writer);
        tokio::select! {
            biased;
            () = self.side.closed.cancelled() => return Err(ended()),
            sent = self.to_peer.send(far) => if let Err(error) = sent {
                lock(&self.lost).push(error.0);
            },
        }
        Ok(near)
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        let mut streams = self.from_peer.lock().await;
        tokio::select! {
            biased;
            () = self.side.closed.cancelled() => Err(ended()),
            stream = next(&mut streams, &self.side.air) => Ok(stream),
        }
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        let datagrams = self.datagrams.clone()?;
        Some(datagrams)
    }

    fn rtt(&self) -> Option<Duration> {
        self.side.air.rtt()
    }

    async fn close(&self) {
        self.side.closed.cancel();
    }

    async fn closed(&self) -> TransportError {
        self.side.closed.cancelled().await;
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

impl Drop for MemoryConnection {
    fn drop(&mut self) {
        self.side.ended.cancel();
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

/// Where the listener's name stands in the offer.
const NAME: &str = "MemoryListener";
