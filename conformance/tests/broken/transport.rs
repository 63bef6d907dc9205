//! A transport in memory that breaks one promise.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::memory::{Air, Memory};
use tssh_core::transport::{Connection, Listener, Transport, TransportError};
use tssh_core::wire::ServerInfo;

use crate::connection::BrokenConnection;

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
    /// The end of what one side sends ends what it hears.
    DropsHalfClose,
    /// A datagram above a thousand bytes is taken, and never comes.
    DropsLargeDatagrams,
    /// Dropping the last handle says goodbye.
    FarewellOnDrop,
    /// Takes whatever is written, read or not.
    GrowsWithoutBound,
    /// Datagrams were not declared, and there are some.
    HidesDatagrams,
    /// A task runs on when the connection is gone.
    LeaksATask,
    /// The millionth byte of a stream is lost.
    LosesAByte,
    /// An end of a stream is told once.
    LosesTheEnd,
    /// Closing waits for a path.
    LingersInTheDark,
    /// It ends for the wrong reason.
    MisnamesTheEnd,
    /// None.
    Nothing,
    /// The millionth byte of a stream comes before the one that was sent before it.
    Reorders,
    /// The millionth byte of a stream comes twice.
    Repeats,
    /// A hundred streams in all, whether they have ended or not.
    RunsOutOfStreams,
}

/// Memory, with a fault.
pub(crate) struct Broken {
    memory: Memory,
    fault: Fault,
}

impl Broken {
    pub(crate) fn new(memory: Memory, fault: Fault) -> Self {
        Self { memory, fault }
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
        Ok(Box::new(BrokenListener {
            inner,
            fault: self.fault,
            air: self.memory.air(),
        }))
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let inner = self.memory.connect(pipe, offer).await?;
        if self.fault == Fault::LeaksATask {
            // The task that is leaked: all it has to do is stay.
            tokio::spawn(tokio::time::sleep(Duration::from_secs(1 << 30)));
        }
        Ok(Arc::new(BrokenConnection::new(
            inner,
            self.fault,
            self.memory.air(),
        )))
    }
}

struct BrokenListener {
    inner: Box<dyn Listener>,
    fault: Fault,
    air: Air,
}

#[async_trait]
impl Listener for BrokenListener {
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError> {
        let inner = self.inner.accept().await?;
        Ok(Arc::new(BrokenConnection::new(
            inner,
            self.fault,
            self.air.clone(),
        )))
    }
}
