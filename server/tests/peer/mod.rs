//! A client as the deployed ones are, step by step, against a server in the same process.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "each test file uses a part; tests own the clock and their tasks"
)]

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::memory::{Air, MemoryConnection, pair, pipe_to_nowhere};
use tssh_core::transport::{Connection, ReadHalf, Stream};
use tssh_core::wire::{
    BusDecoder, BusEvent, BusHello, BusWelcome, Exit, SessionStart, StderrStart, WireError, codec,
};
use tssh_server::child::{Account, Login};
use tssh_server::connection::{self, Config, Outcome, Path};
use tssh_server::keeper;
use tssh_server::settings::Settings;

/// A client, and the server that it is connected to.
pub struct Peer {
    pub connection: Arc<MemoryConnection>,
    /// Outlives its tasks: the last words of sessions are still on their way.
    pub far: Arc<MemoryConnection>,
    pub air: Air,
    /// Counted up when the client's address changes.
    pub moves: watch::Sender<u64>,
    /// Told when the process is asked to end.
    pub quit: watch::Sender<Option<String>>,
    /// Lines of the server's log for the client.
    pub log: mpsc::Sender<BusEvent>,
    pub keeper: keeper::Handle,
    pub home: TempDir,
    /// The server's side of the pipe.
    pub pipe: PacketPipe,
    outcome: JoinHandle<Outcome>,
    stop: CancellationToken,
}

/// The client's end of the bus.
pub struct Bus {
    pub stream: Stream,
    pub welcome: BusWelcome,
    decoder: BusDecoder,
}

/// The client's end of a session.
pub struct Session {
    pub id: u64,
    pub stream: Stream,
    pub stderr: Option<Box<dyn ReadHalf>>,
}

/// How a server is set up.
#[derive(Clone)]
pub struct Setup {
    pub settings: Settings,
    /// For the greeting, and for each stream.
    pub timeout: Duration,
    /// Messages of the day.
    pub motd: Vec<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            timeout: Duration::from_secs(20),
            motd: Vec::new(),
        }
    }
}

impl Peer {
    pub fn connect() -> Self {
        Self::connect_to(Setup::default())
    }

    pub fn connect_to(setup: Setup) -> Self {
        Self::connect_over(setup, |connection| connection)
    }

    /// The server has its connection as `wrap` makes it.
    pub fn connect_over(
        setup: Setup,
        wrap: impl FnOnce(Arc<MemoryConnection>) -> Arc<dyn Connection>,
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let (keeper, keeping) = keeper::new(
            Login {
                motd: setup.motd,
                ..login(&home, setup.settings)
            },
            stop.clone(),
        );
        tokio::spawn(keeping);
        let pipe = pipe_to_nowhere();
        let (near, far, air) = pair(pipe_to_nowhere(), pipe.clone());
        let (moves, moved) = watch::channel(0);
        let (quit, quitting) = watch::channel(None);
        let (log, logged) = mpsc::channel(8);
        let config = Config {
            keeper: keeper.clone(),
            greet_by: Instant::now() + setup.timeout,
            opening_timeout: setup.timeout,
            quit: quitting,
            log: logged,
        };
        let path = Path {
            moves: moved,
            proxy: None,
        };
        let serving = {
            let (far, pipe, stop) = (wrap(far.clone()), pipe.clone(), stop.clone());
            async move { connection::run(far, pipe, path, config, &stop).await }
        };
        Self {
            connection: near,
            far,
            air,
            moves,
            quit,
            log,
            keeper,
            home,
            pipe,
            outcome: tokio::spawn(serving),
            stop,
        }
    }

    /// Opens a stream and says its first word.
    pub async fn say(&self, command: &str) -> Stream {
        let mut stream = self.connection.open().await.unwrap();
        codec::write_command(&mut stream, command).await.unwrap();
        stream
    }

    /// Greets as a deployed client does.
    pub async fn greet(&self) -> Bus {
        self.greet_with(hello()).await.unwrap()
    }

    pub async fn greet_with(&self, hello: BusHello) -> Result<Bus, WireError> {
        let mut stream = self.say("bus").await;
        codec::read_ack(&mut stream).await?;
        codec::write_message(&mut stream, &hello).await?;
        let welcome = codec::read_reply(&mut stream).await?;
        Ok(Bus {
            stream,
            welcome,
            decoder: BusDecoder::new(),
        })
    }

    /// Starts a session, each step waiting for its answer.
    pub async fn start(&self, start: SessionStart) -> Result<Session, WireError> {
        let mut stream = self.say("session").await;
        codec::read_ack(&mut stream).await?;
        codec::write_message(&mut stream, &start).await?;
        codec::read_ack(&mut stream).await?;
        Ok(Session {
            id: start.id,
            stream,
            stderr: None,
        })
    }

    /// The same with stderr apart.
    pub async fn start_apart(&self, start: SessionStart) -> Result<Session, WireError> {
        let mut stream = self.say("session").await;
        codec::read_ack(&mut stream).await?;
        let mut stderr = self.say("stderr").await;
        codec::read_ack(&mut stderr).await?;
        codec::write_message(&mut stderr, &StderrStart { id: start.id }).await?;
        codec::read_ack(&mut stderr).await?;
        codec::write_message(&mut stream, &start).await?;
        codec::read_ack(&mut stream).await?;
        Ok(Session {
            id: start.id,
            stream,
            stderr: Some(stderr.reader),
        })
    }

    /// How the connection ended.
    pub async fn outcome(mut self) -> Outcome {
        (&mut self.outcome).await.unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Bus {
    pub async fn send(&mut self, event: BusEvent) {
        let mut bytes = bytes::BytesMut::new();
        event.encode(&mut bytes).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The next event; `None` at the end of the bus.
    pub async fn event(&mut self) -> Option<BusEvent> {
        self.decoder
            .read_event(&mut self.stream.reader)
            .await
            .unwrap()
    }

    /// The end of the next session that ends; other events pass by.
    pub async fn exit(&mut self) -> Exit {
        loop {
            if let BusEvent::Exit(exit) = self
                .event()
                .await
                .expect("the bus ended before the session")
            {
                return exit;
            }
        }
    }
}

impl Session {
    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Everything until the end of stdout.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        self.stream.reader.read_to_end(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Reads until `wanted` has been seen, and returns everything up to its end.
    pub async fn until(&mut self, wanted: &str) -> String {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(wanted) {
            let byte = self.stream.reader.read_u8().await;
            let shown = String::from_utf8_lossy(&seen);
            seen.push(byte.unwrap_or_else(|error| panic!("{error} before {wanted:?}: {shown:?}")));
        }
        String::from_utf8(seen).unwrap()
    }
}

/// The greeting of a deployed client.
pub fn hello() -> BusHello {
    BusHello {
        client_version: "0.1.8".to_owned(),
        protocol: 1,
        alive_timeout: Duration::from_secs(86_400),
        interval: Duration::from_secs(1),
        heartbeat_timeout: Duration::from_secs(3),
        ..BusHello::default()
    }
}

/// A program and its arguments, as a deployed client asks for them.
pub fn command(id: u64, words: &[&str]) -> SessionStart {
    let (name, args) = words.split_first().unwrap();
    SessionStart {
        id,
        name: (*name).to_owned(),
        args: args.iter().map(|word| (*word).to_owned()).collect(),
        ..SessionStart::default()
    }
}

/// The same in a terminal.
pub fn terminal(id: u64, line: &str) -> SessionStart {
    SessionStart {
        pty: true,
        cols: 80,
        rows: 24,
        ..command(id, &["sh", "-c", line])
    }
}

/// The current user, in a home and with an environment of the test's own.
pub fn login(home: &TempDir, settings: Settings) -> Login {
    let account = Account {
        home: home.path().to_owned(),
        shell: "/bin/sh".into(),
        ..Account::current().unwrap()
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    Login {
        account,
        settings: Arc::new(settings),
        inherited: [("PATH".into(), path)].into(),
        motd: Vec::new(),
        sshrc: "/nonexistent".into(),
    }
}

/// One generous deadline for a whole test.
pub async fn soon<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), test)
        .await
        .expect("nothing happened for a minute")
}

/// How a session ended.
pub fn exit(id: u64, code: i64, signal: &str) -> BusEvent {
    BusEvent::Exit(Exit {
        id,
        code,
        signal: signal.to_owned(),
    })
}

/// Why it did not begin.
pub fn refusal<T>(result: Result<T, WireError>) -> (i64, String) {
    match result {
        Err(WireError::Refused { code, reason }) => (code, reason.to_string()),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    }
}
