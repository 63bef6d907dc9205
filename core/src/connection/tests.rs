//! The greeting, against servers that follow a script.

mod farewell;

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::client::refused;
use super::{Client, ClientConfig, ClientEvent, ConnectError, Supervisor, Timeouts};
use crate::proxy::PacketPipe;
use crate::proxy::client::{Binder, Carriers, PathStatus};
use crate::proxy::network::NetworkEvents;
use crate::transport::memory::{Memory, pipe_to_nowhere};
use crate::transport::{
    Connection, Link, Listener, RecvMeta, Stream, Transmit, Transport, TransportError,
};
use crate::wire::{
    BusDecoder, BusEvent, BusHello, BusWelcome, DebugLine, Extension, Secret, ServerInfo,
    SessionStart, Setting, WireError, codec, feature,
};

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_client_of_a_server_that_offers_it_says_everything_before_the_first_answer() {
    let mut server = Server::offering(&[feature::PIPELINE]).await;
    let (client, mut events, _running) = server.client().await.unwrap();
    let mut bus = server.accept_bus().await;
    let starting = tokio::spawn(async move { client.start(command(), false).await });
    let mut session = server.accept("session").await;
    let start: SessionStart = codec::read_message(&mut session).await.unwrap();
    assert_eq!((start.id, start.shell_command), (1, b"true".to_vec()));
    let mut decoder = BusDecoder::new();
    let first = decoder.read_event(&mut bus.reader).await.unwrap();
    assert_eq!(first, Some(keeps_all()));
    assert!(!starting.is_finished());

    // An answer that takes its time, and an event right behind it.
    sleep(5 * S).await;
    welcome(&mut bus, 1).await;
    let line = BusEvent::Debug(DebugLine {
        text: "late".into(),
        ..DebugLine::default()
    });
    write_event(&mut bus, &line).await;
    codec::write_ack(&mut session).await.unwrap();
    codec::write_ack(&mut session).await.unwrap();
    assert_eq!(starting.await.unwrap().unwrap().id, 1);
    let told = events.recv().await.unwrap();
    assert!(matches!(told, ClientEvent::Debug(line) if line.to_string() == "late"));
}

#[tokio::test(start_paused = true)]
async fn towards_a_go_server_nothing_follows_the_greeting_until_its_late_answer_came() {
    let mut server = Server::offering_nothing().await;
    let connecting = server.connecting();
    let mut bus = server.accept_bus().await;
    sleep(3 * S).await;
    assert!(!connecting.is_finished());
    assert!(timeout(MS, server.far().accept()).await.is_err());
    // The two answers come apart.
    codec::write_ack(&mut bus).await.unwrap();
    sleep(2 * S).await;
    assert!(!connecting.is_finished());
    let reply = BusWelcome { next_session_id: 7 };
    codec::write_reply(&mut bus, &reply).await.unwrap();
    let (client, _events, _tasks) = connecting.await.unwrap().unwrap();
    let first = BusDecoder::new().read_event(&mut bus.reader).await.unwrap();
    assert_eq!(first, Some(keeps_all()), "before any change of path");

    let starting = tokio::spawn(async move { client.start(command(), false).await });
    let mut session = server.accept("session").await;
    let start: SessionStart = codec::read_message(&mut session).await.unwrap();
    assert_eq!(start.id, 7, "the server says where the IDs begin");
    starting.abort();
}

#[tokio::test(start_paused = true)]
async fn a_feature_of_another_name_is_no_leave_to_go_on() {
    let mut server = Server::offering(&["pipelines", "confirm"]).await;
    let connecting = server.connecting();
    let _bus = server.accept_bus().await;
    sleep(S).await;
    assert!(!connecting.is_finished());
    connecting.abort();
}

#[tokio::test(start_paused = true)]
async fn a_go_server_that_never_answers_is_given_up_after_the_connect_timeout() {
    let mut server = Server::offering_nothing().await;
    let since = Instant::now();
    let connecting = server.connecting();
    let _bus = server.accept_bus().await;
    let error = connecting.await.unwrap().map(drop).unwrap_err();
    assert!(matches!(error, ConnectError::NoAnswer { .. }), "{error:?}");
    assert_eq!(since.elapsed(), 10 * S);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_the_greeting_is_quoted_whether_the_client_waited_or_not() {
    let reason = "another client is attached";
    let mut server = Server::offering_nothing().await;
    let connecting = server.connecting();
    let mut bus = server.accept_bus().await;
    codec::write_refusal(&mut bus, 101, reason).await.unwrap();
    let error = connecting.await.unwrap().map(drop).unwrap_err();
    assert!(
        matches!(&error, ConnectError::Wire(WireError::Refused { .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains(reason), "{error}");

    let mut server = Server::offering(&[feature::PIPELINE]).await;
    let (client, mut events, running) = server.client().await.unwrap();
    let mut bus = server.accept_bus().await;
    let starting = tokio::spawn(async move { client.start(command(), false).await });
    codec::write_refusal(&mut bus, 101, reason).await.unwrap();
    let told = events.recv().await.unwrap();
    assert!(
        matches!(&told, ClientEvent::Quit(said) if said.to_string() == reason),
        "{told:?}"
    );
    running.await.unwrap();
    starting.abort();
}

#[tokio::test(start_paused = true)]
async fn a_host_that_refuses_the_port_for_a_second_is_told_of_long_before_the_timeout() {
    let since = Instant::now();
    let refusing = Arc::new(Refusing::default());
    refusing.refuse.store(true, Ordering::Relaxed);
    let error = connect(&Silent, info(None), refusing)
        .await
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    assert!(
        (S..2 * S).contains(&since.elapsed()),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_that_says_nothing_is_waited_for() {
    let since = Instant::now();
    let error = connect(&Silent, info(None), Arc::new(Refusing::default())).await;
    let error = error.map(drop).unwrap_err();
    assert!(matches!(error, ConnectError::NoAnswer { .. }), "{error:?}");
    assert_eq!(since.elapsed(), 10 * S);
}

#[tokio::test(start_paused = true)]
async fn a_path_that_ends_while_the_host_refuses_is_somebody_else_s_affair_and_no_busy_loop() {
    let status = PathStatus {
        refused: true,
        ..PathStatus::default()
    };
    let (path, seen) = watch::channel(status);
    drop(path);
    assert!(timeout(60 * S, refused(seen)).await.is_err());
}

/// What keeps a server from dropping keys that were under way when the path changed.
fn keeps_all() -> BusEvent {
    BusEvent::Setting(Setting {
        keep_pending_input: Some(true),
        keep_pending_output: None,
    })
}

type Connected = (Client, mpsc::Receiver<ClientEvent>, Supervisor);

/// A server that does as the test says.
struct Server {
    memory: Memory,
    info: ServerInfo,
    listener: Box<dyn Listener>,
    connection: Option<Arc<dyn Connection>>,
}

impl Server {
    /// As the Go program is.
    async fn offering_nothing() -> Self {
        let memory = Memory::default();
        let mut info = info(None);
        let listener = memory.listen(pipe_to_nowhere(), &mut info).await.unwrap();
        Self {
            memory,
            info,
            listener,
            connection: None,
        }
    }

    async fn offering(features: &[&str]) -> Self {
        let mut server = Self::offering_nothing().await;
        server.info.extension = Some(Extension {
            version: "1.2.3".into(),
            features: features.iter().map(|name| (*name).to_owned()).collect(),
        });
        server
    }

    fn connecting(&self) -> JoinHandle<Result<Connected, ConnectError>> {
        let (memory, info) = (self.memory.clone(), self.info.clone());
        tokio::spawn(async move { connect(&memory, info, Arc::new(Refusing::default())).await })
    }

    /// A connected client whose tasks run.
    async fn client(
        &self,
    ) -> Result<(Client, mpsc::Receiver<ClientEvent>, JoinHandle<()>), ConnectError> {
        let (client, events, tasks) = self.connecting().await.unwrap()?;
        let running = tokio::spawn(async move {
            tasks.run().await;
        });
        Ok((client, events, running))
    }

    fn far(&self) -> &dyn Connection {
        self.connection.as_deref().unwrap()
    }

    async fn accept(&mut self, command: &str) -> Stream {
        if self.connection.is_none() {
            self.connection = Some(self.listener.accept().await.unwrap());
        }
        let mut stream = self.far().accept().await.unwrap();
        assert_eq!(codec::read_command(&mut stream).await.unwrap(), command);
        stream
    }

    async fn accept_bus(&mut self) -> Stream {
        let mut bus = self.accept("bus").await;
        let hello: BusHello = codec::read_message(&mut bus).await.unwrap();
        assert_eq!(hello.heartbeat_timeout, 4 * S);
        bus
    }
}

async fn connect(
    transport: &dyn Transport,
    info: ServerInfo,
    binder: Arc<dyn Binder>,
) -> Result<Connected, ConnectError> {
    let config = ClientConfig {
        info,
        servers: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 61_001))],
        timeouts: Timeouts::default(),
        mtu: 1400,
        carriers: Carriers::Udp,
        stream_answer: None,
        connect_timeout: 10 * S,
        session_name: String::new(),
        keep_output: false,
    };
    let (_script, script) = mpsc::channel(1);
    let network = NetworkEvents::scripted(script);
    Client::connect(
        transport,
        config,
        binder,
        network,
        &CancellationToken::new(),
    )
    .await
}

async fn welcome(bus: &mut Stream, next_session_id: u64) {
    codec::write_ack(bus).await.unwrap();
    codec::write_reply(bus, &BusWelcome { next_session_id })
        .await
        .unwrap();
}

async fn write_event(bus: &mut Stream, event: &BusEvent) {
    let mut bytes = bytes::BytesMut::new();
    event.encode(&mut bytes).unwrap();
    bus.write_all(&bytes).await.unwrap();
}

fn info(extension: Option<Extension>) -> ServerInfo {
    ServerInfo {
        port: 61_001,
        proxy_key: Secret::hex(&[7; 32]),
        client_id: 7,
        server_id: 9,
        extension,
        ..ServerInfo::default()
    }
}

fn command() -> SessionStart {
    SessionStart::command(0, b"true")
}

/// A transport whose packets nobody answers.
struct Silent;

#[async_trait]
impl Transport for Silent {
    fn mode(&self) -> &'static str {
        "SILENT"
    }

    async fn listen(
        &self,
        _: PacketPipe,
        _: &mut ServerInfo,
    ) -> Result<Box<dyn Listener>, TransportError> {
        std::future::pending().await
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        _: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let (mut buffer, mut meta) = ([0; 2048], [RecvMeta::default()]);
        std::future::poll_fn(|cx| {
            let _: Poll<usize> = pipe.poll_recv(cx, &mut [IoSliceMut::new(&mut buffer)], &mut meta);
            Poll::Pending
        })
        .await
    }
}

/// A machine whose every packet is refused by the host, or comes to nothing.
#[derive(Debug, Default)]
struct Refusing {
    refuse: AtomicBool,
}

impl Binder for Refusing {
    fn connect(&self, _: SocketAddr) -> io::Result<Arc<dyn Link>> {
        Ok(Arc::new(Self {
            refuse: AtomicBool::new(self.refuse.load(Ordering::Relaxed)),
        }))
    }

    fn has_address(&self, _: IpAddr) -> bool {
        true
    }
}

impl Link for Refusing {
    fn try_send(&self, _: &Transmit<'_>) -> io::Result<()> {
        Ok(())
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_recv(
        &self,
        _: &mut Context<'_>,
        _: &mut [IoSliceMut<'_>],
        _: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        match self.refuse.swap(false, Ordering::Relaxed) {
            true => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
            false => Poll::Pending,
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}
