//! What the client does about the events of its server.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::rekey;
use super::sessions::Sessions;
use crate::heartbeat::{self, Verdict};
use crate::proxy::client as proxy;
use crate::transport::Connection;
use crate::wire::{BusEvent, Channel, Discard, Printable, WireError};

/// What the user, or a forwarding, is to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// An X11 or agent connection waits.
    Channel(Channel),
    /// A line for the debug log.
    Debug(Printable),
    /// Input or output was dropped, or stdin needs a marker.
    Discard(Discard),
    /// The server is going away, for this reason.
    Quit(Printable),
    /// A warning of the server.
    Warning(Printable),
}

/// Acts on the bus, until it or the connection ends.
pub(super) struct Events {
    bus: mpsc::Receiver<Result<BusEvent, WireError>>,
    connection: Arc<dyn Connection>,
    heartbeat: heartbeat::Handle,
    path: proxy::Handle,
    sessions: Sessions,
    told: mpsc::Sender<ClientEvent>,
}

impl Events {
    pub(super) fn new(
        bus: mpsc::Receiver<Result<BusEvent, WireError>>,
        connection: Arc<dyn Connection>,
        heartbeat: heartbeat::Handle,
        path: proxy::Handle,
        sessions: Sessions,
    ) -> (Self, mpsc::Receiver<ClientEvent>) {
        let (told, hears) = mpsc::channel(TOLD_ROOM);
        (
            Self {
                bus,
                connection,
                heartbeat,
                path,
                sessions,
                told,
            },
            hears,
        )
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut verdict = Some(self.heartbeat.verdict());
        let connection = self.connection.clone();
        let mut closed = connection.closed();
        loop {
            tokio::select! {
                biased; // What the server said last is told before its end.
                () = stop.cancelled() => break,
                event = self.bus.recv() => match event {
                    Some(Ok(event)) => self.handle(event),
                    // The answer to a greeting that the client did not wait for.
                    Some(Err(WireError::Refused { reason, .. })) => {
                        self.tell(ClientEvent::Quit(reason));
                        break;
                    }
                    // How a Go server that was told to end does so.
                    Some(Err(WireError::Io(error))) => {
                        tracing::debug!(%error, "the bus has ended");
                        break;
                    }
                    Some(Err(error)) => {
                        tracing::warn!(%error, "the bus cannot be read any further");
                        break;
                    }
                    None => break,
                },
                cause = &mut closed => {
                    tracing::debug!(%cause, "the connection has ended");
                    break;
                }
                told = heartbeat::told(&mut verdict) => if told == Verdict::Gone {
                    self.tell(ClientEvent::Quit(Printable::new("the server was silent for too long")));
                    break;
                },
            }
        }
        self.sessions.handle_end();
    }

    fn handle(&self, event: BusEvent) {
        match event {
            BusEvent::Alive(_) => {
                self.path
                    .set_rtt(self.heartbeat.echo(self.connection.rtt()));
            }
            BusEvent::Channel(channel) => self.tell(ClientEvent::Channel(channel)),
            BusEvent::Debug(line) => self.tell(ClientEvent::Debug(Printable::new(&line.text))),
            BusEvent::Discard(discard) => self.tell(ClientEvent::Discard(discard)),
            BusEvent::Error(line) => self.tell(ClientEvent::Warning(Printable::new(&line.text))),
            BusEvent::Exit(exit) => self.sessions.handle_exit(exit),
            BusEvent::Quit(quit) => self.tell(ClientEvent::Quit(Printable::new(&quit.reason))),
            BusEvent::Unknown(name) => {
                tracing::warn!(name, "an event that this version does not know is ignored");
            }
            BusEvent::Rekey(answer) => rekey::finish(self.connection.rekey(), &answer),
            BusEvent::Close | BusEvent::Resize(_) | BusEvent::Setting(_) => {
                tracing::warn!("an event that a server does not send is ignored");
            }
        }
    }

    /// A user interface that does not listen misses what does not fit.
    fn tell(&self, event: ClientEvent) {
        if self.told.try_send(event).is_err() {
            tracing::debug!("nobody listens to what the server tells");
        }
    }
}

/// What waits for the user interface.
const TOLD_ROOM: usize = 64;
