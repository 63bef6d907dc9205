//! Accepts the client's streams, reads what each is for, and hands it over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tssh_core::transport::{Connection, Priority, Stream, WriteHalf};
use tssh_core::wire::{
    BusHello, Command, DialRequest, SessionStart, StderrStart, WireError, codec,
};

use crate::forward::{Dial, Target, TargetError};
use crate::keeper::{self, Client, Errors, Start};
use crate::limits::{MAX_FORWARDS, MAX_OPENING_STREAMS, MAX_WAITING_STDERRS};

/// The client's first words.
#[derive(Debug)]
pub(super) struct Greeted {
    pub(super) hello: BusHello,
    /// The bus, whose welcome is still to be written.
    pub(super) stream: Stream,
}

/// The task that accepts streams.
pub(super) struct Streams {
    connection: Arc<dyn Connection>,
    opening: Arc<Opening>,
}

/// What the openings of one connection share.
struct Opening {
    keeper: keeper::Handle,
    greeted: mpsc::Sender<Greeted>,
    /// Holds the client once the bus is up.
    ready: watch::Receiver<Option<Client>>,
    stderrs: Mutex<Waiting>,
    /// One for each forward that there may be.
    places: Arc<Semaphore>,
    timeout: Duration,
}

/// The streams for stderr, by the session that each waits for. A stream is entered before its answer
/// is written: the session may come in the very moment in which the client reads it.
type Waiting = BTreeMap<u64, oneshot::Receiver<Box<dyn WriteHalf>>>;

/// Why a stream was refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the bus is up already: a connection has one")]
    BusTwice,
    #[error("the bus did not come up: open it first")]
    NoBus,
    #[error("{0} is not supported by this version of tsshd")]
    Unsupported(Command),
    #[error("{MAX_WAITING_STDERRS} streams for stderr wait for their sessions: start those first")]
    TooManyStderrs,
    #[error(
        "{MAX_FORWARDS} connections are forwarded, which is all that tsshd carries: end one first"
    )]
    TooManyForwards,
    #[error("session {0} has its stderr already")]
    StderrTwice(u64),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Session(#[from] keeper::Refusal),
    #[error(transparent)]
    Version(#[from] tssh_core::wire::VersionError),
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl Refusal {
    fn code(&self) -> i64 {
        match self {
            Self::Unsupported(_) | Self::Target(TargetError::Prohibited(_)) => {
                WireError::PROHIBITED
            }
            Self::Session(refusal) => refusal.code(),
            Self::BusTwice
            | Self::NoBus
            | Self::TooManyStderrs
            | Self::StderrTwice(_)
            | Self::Target(_)
            | Self::TooManyForwards
            | Self::Version(_)
            | Self::Wire(_) => 0,
        }
    }
}

impl Streams {
    pub(super) fn new(
        connection: Arc<dyn Connection>,
        keeper: keeper::Handle,
        greeted: mpsc::Sender<Greeted>,
        ready: watch::Receiver<Option<Client>>,
        timeout: Duration,
    ) -> Self {
        let opening = Opening {
            keeper,
            greeted,
            ready,
            stderrs: Mutex::default(),
            places: Arc::new(Semaphore::new(MAX_FORWARDS)),
            timeout,
        };
        Self {
            connection,
            opening: Arc::new(opening),
        }
    }

    /// Ends with the connection, or when told to.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut openings = JoinSet::new();
        // As many as there are places.
        let mut forwards = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(opened) = openings.join_next() => if let Ok(Some(dial)) = opened {
                    let dial: Dial = dial;
                    forwards.spawn(dial.run());
                },
                Some(_) = forwards.join_next() => {}
                accepted = self.connection.accept(), if openings.len() < MAX_OPENING_STREAMS => {
                    let stream = match accepted {
                        Ok(stream) => stream,
                        Err(error) => {
                            tracing::debug!(%error, "no more streams");
                            return;
                        }
                    };
                    openings.spawn(open(self.opening.clone(), stream));
                }
            }
        }
    }
}

/// One stream, from its first byte until somebody owns it: whoever runs the forward that is returned.
async fn open(opening: Arc<Opening>, mut stream: Stream) -> Option<Dial> {
    let limit = opening.timeout;
    let command = match timeout(limit, codec::read_command(&mut stream)).await {
        Ok(Ok(name)) => name.parse::<Command>(),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            tracing::debug!("a stream said nothing in time");
            return None;
        }
    };
    let answered = async {
        match command {
            Ok(Command::Bus) => opening.greet(stream).await,
            Ok(Command::Dial) => return opening.dial(stream).await,
            Ok(Command::Session) => opening.start(stream).await,
            Ok(Command::Stderr) => opening.keep_stderr(stream).await,
            Ok(
                command @ (Command::Accept
                | Command::AcceptUdp
                | Command::DialUdp
                | Command::Listen
                | Command::ListenUdp),
            ) => refuse(stream, &Refusal::Unsupported(command)).await,
            Err(error) => refuse(stream, &error.into()).await,
        }
        None
    };
    // The greeting may use up its time twice: once until the bus is up, once for its own message.
    let answered = timeout(limit * 2, answered).await;
    answered.unwrap_or_else(|_| {
        tracing::debug!("a stream was not opened in time");
        None
    })
}

impl Opening {
    async fn greet(&self, mut stream: Stream) {
        let Ok(permit) = self.greeted.try_reserve() else {
            return refuse(stream, &Refusal::BusTwice).await;
        };
        let hello = async {
            codec::write_ack(&mut stream).await?;
            codec::read_message::<BusHello, _>(&mut stream).await
        };
        match hello.await {
            Ok(hello) => match hello.common_protocol() {
                Ok(_) => permit.send(Greeted { hello, stream }),
                Err(error) => refuse(stream, &error.into()).await,
            },
            Err(error) => refuse(stream, &error.into()).await,
        }
    }

    async fn start(&self, mut stream: Stream) {
        let Some(client) = self.client().await else {
            return refuse(stream, &Refusal::NoBus).await;
        };
        stream.writer.set_priority(Priority::Interactive);
        let message = async {
            codec::write_ack(&mut stream).await?;
            codec::read_message::<SessionStart, _>(&mut stream).await
        };
        let message = match message.await {
            Ok(message) => message,
            Err(error) => return refuse(stream, &error.into()).await,
        };
        let stderr = self.take_stderr(&message).await;
        let start = Start {
            message,
            stream,
            stderr: stderr.map(Errors),
            client,
        };
        if let Err((refusal, start)) = self.keeper.start(start).await {
            refuse(start.stream, &refusal.into()).await;
        }
    }

    async fn dial(&self, mut stream: Stream) -> Option<Dial> {
        if self.client().await.is_none() {
            refuse(stream, &Refusal::NoBus).await;
            return None;
        }
        stream.writer.set_priority(Priority::Bulk);
        let message = async {
            codec::write_ack(&mut stream).await?;
            codec::read_message::<DialRequest, _>(&mut stream).await
        };
        let judged = message.await.map_err(Refusal::from);
        let judged = judged.and_then(|request| {
            let target = Target::parse(&request)?;
            target.check(self.keeper.settings())?;
            let place = self.places.clone().try_acquire_owned();
            let place = place.map_err(|_| Refusal::TooManyForwards)?;
            Ok((target, request.timeout, place))
        });
        match judged {
            Ok((target, limit, place)) => Some(Dial {
                stream,
                target,
                limit,
                place,
            }),
            Err(refusal) => {
                refuse(stream, &refusal).await;
                None
            }
        }
    }

    async fn keep_stderr(&self, mut stream: Stream) {
        if self.client().await.is_none() {
            return refuse(stream, &Refusal::NoBus).await;
        }
        stream.writer.set_priority(Priority::Interactive);
        let message = async {
            codec::write_ack(&mut stream).await?;
            codec::read_message::<StderrStart, _>(&mut stream).await
        };
        let id = match message.await {
            Ok(StderrStart { id }) => id,
            Err(error) => return refuse(stream, &error.into()).await,
        };
        let (arrives, arrived) = oneshot::channel();
        if let Err(refusal) = self.enter(id, arrived) {
            return refuse(stream, &refusal).await;
        }
        if codec::write_ack(&mut stream).await.is_ok() {
            // Nobody waits when the session was refused meanwhile.
            let _ = arrives.send(stream.writer);
        }
    }

    fn enter(
        &self,
        id: u64,
        arrived: oneshot::Receiver<Box<dyn WriteHalf>>,
    ) -> Result<(), Refusal> {
        let mut waiting = self.waiting();
        if waiting.contains_key(&id) {
            return Err(Refusal::StderrTwice(id));
        }
        if waiting.len() >= MAX_WAITING_STDERRS {
            return Err(Refusal::TooManyStderrs);
        }
        waiting.insert(id, arrived);
        Ok(())
    }

    async fn take_stderr(&self, message: &SessionStart) -> Option<Box<dyn WriteHalf>> {
        let id = match message.attach {
            true => message.stderr_id,
            false => message.id,
        };
        let arrived = self.waiting().remove(&id)?;
        arrived.await.ok()
    }

    /// Waits for the bus: a client need not wait for its answer before it opens more streams.
    async fn client(&self) -> Option<Client> {
        let mut ready = self.ready.clone();
        let client = timeout(self.timeout, ready.wait_for(Option::is_some)).await;
        client.ok()?.ok()?.clone()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.stderrs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn refuse(mut stream: Stream, refusal: &Refusal) {
    tracing::debug!(%refusal, "a stream is refused");
    let said = async {
        codec::write_refusal(&mut stream, refusal.code(), &refusal.to_string()).await?;
        tokio::io::AsyncWriteExt::shutdown(&mut stream.writer).await?;
        Ok::<_, WireError>(())
    };
    if let Err(error) = said.await {
        tracing::debug!(%error, "a refusal was not delivered");
    }
}
