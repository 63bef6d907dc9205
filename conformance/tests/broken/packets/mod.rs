//! The shortest transport that carries streams over packets and keeps what weather, moves and lies ask of it; with a
//! flaw, it breaks one promise. It has no datagrams, and nothing that slow readers ask for.
//!
//! | want to change…                                | look in     |
//! |------------------------------------------------|-------------|
//! | which flaws there are, how peers meet and part | `mod.rs`    |
//! | what a packet looks like, and which open       | `seal.rs`   |
//! | what is sent again, and when                   | `line.rs`   |
//! | streams over messages                          | `ends.rs`   |
//! | the one task of a connection                   | `driver.rs` |

mod driver;
mod ends;
mod line;
mod seal;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{
    Connection, Datagrams, ErrorKind, Listener, Stream, Transport, TransportError,
};
use tssh_core::wire::{Secret, ServerInfo};

use driver::Driver;
use ends::{Shared, stream};
use seal::{Seal, Side};

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Whatever it cannot open is answered.
    AnswersNoise,
    /// Whatever comes is a sign of life.
    BelievesNoise,
    /// Its own packets open, too.
    BelievesReflections,
    /// A packet that came before is a sign of life again.
    BelievesReplays,
    /// What was changed behind the first bytes opens all the same.
    BelievesWhatIsBent,
    /// The size of its packets is the pipe's, whatever the path takes.
    CannotShrink,
    /// Messages are handed up as they come.
    DeliversAsItComes,
    /// A packet that cannot be opened ends the connection.
    EndsAtNoise,
    /// What was under way when the path changed is not sent again.
    ForgetsAtAMove,
    /// After two dozen losses it ends the connection.
    GivesUpAfterLosses,
    /// None.
    Nothing,
    /// The next packet waits for the acknowledgement of this one.
    OneAtATime,
    /// Its packets are larger than the pipe was made for.
    OutgrowsThePipe,
    /// A packet too short to be one ends its task.
    PanicsAtShortPackets,
    /// A packet that comes twice is handed up twice.
    TakesDoublesTwice,
}

/// The transport.
pub(crate) struct Packets(pub(crate) Flaw);

#[async_trait]
impl Transport for Packets {
    fn mode(&self) -> &'static str {
        "PACKETS"
    }

    async fn listen(
        &self,
        pipe: PacketPipe,
        offer: &mut ServerInfo,
    ) -> Result<Box<dyn Listener>, TransportError> {
        offer.mode = self.mode().to_owned();
        offer.pass = Secret::hex(&KEY);
        let seal = Seal::new(&KEY, Side::Server, self.0);
        Ok(Box::new(PacketListener(Some(Ends::new(
            pipe, seal, self.0,
        )))))
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let key = offer.pass().map_err(|error| {
            TransportError::new(ErrorKind::Misbehaved, "the server info has no key").because(error)
        })?;
        let ends = Ends::new(pipe, Seal::new(&*key, Side::Client, self.0), self.0);
        ends.shared.say_hello();
        Ok(Arc::new(ends))
    }
}

struct PacketListener(Option<Ends>);

#[async_trait]
impl Listener for PacketListener {
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError> {
        let Some(ends) = &self.0 else {
            return Err(TransportError::new(ErrorKind::Closed, "it has accepted"));
        };
        ends.shared
            .wait_for(|state| state.greeted.then_some(()))
            .await;
        let ends = self.0.take();
        Ok(Arc::new(ends.expect("it was there before the wait")))
    }
}

/// One side of a connection.
struct Ends {
    shared: Arc<Shared>,
    driver: AbortHandle,
}

impl Ends {
    fn new(pipe: PacketPipe, seal: Seal, flaw: Flaw) -> Self {
        let shared = Arc::new(Shared::new(flaw));
        let driver = tokio::spawn(Driver::new(pipe, seal, shared.clone(), flaw));
        Self {
            shared,
            driver: driver.abort_handle(),
        }
    }
}

#[async_trait]
impl Connection for Ends {
    async fn open(&self) -> Result<Stream, TransportError> {
        let id = self.shared.open()?;
        Ok(stream(&self.shared, id))
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        let came = self
            .shared
            .wait_for(|state| match state.arrived.pop_front() {
                Some(id) => Some(Ok(id)),
                None => state.end().map(Err),
            });
        came.await.map(|id| stream(&self.shared, id))
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        None
    }

    fn rtt(&self) -> Option<Duration> {
        self.shared.rtt()
    }

    async fn close(&self) {
        self.shared.say_goodbye();
        let told = self
            .shared
            .wait_for(|state| state.all_arrived().then_some(()));
        // A second, path or no path.
        let _ = timeout(Duration::from_secs(1), told).await;
        self.shared.end(ErrorKind::Closed);
    }

    async fn closed(&self) -> TransportError {
        self.shared.wait_for(|state| state.end()).await
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.driver.abort();
        self.shared.end(ErrorKind::Closed);
    }
}

/// No secret: whoever throws dice does not guess it.
const KEY: [u8; 48] = [7; 48];
