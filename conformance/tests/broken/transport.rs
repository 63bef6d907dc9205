//! A transport in memory that breaks one promise.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::memory::Memory;
use tssh_core::transport::{Connection, ErrorKind, Listener, Transport, TransportError};
use tssh_core::wire::ServerInfo;

use crate::connection::{BrokenConnection, Waiting};

/// Which promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A stream that was accepted is lost when nobody waits any more.
    AbandonsAccepted,
    /// Each byte waits for the next one, or for a fifth of a second.
    BatchesKeys,
    /// After an outage it waits as long again as its timers had backed off to.
    BacksOff,
    /// One stream that cannot write stops all others.
    BlocksNeighbours,
    /// Datagrams were declared, and there are none.
    ClaimsDatagrams,
    /// A closed connection looks like streams that ended in order.
    ConfusesCutAndEnd,
    /// The offer of others is thrown away.
    ClearsTheOffer,
    /// The first bytes of a stream are now and then those of another.
    ConfusesStreams,
    /// The end of what one side sends ends what it hears.
    DropsHalfClose,
    /// A datagram above a thousand bytes is taken, and never comes.
    DropsLargeDatagrams,
    /// A direction without bytes is broken off where it should end.
    EndsNothingEmpty,
    /// Whoever gives up the wait for the end ends the connection.
    EndsWithItsWaiter,
    /// Dropping the last handle says goodbye.
    FarewellOnDrop,
    /// A stream that nobody accepts within ten seconds is forgotten.
    ForgetsStreams,
    /// Takes whatever is written, read or not.
    GrowsWithoutBound,
    /// Datagrams were not declared, and there are some.
    HidesDatagrams,
    /// A writer that is dropped is kept, and its reader learns nothing.
    KeepsDroppedWriters,
    /// A task runs on when the connection is gone.
    LeaksATask,
    /// A task runs on when a listener is dropped that nobody called.
    LeaksAListener,
    /// The millionth byte of a stream is lost.
    LosesAByte,
    /// Of a piece that is one byte short of a multiple of 32, the last byte is lost.
    LosesAtABorder,
    /// What is written while there is no path is lost.
    LosesInTheDark,
    /// An end of a stream is told once.
    LosesTheEnd,
    /// What was not flushed is lost when the writer is dropped, although the direction was ended.
    LosesTheTail,
    /// Closing waits for a path.
    LingersInTheDark,
    /// It ends for the wrong reason.
    MisnamesTheEnd,
    /// None.
    Nothing,
    /// Streams are opened where there is no room for them.
    OpensWithoutBound,
    /// The millionth byte of a stream comes before the one that was sent before it.
    Reorders,
    /// The millionth byte of a stream comes twice.
    Repeats,
    /// A direction that is reset breaks the other off.
    ResetsBoth,
    /// Four hundred streams in all, whether they have ended or not.
    RunsOutOfStreams,
    /// A read that is given up takes bytes along.
    TakesBytesAlong,
    /// Whoever closes what has ended says goodbye again, and waits for it.
    TellsAgain,
    /// An offer without credentials is tried, until it looks as if nobody were there.
    TriesInVain,
}

/// Memory, with a fault.
pub(crate) struct Broken {
    memory: Memory,
    fault: Fault,
    waiting: Waiting,
}

impl Broken {
    pub(crate) fn new(memory: Memory, fault: Fault) -> Self {
        Self {
            memory,
            fault,
            waiting: Waiting::default(),
        }
    }

    fn connection(&self, inner: Arc<dyn Connection>) -> Arc<dyn Connection> {
        let (air, waiting) = (self.memory.air(), self.waiting.clone());
        Arc::new(BrokenConnection::new(inner, self.fault, air, waiting))
    }
}

#[async_trait]
impl Transport for Broken {
    fn mode(&self) -> &'static str {
        self.memory.mode()
    }

    async fn listen(
        &self,
        pipe: PacketPipe,
        offer: &mut ServerInfo,
    ) -> Result<Box<dyn Listener>, TransportError> {
        if self.fault == Fault::ClearsTheOffer {
            *offer = ServerInfo::default();
        }
        let inner = self.memory.listen(pipe, offer).await?;
        let called = Arc::new(Notify::new());
        if self.fault == Fault::LeaksAListener {
            let called = called.clone();
            tokio::spawn(async move { called.notified().await });
        }
        let (memory, fault, waiting) = (self.memory.clone(), self.fault, self.waiting.clone());
        Ok(Box::new(BrokenListener {
            inner,
            broken: Self {
                memory,
                fault,
                waiting,
            },
            called,
        }))
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let connected = self.memory.connect(pipe, offer).await;
        let inner = connected.map_err(|error| match self.fault {
            Fault::TriesInVain => TransportError::new(ErrorKind::TimedOut, "nobody answers"),
            _ => error,
        })?;
        if self.fault == Fault::LeaksATask {
            // The task that is leaked: all it has to do is stay.
            tokio::spawn(tokio::time::sleep(Duration::from_secs(1 << 30)));
        }
        Ok(self.connection(inner))
    }
}

struct BrokenListener {
    inner: Box<dyn Listener>,
    broken: Broken,
    called: Arc<Notify>,
}

#[async_trait]
impl Listener for BrokenListener {
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError> {
        let inner = self.inner.accept().await?;
        self.called.notify_one();
        Ok(self.broken.connection(inner))
    }
}
