//! One client's connection, from its first stream to its end.
//!
//! | want to change…                              | look in      |
//! |----------------------------------------------|--------------|
//! | which tasks a connection has                 | `mod.rs`     |
//! | what a stream may ask for, and when          | `streams.rs` |
//! | what is done about an event of the bus       | `events.rs`  |
//! | what sessions know of their client           | `view.rs`    |
//!
//! Not here: what a session does (`session`), and what outlives a connection (`keeper`).

mod events;
mod streams;
mod view;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tssh_core::connection::{Role, Supervisor, new_bus};
use tssh_core::heartbeat::{self, Timing};
use tssh_core::proxy::{PacketPipe, server as proxy};
use tssh_core::transport::{Connection, Priority};
use tssh_core::wire::{BusEvent, BusHello, BusWelcome, codec, feature};

use crate::keeper;
use events::Events;
use streams::{Greeted, Streams};
pub use view::{ClientView, Marker};

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The client said `close`, or ended the bus.
    Closed,
    /// The client was silent for its alive timeout.
    Gone,
    /// The transport lost or ended the connection.
    Lost,
    /// The client did not greet in time.
    NotGreeted,
    /// We said `quit`, and the client has closed or its time is up.
    Quit,
}

/// What a connection needs of the process.
#[derive(Debug)]
pub struct Config {
    /// The sessions.
    pub keeper: keeper::Handle,
    /// When the greeting must have come.
    pub greet_by: Instant,
    /// How long a stream may take for its first words.
    pub opening_timeout: Duration,
    /// Holds the reason once the process is asked to end.
    pub quit: watch::Receiver<Option<String>>,
    /// What the client is told of the log.
    pub log: mpsc::Receiver<BusEvent>,
}

/// How the path under a connection is followed.
#[derive(Debug)]
pub struct Path {
    /// Counts the client's moves to another address.
    pub moves: watch::Receiver<u64>,
    /// The proxy; `None` for a pipe that never moves.
    pub proxy: Option<proxy::Handle>,
}

/// Serves a connection until its end, and tells why it ended. All its tasks have ended then; the
/// connection itself is open, and the sessions go on.
pub async fn run(
    connection: Arc<dyn Connection>,
    pipe: PacketPipe,
    path: Path,
    config: Config,
    stop: &CancellationToken,
) -> Outcome {
    let mut tasks = Supervisor::new(stop);
    let (ready, opened) = watch::channel(None);
    let (greeted, mut greetings) = mpsc::channel(1);
    let streams = Streams::new(
        connection.clone(),
        config.keeper.clone(),
        greeted,
        opened,
        config.opening_timeout,
    );
    tasks.spawn(Role::Streams, streams.run(tasks.stop()));
    let greeting = async {
        tokio::select! {
            biased; // The stop, then the greeting even of who has gone since.
            () = stop.cancelled() => Err(Outcome::Quit),
            greeting = greetings.recv() => greeting.ok_or(Outcome::Lost),
            _ = connection.closed() => Err(Outcome::Lost),
        }
    };
    let Greeted { hello, mut stream } = match timeout_at(config.greet_by, greeting).await {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(outcome)) => return outcome,
        Err(_) => return Outcome::NotGreeted,
    };
    let extension = hello.extension.as_ref();
    if extension.is_some_and(|extension| extension.offers(feature::COPIES)) {
        pipe.copies().handle_agreed();
    }
    // A second bus is refused from here on.
    greetings.close();
    stream.writer.set_priority(Priority::Control);
    let next_session_id = config.keeper.next_id().await.unwrap_or(FIRST_ID);
    let welcome = BusWelcome { next_session_id };
    let welcome = codec::write_reply(&mut stream, &welcome);
    if !matches!(timeout_at(config.greet_by, welcome).await, Ok(Ok(()))) {
        return Outcome::NotGreeted;
    }
    let (bus, reader, writer) = new_bus(stream.reader, stream.writer, tasks.stop());
    tasks.spawn(Role::BusReader, reader);
    tasks.spawn(Role::BusWriter, writer);
    let (beat, beat_task) = heartbeat::new(
        timing(&hello),
        pipe.clone(),
        bus.outgoing.clone(),
        tasks.stop(),
    );
    tasks.spawn(Role::Heartbeat, beat_task);
    if let Some(proxy) = &path.proxy {
        proxy.follow(silent_after(&hello), beat.verdict());
    }
    let (view, viewed) = watch::channel(ClientView::default());
    // Whoever waits for the greeting may have run out of time.
    let _ = ready.send(Some(keeper::Client {
        view: viewed,
        bus: bus.outgoing.clone(),
        connection: Arc::downgrade(&connection),
    }));
    let (ended, outcome) = oneshot::channel();
    let events = Events::new(bus, beat, path.moves, view, connection, pipe, config);
    let stopped = tasks.stop();
    tasks.spawn(Role::Events, async move {
        // The receiver waits below.
        let _ = ended.send(events.run(stopped).await);
    });
    tasks.run().await;
    drop(ready);
    outcome.await.unwrap_or(Outcome::Lost)
}

fn timing(hello: &BusHello) -> Timing {
    Timing {
        every: None,
        silent_after: silent_after(hello),
        gone_after: Some(hello.alive_timeout).filter(|after| !after.is_zero()),
    }
}

/// A client that names no timeout, or one that no network could meet, gets the usual one.
fn silent_after(hello: &BusHello) -> Duration {
    match hello.heartbeat_timeout {
        Duration::ZERO => USUAL_HEARTBEAT,
        named => named.max(LEAST_HEARTBEAT),
    }
}

/// PROTOCOL.md, "The bus": IDs of the first session of a process.
const FIRST_ID: u64 = 1;

/// The client's default `UdpHeartbeatTimeout`.
const USUAL_HEARTBEAT: Duration = Duration::from_secs(4);

/// Below this the path would be taken for dead at every hiccup.
const LEAST_HEARTBEAT: Duration = Duration::from_millis(200);
