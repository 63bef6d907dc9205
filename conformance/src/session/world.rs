//! Both sides of a login: a real client, a host, and the path between them.

use std::fmt;
use std::io::IoSliceMut;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tssh_core::auth::ProxyKey;
use tssh_core::connection::{Client, ClientConfig, ClientEvent, Timeouts};
use tssh_core::proxy::client::Carriers;
use tssh_core::proxy::network::NetworkEvents;
use tssh_core::proxy::{PacketPipe, server};
use tssh_core::transport::{Connection, Link, RecvMeta, Transport};
use tssh_core::wire::{self, Extension, Secret, ServerInfo, feature};

use super::exchanges::Exchanges;
use super::machines::Machines;
use crate::medium::Over;
use crate::rig::{MTU, Rig};
use crate::weather::Weather;

/// A connection that a host is to serve.
pub struct Arrival {
    /// The server's end.
    pub connection: Arc<dyn Connection>,
    /// What carries it.
    pub pipe: PacketPipe,
    /// Its path.
    pub path: server::Handle,
    /// Ends everything at once, as a server that is killed.
    pub stop: CancellationToken,
}

impl fmt::Debug for Arrival {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Arrival").finish_non_exhaustive()
    }
}

/// Serves one connection, until it and all its sessions have ended.
pub type Host = fn(Arrival) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Stops the runtime's time, which then passes from timer to timer, and lets it go on.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// `tokio::time::pause`.
    pub pause: fn(),
    /// `tokio::time::resume`.
    pub resume: fn(),
    /// How long a night in the dark lasts.
    pub night: Duration,
}

/// A client, and the server that it is logged in to.
pub struct SessionWorld {
    /// The client.
    pub client: Client,
    /// What the server tells.
    pub events: mpsc::Receiver<ClientEvent>,
    pub(super) exchanges: Exchanges,
    /// How many bytes a key lasts for, where the hosts exchange them.
    pub(super) key_lasts: Option<u64>,
    machines: Arc<Machines>,
    clock: Clock,
    timeouts: Timeouts,
    server_stop: CancellationToken,
    _client_stop: DropGuard,
    client_tasks: JoinSet<()>,
    server_tasks: JoinSet<()>,
    /// The proxy of the server, and who accepts streams: they outlive what they serve.
    _machine_tasks: JoinSet<()>,
}

impl SessionWorld {
    pub(super) async fn new(
        rig: Rig,
        host: Host,
        clock: Clock,
        over: Over,
        timeouts: Timeouts,
        seed: u64,
    ) -> Self {
        rig.assert_carried(over);
        let weather = Weather {
            queue: 64 * 1024,
            ..Weather::fair(WAY)
        };
        let (machines, arrived) = Machines::new(over, rig.framing, rig.own_way, weather, seed);
        let machines = Arc::new(machines);
        let (client_stop, server_stop) = (CancellationToken::new(), CancellationToken::new());
        let mut machine_tasks = JoinSet::new();
        let links = match over {
            Over::Nothing | Over::Udp => vec![machines.network().server()],
            Over::Process | Over::Tcp => Vec::new(),
        };
        let serving = server::Config {
            links,
            client_id: CLIENT_ID,
            server_id: SERVER_ID,
            key: ProxyKey::new(&KEY),
            mtu: MTU,
        };
        let machine_stop = CancellationToken::new();
        let (pipe, path, proxy) = server::new(serving, machine_stop.clone());
        machine_tasks.spawn(proxy);
        machine_tasks.spawn(accept(arrived, path.streams()));

        let mut info = info(over);
        let key_lasts = rig.key_lasts;
        let (transport, exchanges) = Exchanges::noted(rig.transport);
        let mut listener = transport.listen(pipe.clone(), &mut info).await.unwrap();
        let mut server_tasks = JoinSet::new();
        let stop = server_stop.clone();
        server_tasks.spawn(async move {
            let connection = listener.accept().await.unwrap();
            let arrival = Arrival {
                connection,
                pipe,
                path,
                stop: stop.clone(),
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = host(arrival) => {}
            }
        });
        let config = ClientConfig {
            info,
            servers: vec![machines.network().server_address()],
            carriers: match over {
                Over::Nothing | Over::Udp => Carriers::Udp,
                Over::Process | Over::Tcp => Carriers::Stream,
            },
            stream_answer: None,
            timeouts,
            mtu: MTU,
            connect_timeout: Duration::from_secs(10),
            session_name: "conformance".to_owned(),
            keep_output: true,
        };
        let (_script, told) = mpsc::channel(1);
        let network = NetworkEvents::scripted(told);
        let connecting =
            Client::connect(&transport, config, machines.clone(), network, &client_stop);
        let (client, events, tasks) = Box::pin(connecting).await.unwrap();
        let mut client_tasks = JoinSet::new();
        client_tasks.spawn(async move {
            tasks.run().await;
        });
        Self {
            client,
            events,
            exchanges,
            key_lasts,
            machines,
            clock,
            timeouts,
            server_stop,
            _client_stop: client_stop.drop_guard(),
            client_tasks,
            server_tasks,
            _machine_tasks: machine_tasks,
        }
    }

    /// Cuts the machines off from each other, or joins them again.
    pub fn set_dark(&self, dark: bool) {
        self.machines.set_dark(dark);
    }

    /// Cuts them off when the client's transport next wants a key asked for, before a byte of that has left. The future
    /// waits for that moment.
    pub(super) fn set_dark_at_next_ask(&self) -> impl Future<Output = ()> + use<> {
        let machines = self.machines.clone();
        let darken = Box::new(move || machines.set_dark(true));
        self.exchanges.at_next_ask(darken)
    }

    /// Lets time pass at once: each timer in its turn, with whatever it does. Programs go on in real time meanwhile, so
    /// none may have a time limit that begins or ends here.
    pub(super) async fn skip(&self, passing: impl Future<Output = ()>) {
        (self.clock.pause)();
        passing.await;
        (self.clock.resume)();
    }

    /// A night in which nothing passes, and then light.
    pub(super) async fn spend_a_night_in_the_dark(&self) {
        self.set_dark(true);
        self.skip(sleep(self.clock.night)).await;
        self.set_dark(false);
    }

    /// Ends the client as a signal does that cannot be caught: nothing leaves it any more, not even an end. Returns once
    /// its server has ended its sessions.
    pub async fn kill_client(mut self) {
        self.set_dark(true);
        self.client_tasks.abort_all();
        while self.client_tasks.join_next().await.is_some() {}
        self.skip(sleep(self.almost_alive())).await;
        let ended = timeout(SOON, self.server_tasks.join_next()).await;
        assert!(
            ended.is_ok(),
            "the server still serves a client that is gone"
        );
    }

    /// Ends the server in the same way. Returns once the client has given up.
    pub async fn kill_server(mut self) {
        self.set_dark(true);
        self.server_tasks.abort_all();
        self.server_stop.cancel();
        self.skip(sleep(self.almost_alive())).await;
        let ended = timeout(SOON, self.client_tasks.join_next()).await;
        assert!(
            ended.is_ok(),
            "the client still waits for a server that is gone"
        );
    }

    /// The part of the alive timeout that need not pass in real time. What is done at its end is: programs take part.
    fn almost_alive(&self) -> Duration {
        self.timeouts.alive - Duration::from_secs(1)
    }

    /// Says goodbye, and waits until both sides have ended.
    pub async fn close(mut self) {
        self.client.close().await;
        let both = async {
            self.server_tasks.join_next().await;
            self.client_tasks.join_next().await;
        };
        timeout(SOON, both)
            .await
            .expect("a side outlived the goodbye");
    }
}

impl fmt::Debug for SessionWorld {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SessionWorld").finish_non_exhaustive()
    }
}

/// Reads the first packet of each stream, and hands both to the server's path.
async fn accept(mut arrived: mpsc::Receiver<Arc<dyn Link>>, streams: server::Streams) {
    let mut strangers = JoinSet::new();
    while let Some(link) = arrived.recv().await {
        let streams = streams.clone();
        strangers.spawn(async move {
            let mut first = vec![0; 2048];
            let mut meta = [RecvMeta::default()];
            let heard = std::future::poll_fn(|cx| {
                link.poll_recv(cx, &mut [IoSliceMut::new(&mut first)], &mut meta)
            });
            if heard.await.is_ok() {
                let peer = meta[0].addr;
                streams.handle_stream(link.clone(), peer, &first[..meta[0].len]);
            }
        });
    }
}

fn info(over: Over) -> ServerInfo {
    ServerInfo {
        server_version: wire::SERVER_VERSION.to_owned(),
        protocol: wire::PROTOCOL,
        port: 61_001,
        proxy_mode: match over {
            Over::Nothing | Over::Udp => String::new(),
            Over::Process | Over::Tcp => "TCP".to_owned(),
        },
        proxy_key: Secret::hex(&KEY),
        client_id: CLIENT_ID,
        server_id: SERVER_ID,
        mtu: MTU,
        extension: Some(Extension {
            version: "0".to_owned(),
            features: feature::ALWAYS.map(str::to_owned).to_vec(),
        }),
        ..ServerInfo::default()
    }
}

/// A network nearby: these scenarios take real time.
const WAY: Duration = Duration::from_millis(3);

/// For what is to happen at once: in real time, on a machine that has other work.
pub(super) const SOON: Duration = Duration::from_secs(10);

const KEY: [u8; 32] = [7; 32];
const CLIENT_ID: u64 = 0xc11e;
const SERVER_ID: u64 = 0x5e4e;
