//! A client and a server with the real path, bus and heartbeat above and below a transport, in a simulated network.
//!
//! | want to change…                             | look in      |
//! |---------------------------------------------|--------------|
//! | what may be done to a pair, and asked of it | `mod.rs`     |
//! | a server's path as the Go program keeps it  | `foreign.rs` |
//! | a machine that sleeps                       | `frost.rs`   |
//! | what a server has besides                   | `server.rs`  |
//!
//! Time is virtual: see `scenario/mod.rs`.
//!
//! Not here: what happens to the pair (`scenario/events.rs`, and a transport's own tests).

#![allow(
    clippy::unwrap_used,
    reason = "a lab is a part of a test, which fails by panicking"
)]

mod foreign;
mod frost;
mod server;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tssh_core::auth::ProxyKey;
use tssh_core::connection::new_bus;
use tssh_core::heartbeat::{self, Timing};
use tssh_core::proxy::PacketPipe;
use tssh_core::proxy::client::{self, PathStatus};
use tssh_core::proxy::network::{Event, NetworkEvents};
use tssh_core::transport::{Connection, Listener, Priority, Stream, Transport, WriteHalf};
use tssh_core::wire::ServerInfo;

use frost::Frost;
use server::{echo, serve, serve_bus};

use crate::medium::Network;
use crate::roaming::{CAFE, HOME};
use crate::weather::Weather;

/// Of a packet each way, in fair weather.
pub const LAB_DELAY: Duration = Duration::from_millis(25);

/// Of a packet and its answer.
pub const LAB_RTT: Duration = Duration::from_millis(50);

const HEARTBEAT_TIMEOUT: Duration = foreign::DETECTION;

const CLIENT_ID: u64 = 0xc11e;
const SERVER_ID: u64 = 0x5e4e;
const MTU: u16 = 1400;

/// In virtual time, far above whatever a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who keeps the server's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// As the Go program does.
    Foreign,
    /// The same, and the first acknowledgement of each attempt is lost.
    ForeignThatLosesAcks,
    /// As this repository's does.
    Ours,
}

/// A client that types, and a server that echoes.
pub struct Lab {
    /// What lies between them.
    pub network: Network,
    /// The client's pipe.
    pub pipe: PacketPipe,
    /// The server's.
    pub server_pipe: PacketPipe,
    /// What the client knows of its path.
    pub status: watch::Receiver<PathStatus>,
    events: mpsc::Sender<Event>,
    keys: Box<dyn WriteHalf>,
    typed: Vec<u8>,
    echoed: watch::Receiver<Vec<u8>>,
    /// What the server's program says by itself.
    pub prints: mpsc::Sender<u8>,
    frost: Frost,
    stop: CancellationToken,
    connections: [Arc<dyn Connection>; 2],
    _tasks: JoinSet<()>,
}

impl Lab {
    /// A pair in fair weather.
    pub async fn new(transport: &dyn Transport, peer: Peer, seed: u64) -> Self {
        Self::in_weather(transport, peer, Weather::fair(LAB_DELAY), seed).await
    }

    /// A pair of ours in fair weather, whose client has another network beside the first: a phone's beside Wi-Fi.
    pub async fn between_networks(transport: &dyn Transport, seed: u64) -> Self {
        let weather = Weather::fair(LAB_DELAY);
        Self::with(transport, Peer::Ours, weather, seed, &[HOME, CAFE]).await
    }

    /// A pair in `weather`.
    ///
    /// The weather begins once a first key was echoed. Certificates differ in length from run to run,
    /// so that the number of packets before may differ, which must not move a later one's fate. And
    /// a handshake that loses packets leaves quinn with a round trip time of up to a second for the
    /// next dozen answers: the probes for what is lost then wait for many seconds.
    pub async fn in_weather(
        transport: &dyn Transport,
        peer: Peer,
        weather: Weather,
        seed: u64,
    ) -> Self {
        Self::with(transport, peer, weather, seed, &[HOME]).await
    }

    /// The client has these `addresses`. Towards a server of ours it tries several ways at once, as the programs do.
    async fn with(
        transport: &dyn Transport,
        peer: Peer,
        weather: Weather,
        seed: u64,
        addresses: &[IpAddr],
    ) -> Self {
        let network = Network::new(Weather::fair(weather.delay), seed, HOME);
        network.set_addresses(addresses);
        let stop = CancellationToken::new();
        let frost = Frost::default();
        let mut tasks = JoinSet::new();
        let key = ProxyKey::new(&[7; 32]);

        let (server_pipe, server_path) = serve(peer, &network, &key, &stop, &mut tasks);
        let config = client::Config {
            servers: vec![network.server_address()],
            client_id: CLIENT_ID,
            server_id: SERVER_ID,
            key,
            mtu: MTU,
            timing: client::Timing {
                heartbeat_timeout: HEARTBEAT_TIMEOUT,
                confirm: peer == Peer::Ours,
                race: peer == Peer::Ours,
                ..client::Timing::default()
            },
        };
        let (events, script) = mpsc::channel(16);
        let (pipe, path, proxy) = client::new(
            config,
            Arc::new(network.clone()),
            NetworkEvents::scripted(script),
            stop.clone(),
        );
        tasks.spawn(frost.wrap(proxy));

        let mut offer = ServerInfo::default();
        let listening = transport.listen(server_pipe.clone(), &mut offer);
        let mut listener = listening.await.unwrap();
        let (near, far) = connect(transport, &pipe, &offer, listener.as_mut()).await;
        if server_path.is_none() {
            tasks.spawn(foreign::hold_timers(server_pipe.clone()));
        }

        let bus = near.open().await.unwrap();
        let (bus, reader, writer) = new_bus(bus.reader, bus.writer, stop.clone());
        tasks.spawn(frost.wrap(reader));
        tasks.spawn(frost.wrap(writer));
        let timing = Timing {
            every: Some(HEARTBEAT_TIMEOUT / if peer == Peer::Ours { 2 } else { 3 }),
            silent_after: HEARTBEAT_TIMEOUT,
            gone_after: None,
        };
        let (beat, beating) =
            heartbeat::new(timing, pipe.clone(), bus.outgoing.clone(), stop.clone());
        tasks.spawn(frost.wrap(beating));
        path.follow(beat.verdict());
        path.set_rtt(near.rtt());
        let status = path.status();
        let (mut echoes, rtt) = (bus.incoming, near.clone());
        tasks.spawn(frost.wrap(async move {
            while let Some(Ok(_)) = echoes.recv().await {
                path.set_rtt(beat.echo(rtt.rtt()));
            }
        }));

        serve_bus(&*far, server_path, &server_pipe, &stop, &mut tasks).await;
        let mut stream = near.open().await.unwrap();
        stream.writer.set_priority(Priority::Interactive);
        stream.write_all(&[0]).await.unwrap();
        let prints = echo(&*far, &mut tasks).await;
        let (heard, echoed) = watch::channel(Vec::new());
        let mut reader = stream.reader;
        tasks.spawn(async move {
            while let Ok(byte) = reader.read_u8().await {
                heard.send_modify(|bytes| bytes.push(byte));
            }
        });
        let mut lab = Self {
            network,
            pipe,
            server_pipe,
            status,
            events,
            keys: stream.writer,
            typed: vec![0],
            echoed,
            prints,
            frost,
            stop,
            connections: [near, far],
            _tasks: tasks,
        };
        lab.echo_of_a_key().await;
        lab.network.begin(weather, seed);
        lab
    }

    /// Types a key.
    pub async fn type_key(&mut self) {
        let key = self.typed.len() as u8;
        self.typed.push(key);
        self.pipe.activity().handle_sent(tssh_core::clock::now());
        self.keys.write_all(&[key]).await.unwrap();
        self.keys.flush().await.unwrap();
    }

    /// Types a key and returns how long its echo took.
    pub async fn echo_of_a_key(&mut self) -> Duration {
        let typed_at = Instant::now();
        self.type_key().await;
        self.all_echoed().await;
        typed_at.elapsed()
    }

    /// Waits until every key typed so far has its echo, and asserts that none has two.
    pub async fn all_echoed(&mut self) {
        let count = self.typed.len();
        let all = self.echoed.wait_for(|echoed| echoed.len() >= count);
        let Ok(all) = timeout(PATIENCE, all).await else {
            panic!("no echo within {PATIENCE:?} of virtual time");
        };
        assert_eq!(*all.unwrap(), self.typed);
    }

    /// Waits for a byte that the server prints by itself; returns how long it took.
    pub async fn wait_for_print(&mut self, byte: u8) -> Duration {
        let since = Instant::now();
        let printed = self.echoed.wait_for(|echoed| echoed.contains(&byte));
        assert!(timeout(PATIENCE, printed).await.is_ok(), "it never came");
        self.typed.push(byte);
        since.elapsed()
    }

    /// Sends as many bytes in both directions at once, and asserts that they come as they were sent.
    pub async fn bulk_both_ways(&self, amount: usize) {
        let [near, far] = &self.connections;
        let near = async {
            let mut stream = near.open().await.unwrap();
            stream.write_all(&[1]).await.unwrap();
            exchange(stream, amount).await;
        };
        let far = async {
            let mut stream = far.accept().await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), 1);
            exchange(stream, amount).await;
        };
        tokio::join!(near, far);
    }

    /// Tells the client that its addresses changed.
    pub async fn tell(&self, event: Event) {
        self.events.send(event).await.unwrap();
    }

    /// The client's machine falls asleep.
    pub fn fall_asleep(&self) {
        self.frost.freeze();
        // The system's monotonic time, by which the transport lives, does not count sleep.
        self.pipe.clock().stop();
        self.network.change(|weather| weather.dark = true);
    }

    /// It wakes.
    pub fn wake_up(&self) {
        self.network.change(|weather| weather.dark = false);
        self.pipe.clock().start(Duration::ZERO);
        self.frost.thaw();
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Lab").finish_non_exhaustive()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn connect(
    transport: &dyn Transport,
    pipe: &PacketPipe,
    offer: &ServerInfo,
    listener: &mut dyn Listener,
) -> (Arc<dyn Connection>, Arc<dyn Connection>) {
    let both = async { tokio::join!(transport.connect(pipe.clone(), offer), listener.accept()) };
    let (near, far) = timeout(PATIENCE, both).await.unwrap();
    (near.unwrap(), far.unwrap())
}

/// Writes a pattern of `amount` bytes and reads the same from the peer.
async fn exchange(stream: Stream, amount: usize) {
    let (mut reader, mut writer) = (stream.reader, stream.writer);
    let byte = |at: usize| (at / 3 + at % 251) as u8;
    let write = async {
        let pattern = (0..amount).map(byte).collect::<Vec<_>>();
        writer.write_all(&pattern).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let read = async {
        let mut chunk = vec![0; 1 << 16];
        let mut at = 0;
        while at < amount {
            let count = reader.read(&mut chunk).await.unwrap();
            assert_ne!(count, 0, "it ended at {at}");
            for (offset, found) in chunk[..count].iter().enumerate() {
                assert_eq!(*found, byte(at + offset), "at {}", at + offset);
            }
            at += count;
        }
    };
    tokio::join!(write, read);
}
