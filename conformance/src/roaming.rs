//! A client that moves, and its server: the real path below the transport, in a simulated network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tssh_core::auth::ProxyKey;
use tssh_core::clock;
use tssh_core::proxy::network::{Event, NetworkEvents};
use tssh_core::proxy::{PacketPipe, client, server};
use tssh_core::wire::ServerInfo;

use crate::medium::Network;
use crate::rig::{DELAY, Ends, MTU, World, soon};
use crate::weather::Weather;

/// Both ends of a connection whose client may move.
pub struct Roaming {
    /// The client's machine, the server's, and what lies between them.
    pub network: Network,
    /// The connection.
    pub ends: Ends,
    pipe: PacketPipe,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
    path: client::Handle,
    _server_path: server::Handle,
    /// The two proxies.
    _tasks: JoinSet<()>,
}

impl World {
    /// A connection of this world's transport over the real path, at [`HOME`]. Under every second seed the
    /// client tries several ways at once.
    pub async fn roaming(&self) -> Roaming {
        self.roaming_as(!self.seed.is_multiple_of(2)).await
    }

    /// A connection whose client tries several ways at once when it races.
    pub async fn roaming_as(&self, race: bool) -> Roaming {
        let network = Network::new(Weather::fair(DELAY), self.seed, HOME);
        let stop = CancellationToken::new();
        let key = ProxyKey::new(&[7; 32]);
        let mut tasks = JoinSet::new();
        let serving = server::Config {
            links: vec![network.server()],
            client_id: CLIENT_ID,
            server_id: SERVER_ID,
            key: key.clone(),
            mtu: MTU,
        };
        let (server_pipe, server_path, proxy) = server::new(serving, stop.clone());
        tasks.spawn(proxy);
        let connecting = client::Config {
            servers: vec![network.server_address()],
            client_id: CLIENT_ID,
            server_id: SERVER_ID,
            key,
            mtu: MTU,
            timing: client::Timing {
                confirm: true,
                race,
                ..client::Timing::default()
            },
        };
        let (events, script) = mpsc::channel(EVENTS);
        let told = NetworkEvents::scripted(script);
        let (pipe, path, proxy) =
            client::new(connecting, Arc::new(network.clone()), told, stop.clone());
        tasks.spawn(proxy);

        let mut offer = ServerInfo::default();
        let listening = self.transport.listen(server_pipe, &mut offer);
        let mut listener = soon(listening).await.expect("the server could not listen");
        let connect = self.transport.connect(pipe.clone(), &offer);
        let (client, server) = soon(async { tokio::join!(connect, listener.accept()) }).await;
        let ends = Ends {
            client: client.expect("the client could not connect"),
            server: server.expect("the server could not accept"),
        };
        Roaming {
            network,
            ends,
            pipe,
            events,
            stop,
            path,
            _server_path: server_path,
            _tasks: tasks,
        }
    }
}

impl Roaming {
    /// Moves the client's machine to `address`, and tells it so.
    pub async fn move_to(&self, address: IpAddr) {
        self.network.set_addresses(&[address]);
        // A client whose proxy has ended is found out by the scenario.
        let _ = self.events.send(Event::Changed).await;
    }

    /// Tells the path how long an answer takes, as the programs do with each heartbeat.
    pub fn learn_rtt(&self) {
        self.path.set_rtt(self.ends.client.rtt());
    }

    /// Notes that the user typed, as the programs do: what is not answered now makes another path be tried.
    pub fn handle_typed(&self) {
        self.pipe.activity().handle_sent(clock::now());
    }
}

impl Drop for Roaming {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Roaming {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Roaming").finish_non_exhaustive()
    }
}

/// Where the client's machine is at first.
pub const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

/// Where it may go.
pub const CAFE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

/// The round trip there.
pub const ROAMING_RTT: Duration = Duration::from_millis(40);

/// Any two numbers: both sides know them from the login.
const CLIENT_ID: u64 = 0xc11e;
const SERVER_ID: u64 = 0x5e4e;

/// Events that the client's proxy has not looked at yet.
const EVENTS: usize = 16;
