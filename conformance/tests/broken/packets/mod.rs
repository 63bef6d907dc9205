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

use std::future::poll_fn;
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
    /// Its listener waits for another client when it has accepted one.
    AcceptsForEver,
    /// Whatever it cannot open is answered.
    AnswersNoise,
    /// Its timers run on, and wait twice as long each time, while there is no path.
    BacksOffInTheDark,
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
    /// It ends when nothing was heard for some time, path or no path.
    EndsInTheDark,
    /// A packet that cannot be opened ends the connection.
    EndsAtNoise,
    /// Whatever fits into acknowledgements is under way, whatever the path takes.
    FillsTheQueue,
    /// What was under way when the path changed is not sent again.
    ///
    /// It is the server that loses by it: what it sent goes to where the client was. The client sends along both paths
    /// until the new one has answered, so that all that it has under way when it leaves the old one has arrived over the
    /// new. A server has one link for all paths, and knows a path by the peer's address.
    ForgetsAtAMove,
    /// What is under way when there is no path is not sent again.
    ForgetsInTheDark,
    /// After eight losses it ends the connection.
    GivesUpAfterLosses,
    /// It ends when too much waits for what is missing.
    GivesUpAtGaps,
    /// Streams are served as they were opened, whatever their priority.
    IgnoresPriority,
    /// Nobody is told that the peer lives.
    KeepsItToItself,
    /// Packets go where the first went.
    KeepsToItsPath,
    /// Either side opens streams, and accepts them.
    LetsBothOpen,
    /// Closing waits for room in the pipe, for an hour at the most.
    LingersWithoutRoom,
    /// None.
    Nothing,
    /// The next packet waits for the acknowledgement of this one.
    OneAtATime,
    /// Its packets are larger than the pipe was made for.
    OutgrowsThePipe,
    /// Its task goes on when nobody holds the connection any more.
    OutlivesItsHandles,
    /// A packet too short to be one ends its task.
    PanicsAtShortPackets,
    /// A client waits for an answer, and a server hears nobody but the first that came.
    ServesTheFirstAttempt,
    /// A packet that comes twice is handed up twice.
    TakesDoublesTwice,
    /// Each loss halves what is under way.
    TakesLossForCongestion,
    /// The pipe hears of no loss.
    TellsNoLosses,
    /// The pipe hears of a loss with each packet that arrives.
    TellsOfLossesThatWereNone,
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
        let ends = Ends::new(pipe, Side::Server, &KEY, self.0);
        Ok(Box::new(PacketListener(Some(ends), self.0)))
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let key = offer.pass().map_err(|error| {
            TransportError::new(ErrorKind::Misbehaved, "the server info has no key").because(error)
        })?;
        let ends = Ends::new(pipe, Side::Client, &*key, self.0);
        ends.shared.say_hello();
        if self.0 == Flaw::ServesTheFirstAttempt {
            let answered = |state: &mut ends::State| state.all_arrived().then_some(());
            ends.shared.wait_for(answered).await;
        }
        Ok(Arc::new(ends))
    }
}

struct PacketListener(Option<Ends>, Flaw);

#[async_trait]
impl Listener for PacketListener {
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError> {
        let Some(ends) = &self.0 else {
            if self.1 == Flaw::AcceptsForEver {
                return std::future::pending().await;
            }
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
    pipe: PacketPipe,
    side: Side,
    flaw: Flaw,
    shared: Arc<Shared>,
    driver: AbortHandle,
}

impl Ends {
    fn new(pipe: PacketPipe, side: Side, key: &[u8], flaw: Flaw) -> Self {
        let shared = Arc::new(Shared::new(flaw));
        let seal = Seal::new(key, side, flaw);
        let driver = tokio::spawn(Driver::new(pipe.clone(), seal, shared.clone(), flaw));
        Self {
            pipe,
            side,
            flaw,
            shared,
            driver: driver.abort_handle(),
        }
    }

    fn only_for(&self, side: Side, says: &'static str) -> Result<(), TransportError> {
        match self.side == side || self.flaw == Flaw::LetsBothOpen {
            true => Ok(()),
            false => Err(TransportError::new(ErrorKind::Unsupported, says)),
        }
    }
}

#[async_trait]
impl Connection for Ends {
    async fn open(&self) -> Result<Stream, TransportError> {
        self.only_for(Side::Client, "only a client opens streams")?;
        let id = self.shared.open()?;
        Ok(stream(&self.shared, id))
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        self.only_for(Side::Server, "only a server accepts streams")?;
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
        if self.flaw == Flaw::LingersWithoutRoom {
            let room = poll_fn(|cx| self.pipe.poll_writable(cx));
            let _ = timeout(Duration::from_secs(3600), room).await;
        }
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
        if self.flaw == Flaw::OutlivesItsHandles {
            return;
        }
        self.driver.abort();
        self.shared.end(ErrorKind::Closed);
    }
}

/// No secret: whoever throws dice does not guess it.
const KEY: [u8; 48] = [7; 48];
