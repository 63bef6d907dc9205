//! Owns what outlives a connection: the sessions.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use tokio::sync::{Semaphore, TryAcquireError, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tssh_core::transport::{Connection, Stream, WriteHalf};
use tssh_core::wire::{BusEvent, Resize, SessionStart, WireError};

use crate::child::Login;
use crate::connection::ClientView;
use crate::limits::{KEEPER_ROOM, LAST_WORDS, MAX_SESSIONS};
use crate::session::{self, Place, Wishes};
use crate::settings::Settings;

/// The client of a session: what is known of it, and how it is told of things.
#[derive(Clone)]
pub struct Client {
    /// Whether it is there, and what it wants kept.
    pub view: watch::Receiver<ClientView>,
    /// Its bus.
    pub bus: mpsc::Sender<BusEvent>,
    /// Its connection, which a session does not keep open.
    pub connection: Weak<dyn Connection>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A session that a client asks for.
#[derive(Debug)]
pub struct Start {
    /// What it asks.
    pub message: SessionStart,
    /// Standard input and output, on which the answer to `message` is still to be written.
    pub stream: Stream,
    /// Standard error, where it is wanted apart.
    pub stderr: Option<Errors>,
    /// Who asks.
    pub client: Client,
}

/// The client's stream for standard error.
pub struct Errors(pub Box<dyn WriteHalf>);

impl std::fmt::Debug for Errors {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Errors").finish_non_exhaustive()
    }
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Attaching.
    #[error("this tsshd does not know how to attach")]
    Attach,
    /// The server is about to end.
    #[error("tsshd is ending: log in again")]
    Ending,
    /// Two sessions of one name.
    #[error("session {0} is running already: choose another ID")]
    IdTaken(u64),
    /// As sshd would say.
    #[error("{0} sessions are running, which is all that MaxSessions permits: end one first")]
    TooMany(usize),
}

impl Refusal {
    /// PROTOCOL.md, "Streams": the code of the refusal.
    pub fn code(&self) -> i64 {
        match self {
            Self::TooMany(_) => WireError::PROHIBITED,
            Self::Attach | Self::Ending | Self::IdTaken(_) => 0,
        }
    }
}

/// Asks the keeper for things. Clones share it; it ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    settings: Arc<Settings>,
}

enum Command {
    End {
        id: u64,
    },
    EndAll {
        reply: oneshot::Sender<()>,
    },
    HasTerminals {
        reply: oneshot::Sender<bool>,
    },
    NextId {
        reply: oneshot::Sender<u64>,
    },
    Resize(Resize),
    Start {
        start: Box<Start>,
        reply: oneshot::Sender<Result<(), (Refusal, Box<Start>)>>,
    },
}

/// The keeper of a process, and its task.
pub fn new(
    login: Login,
    stop: CancellationToken,
) -> (Handle, impl Future<Output = ()> + Send + 'static) {
    let (commands, inbox) = mpsc::channel(KEEPER_ROOM);
    let settings = login.settings.clone();
    let limit = usize::try_from(login.settings.max_sessions).unwrap_or(MAX_SESSIONS);
    let task = Task {
        login: Arc::new(login),
        limit: limit.min(MAX_SESSIONS),
        places: Arc::new(Semaphore::new(limit.min(MAX_SESSIONS))),
        sessions: BTreeMap::new(),
        running: JoinSet::new(),
        next_id: FIRST_ID,
        ending: None,
        inbox,
        stop,
    };
    (Handle { commands, settings }, task.run())
}

impl Handle {
    /// What sshd_config says for the user of this process.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Starts a session, or gives it back with the reason why not. The session answers the client.
    ///
    /// # Errors
    ///
    /// [`Refusal`], with what was handed over.
    pub async fn start(&self, start: Start) -> Result<(), (Refusal, Box<Start>)> {
        let (reply, answer) = oneshot::channel();
        let start = Box::new(start);
        let Ok(permit) = self.commands.reserve().await else {
            return Err((Refusal::Ending, start));
        };
        permit.send(Command::Start { start, reply });
        // A keeper that ends has dropped the session with its streams.
        answer.await.unwrap_or(Ok(()))
    }

    /// Changes the size of a session's terminal.
    pub async fn resize(&self, resize: Resize) {
        // After the keeper's end there is no terminal.
        let _ = self.commands.send(Command::Resize(resize)).await;
    }

    /// Hangs up a session. One that is not there has ended already.
    pub async fn end(&self, id: u64) {
        // As above.
        let _ = self.commands.send(Command::End { id }).await;
    }

    /// Hangs up all sessions, and waits until they have ended, or have had their time.
    pub async fn end_all(&self) {
        let (reply, ended) = oneshot::channel();
        // As above.
        let _ = self.commands.send(Command::EndAll { reply }).await;
        // Dropped unanswered when the time is up.
        let _ = tokio::time::timeout(LAST_WORDS * 2, ended).await;
    }

    /// Whether a session has a terminal.
    pub async fn has_terminals(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        // As above.
        let _ = self.commands.send(Command::HasTerminals { reply }).await;
        answer.await.unwrap_or(false)
    }

    /// The first ID that is above all that were ever used; `None` after the keeper's end.
    pub async fn next_id(&self) -> Option<u64> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::NextId { reply }).await.ok()?;
        answer.await.ok()
    }
}

struct Task {
    login: Arc<Login>,
    limit: usize,
    /// Of sessions that are not over as far as their clients know.
    places: Arc<Semaphore>,
    sessions: BTreeMap<u64, Kept>,
    running: JoinSet<u64>,
    next_id: u64,
    /// Answered once no session is left.
    ending: Option<oneshot::Sender<()>>,
    inbox: mpsc::Receiver<Command>,
    stop: CancellationToken,
}

/// A running session, as its keeper sees it.
struct Kept {
    wishes: watch::Sender<Wishes>,
    end: CancellationToken,
    terminal: bool,
}

impl Task {
    async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                ended = self.running.join_next(), if !self.running.is_empty() => self.handle_end(ended),
                command = self.inbox.recv() => match command {
                    Some(command) => self.handle(command),
                    None => break,
                },
            }
        }
        self.running.shutdown().await;
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::End { id } => {
                if let Some(session) = self.sessions.get(&id) {
                    session.end.cancel();
                }
            }
            Command::EndAll { reply } => {
                self.places.close();
                self.sessions
                    .values()
                    .for_each(|session| session.end.cancel());
                self.ending = Some(reply);
                self.note_whether_all_ended();
            }
            Command::HasTerminals { reply } => {
                let terminals = self.sessions.values().any(|session| session.terminal);
                // Whoever asked may have left; here and below.
                let _ = reply.send(terminals);
            }
            Command::NextId { reply } => {
                let _ = reply.send(self.next_id);
            }
            Command::Resize(resize) => match self.sessions.get(&resize.id) {
                Some(session) => session
                    .wishes
                    .send_modify(|wishes| wishes.handle_resize(&resize)),
                None => tracing::debug!(id = resize.id, "no such session to resize"),
            },
            Command::Start { start, reply } => {
                let _ = reply.send(self.start(start));
            }
        }
    }

    fn start(&mut self, start: Box<Start>) -> Result<(), (Refusal, Box<Start>)> {
        let id = start.message.id;
        let place = if start.message.attach {
            Err(Refusal::Attach)
        } else if self.sessions.contains_key(&id) {
            Err(Refusal::IdTaken(id))
        } else if self.sessions.len() >= MAX_SESSIONS {
            Err(Refusal::TooMany(self.sessions.len()))
        } else {
            let place = self.places.clone().try_acquire_owned();
            place.map_err(|error| match error {
                TryAcquireError::Closed => Refusal::Ending,
                TryAcquireError::NoPermits => Refusal::TooMany(self.limit),
            })
        };
        let place = match place {
            Ok(permit) => Place::new(permit),
            Err(refusal) => return Err((refusal, start)),
        };
        self.next_id = self.next_id.max(id.saturating_add(1));
        let (wishes, wished) = watch::channel(Wishes::of(&start.message));
        let end = self.stop.child_token();
        self.sessions.insert(
            id,
            Kept {
                wishes,
                end: end.clone(),
                terminal: start.message.pty,
            },
        );
        let login = self.login.clone();
        self.running.spawn(async move {
            session::run(*start, login, place, wished, end).await;
            id
        });
        Ok(())
    }

    fn handle_end(&mut self, ended: Option<Result<u64, tokio::task::JoinError>>) {
        match ended {
            Some(Ok(id)) => {
                self.sessions.remove(&id);
            }
            Some(Err(error)) => {
                tracing::error!(%error, "a session broke off");
                self.sessions
                    .retain(|_, session| !session.wishes.is_closed());
            }
            None => {}
        }
        self.note_whether_all_ended();
    }

    fn note_whether_all_ended(&mut self) {
        if self.sessions.is_empty()
            && let Some(reply) = self.ending.take()
        {
            // Whoever asked may have left.
            let _ = reply.send(());
        }
    }
}

/// IDs start here; 0 would be left out of messages.
const FIRST_ID: u64 = 1;
