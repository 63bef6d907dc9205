//! The client's side of a connection: finds the server, greets it, starts sessions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::bus::{self, Greeting};
use super::connect_error::ConnectError;
use super::events::{ClientEvent, Events};
use super::rekey;
use super::sessions::Sessions;
use super::supervisor::{Role, Supervisor};
use super::timeouts::Timeouts;
use crate::auth::ProxyKey;
use crate::heartbeat::{self, Verdict};
use crate::proxy::client::{self as proxy, Binder, Carriers, PathStatus};
use crate::proxy::network::NetworkEvents;
use crate::transport::{Connection, Priority, ReadHalf, Stream, Transport, WriteHalf};
use crate::wire::{
    self, BusEvent, BusHello, Command, Exit, Extension, Resize, ServerInfo, SessionStart, Setting,
    StderrStart, WireError, codec, feature,
};

/// What a client brings along.
#[derive(Debug)]
pub struct ClientConfig {
    /// What the server printed at login.
    pub info: ServerInfo,
    /// Where it may be reached, the best address first. Not empty.
    pub servers: Vec<SocketAddr>,
    /// What may carry the packets.
    pub carriers: Carriers,
    /// How long a stream may take to answer, where more than a connection is to be made.
    pub stream_answer: Option<Duration>,
    /// When it counts as lost.
    pub timeouts: Timeouts,
    /// The largest packet in bytes; the server's own wish wins.
    pub mtu: u16,
    /// How long to wait for the first answer.
    pub connect_timeout: Duration,
    /// A name for the server's list of sessions.
    pub session_name: String,
    /// Whether output made during an outage must come whole: work without a terminal.
    pub keep_output: bool,
}

/// A connection to a server. Clones share it.
#[derive(Clone)]
pub struct Client {
    pub(super) connection: Arc<dyn Connection>,
    bus: mpsc::Sender<BusEvent>,
    pipe: crate::proxy::PacketPipe,
    path: proxy::Handle,
    verdict: watch::Receiver<Verdict>,
    sessions: Sessions,
    ended: CancellationToken,
    /// Whether the server is of this project.
    ours: bool,
}

/// A session on the server: its streams and its end.
pub struct RemoteSession {
    /// Its ID, for [`Client::resize`].
    pub id: u64,
    /// Bytes to the program. `shutdown` is its end of file.
    pub stdin: Box<dyn WriteHalf>,
    /// Bytes from the program.
    pub stdout: Box<dyn ReadHalf>,
    /// Its standard error, when that is wanted apart.
    pub stderr: Option<Box<dyn ReadHalf>>,
    /// How it ended; an error when the connection ended before.
    pub exit: oneshot::Receiver<Exit>,
}

impl Client {
    /// Connects, greets, and returns the client, what the server tells, and the connection's tasks:
    /// run them ([`Supervisor::run`]) for as long as the client is used.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`]. No task is left then.
    pub async fn connect(
        transport: &dyn Transport,
        config: ClientConfig,
        binder: Arc<dyn Binder>,
        network: NetworkEvents,
        stop: &CancellationToken,
    ) -> Result<(Self, mpsc::Receiver<ClientEvent>, Supervisor), ConnectError> {
        let mut tasks = Supervisor::new(stop);
        let (server, carriers) = (config.servers[0], config.carriers);
        let key = ProxyKey::new(&*config.info.proxy_key()?);
        let timing = proxy::Timing::default();
        let path_config = proxy::Config {
            servers: config.servers.clone(),
            client_id: config.info.client_id,
            server_id: config.info.server_id,
            key,
            mtu: if config.info.mtu == 0 {
                config.mtu
            } else {
                config.info.mtu
            },
            timing: proxy::Timing {
                heartbeat_timeout: config.timeouts.heartbeat,
                confirm: config.info.offers(feature::CONFIRM),
                race: races(&config.info),
                wide: config.info.offers(feature::ASK) && transport.needs_large_packets(),
                carriers,
                stream_answer: config.stream_answer.unwrap_or(timing.stream_answer),
                ..timing
            },
        };
        let (pipe, path, path_task) = proxy::new(path_config, binder, network, tasks.stop());
        tasks.spawn(Role::Proxy, path_task);
        let greeting = greet(transport, &pipe, &config);
        let greeted = tokio::select! {
            biased; // Who has answered does not refuse.
            greeted = tokio::time::timeout(config.connect_timeout, greeting) => greeted,
            () = refused(path.status()) => return Err(ConnectError::Refused { carriers, server }),
        };
        let Ok(greeted) = greeted else {
            let waited = config.connect_timeout;
            return Err(ConnectError::NoAnswer {
                carriers,
                server,
                waited,
            });
        };
        let (connection, bus_stream, greeting, first_session) = greeted?;
        let (bus, reader, writer) =
            bus::after(greeting, bus_stream.reader, bus_stream.writer, tasks.stop());
        tasks.spawn(Role::BusReader, reader);
        tasks.spawn(Role::BusWriter, writer);
        let settings = Setting {
            keep_pending_input: Some(true),
            keep_pending_output: config.keep_output.then_some(true),
        };
        // The bus is new: there is room.
        let _ = bus.outgoing.try_send(BusEvent::Setting(settings));
        let timing = heartbeat::Timing {
            every: Some(config.timeouts.interval(&config.info)),
            silent_after: config.timeouts.heartbeat,
            gone_after: Some(config.timeouts.alive),
        };
        let (beat, beat_task) =
            heartbeat::new(timing, pipe.clone(), bus.outgoing.clone(), tasks.stop());
        tasks.spawn(Role::Heartbeat, beat_task);
        path.follow(beat.verdict());
        path.set_rtt(connection.rtt());
        let client = Self {
            connection: connection.clone(),
            bus: bus.outgoing,
            pipe,
            path: path.clone(),
            verdict: beat.verdict(),
            sessions: Sessions::starting_at(first_session),
            ended: tasks.stop(),
            ours: config.info.extension.is_some(),
        };
        if let Some(keys) = connection.rekey() {
            let asking = rekey::ask(keys, client.bus.clone(), tasks.stop());
            tasks.spawn(Role::Rekey, asking);
        }
        let (events, told) = Events::new(
            bus.incoming,
            connection,
            beat,
            path,
            client.sessions.clone(),
        );
        tasks.spawn(Role::Events, events.run(tasks.stop()));
        Ok((client, told, tasks))
    }

    /// Starts a session. `start.id` is chosen here. With `stderr_apart` the program's standard error
    /// comes on a stream of its own. Not cancel safe: the session may have started.
    ///
    /// # Errors
    ///
    /// [`WireError::Refused`] when the server says no; [`WireError::Io`] when the connection ends.
    pub async fn start(
        &self,
        mut start: SessionStart,
        stderr_apart: bool,
    ) -> Result<RemoteSession, WireError> {
        let (id, exit) = self.sessions.register();
        start.id = id;
        let mut stream = self.open(Command::Session, Priority::Interactive).await?;
        let stderr = match stderr_apart {
            true => Some(self.open_stderr(id).await?),
            false => None,
        };
        codec::write_message(&mut stream, &start).await?;
        codec::read_ack(&mut stream).await?;
        codec::read_ack(&mut stream).await?;
        let Stream { reader, writer } = stream;
        Ok(RemoteSession {
            id,
            stdin: writer,
            stdout: reader,
            stderr,
            exit,
        })
    }

    /// Tells the server that a session's terminal has another size.
    pub async fn resize(&self, resize: Resize) {
        // A connection that has ended needs no size.
        let _ = self.bus.send(BusEvent::Resize(resize)).await;
    }

    /// Asks the server to end a session.
    pub async fn end(&self, id: u64) {
        // A connection that has ended has ended its sessions.
        let _ = self
            .bus
            .send(BusEvent::Exit(Exit {
                id,
                ..Exit::default()
            }))
            .await;
    }

    /// Notes that the user sent something that a living peer answers within a round trip.
    pub fn handle_typed(&self) {
        self.pipe.activity().handle_sent(crate::clock::now());
    }

    /// Follows the state of the path.
    pub fn path(&self) -> watch::Receiver<PathStatus> {
        self.path.status()
    }

    /// Follows the peer's signs of life.
    pub fn verdict(&self) -> watch::Receiver<Verdict> {
        self.verdict.clone()
    }

    /// The smoothed round trip time.
    pub fn rtt(&self) -> Option<Duration> {
        self.connection.rtt()
    }

    /// Ends all sessions and the server process, and closes the connection: as soon as the server has
    /// heard it, or had the time for that.
    pub async fn close(&self) {
        let said = async {
            if self.bus.send(BusEvent::Close).await.is_ok() {
                self.ended.cancelled().await;
            }
        };
        // A server that did not hear of it stays until its alive timeout.
        let _ = tokio::time::timeout(self.farewell(), said).await;
        self.connection.close().await;
    }

    /// PROTOCOL.md, "The bus": how long the server gets to end on its own.
    fn farewell(&self) -> Duration {
        if self.path.status().borrow().dark {
            return FAREWELL;
        }
        // Ours ends in a round trip, and only loss makes it longer; a Go server may end without a word.
        let (round_trips, least) = match self.ours {
            true => (FAREWELL_ROUND_TRIPS, OUR_FAREWELL),
            false => (ANSWER_ROUND_TRIPS, FAREWELL),
        };
        let answer = self.rtt().unwrap_or_default() * round_trips;
        answer.clamp(least, MOST_FAREWELL)
    }

    async fn open(&self, command: Command, priority: Priority) -> Result<Stream, WireError> {
        let mut stream = self.connection.open().await.map_err(std::io::Error::from)?;
        stream.writer.set_priority(priority);
        codec::write_command(&mut stream, command.as_str()).await?;
        Ok(stream)
    }

    async fn open_stderr(&self, id: u64) -> Result<Box<dyn ReadHalf>, WireError> {
        let mut stream = self.open(Command::Stderr, Priority::Interactive).await?;
        codec::write_message(&mut stream, &StderrStart { id }).await?;
        codec::read_ack(&mut stream).await?;
        codec::read_ack(&mut stream).await?;
        stream.writer.shutdown().await?;
        Ok(stream.reader)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Client").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RemoteSession {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RemoteSession")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Ends when the host has answered for a while that nothing listens there, and nothing else came.
pub(super) async fn refused(mut status: watch::Receiver<PathStatus>) {
    loop {
        // A path whose task has ended is somebody else's affair.
        if status.wait_for(|status| status.refused).await.is_err() {
            return std::future::pending().await;
        }
        let heard = status.wait_for(|status| !status.refused);
        let Ok(heard) = tokio::time::timeout(REFUSED_FOR, heard)
            .await
            .map(|it| it.is_ok())
        else {
            return;
        };
        if !heard {
            return std::future::pending().await;
        }
    }
}

/// Of several ways one is chosen by a confirmation: without that word the other one is of no use.
fn races(info: &ServerInfo) -> bool {
    info.offers(feature::CANDIDATES) && info.offers(feature::CONFIRM)
}

async fn greet(
    transport: &dyn Transport,
    pipe: &crate::proxy::PacketPipe,
    config: &ClientConfig,
) -> Result<(Arc<dyn Connection>, Stream, Greeting, u64), ConnectError> {
    if config.info.offers(feature::COPIES) {
        pipe.copies().handle_agreed();
    }
    let connection = transport.connect(pipe.clone(), &config.info).await?;
    let mut stream = connection.open().await?;
    stream.writer.set_priority(Priority::Control);
    let hello = BusHello {
        client_version: wire::SERVER_VERSION.to_owned(),
        protocol: wire::PROTOCOL,
        alive_timeout: config.timeouts.alive,
        interval: config.timeouts.interval(&config.info),
        heartbeat_timeout: config.timeouts.heartbeat,
        session_name: config.session_name.clone(),
        extension: Some(Extension {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            features: feature::ALWAYS.map(str::to_owned).to_vec(),
        }),
    };
    codec::write_command_and_message(&mut stream, Command::Bus.as_str(), &hello).await?;
    if config.info.offers(feature::PIPELINE) {
        return Ok((connection, stream, Greeting::Open, FIRST_SESSION));
    }
    let welcome = bus::read_welcome(&mut stream).await?;
    Ok((
        connection,
        stream,
        Greeting::Answered,
        welcome.next_session_id,
    ))
}

/// PROTOCOL.md, "The bus": how long the client waits for a Go server's end, or in the dark.
const FAREWELL: Duration = Duration::from_millis(280);

/// What a Go server that does answer needs on a long way.
const ANSWER_ROUND_TRIPS: u32 = 3;

/// Several retransmissions, each later than the one before.
const FAREWELL_ROUND_TRIPS: u32 = 20;

/// A busy machine takes its time.
const OUR_FAREWELL: Duration = Duration::from_secs(1);

/// Nobody waits longer for a prompt.
const MOST_FAREWELL: Duration = Duration::from_secs(3);

/// PROTOCOL.md, "Our extensions": the first session of a client that does not wait for the answer.
const FIRST_SESSION: u64 = 1;

/// A network that refuses while it comes up is not the host, and a server that printed its line
/// already listens.
const REFUSED_FOR: Duration = Duration::from_secs(1);
