//! The program over real sockets at an IPv4 and an IPv6 address, of which one stops answering.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test fails where it stands, owns its tasks, and says what it left out"
)]

mod detached;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tssh_core::connection::{Client, ClientConfig, Timeouts};
use tssh_core::proxy::client::{Carriers, UdpBinder};
use tssh_core::proxy::network::NetworkEvents;
use tssh_core::transport::Transport;
use tssh_core::wire::SessionStart;
use tssh_transport_kcp::Kcp;
use tssh_transport_quic::Quic;

#[tokio::test]
async fn a_session_whose_address_of_one_family_stops_answering_goes_on_at_the_other() {
    if let Err(error) = std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) {
        eprintln!("this machine has no IPv6: {error}");
        return;
    }
    let transports: [(&[&str], &dyn Transport); 2] =
        [(&[], &Quic::default()), (&["--kcp"], &Kcp::default())];
    for (arguments, transport) in transports {
        soon(goes_to_and_fro(arguments, transport)).await;
    }
}

async fn goes_to_and_fro(arguments: &[&str], transport: &dyn Transport) {
    let (_server, info) = detached::start(None, arguments); // It listens on every address.
    let mut v4 = Relay::start(Ipv4Addr::LOCALHOST.into(), info.port).await;
    let mut v6 = Relay::start(Ipv6Addr::LOCALHOST.into(), info.port).await;
    let config = ClientConfig {
        info,
        servers: vec![v4.front, v6.front],
        carriers: Carriers::Udp,
        stream_answer: None,
        timeouts: Timeouts::default(),
        mtu: 1400,
        connect_timeout: Duration::from_secs(20),
        session_name: String::new(),
        keep_output: false,
    };
    // Nothing changes in the network of a test.
    let (_script, script) = mpsc::channel(1);
    let network = NetworkEvents::scripted(script);
    let stop = CancellationToken::new();
    let connected = Client::connect(transport, config, Arc::new(UdpBinder), network, &stop).await;
    let (client, _events, tasks) = connected.unwrap();
    let mut running = JoinSet::new();
    running.spawn(async move {
        tasks.run().await;
    });
    let command = SessionStart::command(0, b"cat");
    let mut session = client.start(command, false).await.unwrap();
    let (mut alive, mut dead) = (&mut v4, &mut v6);
    for word in ["one", "two", "six", "ten"] {
        alive.dark.send_replace(false);
        dead.dark.send_replace(true);
        alive.passed.mark_unchanged();
        session.stdin.write_all(word.as_bytes()).await.unwrap();
        client.handle_typed();
        let mut echo = [0; 3];
        session.stdout.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, word.as_bytes());
        assert!(alive.passed.has_changed().unwrap(), "no way but this one");
        (alive, dead) = (dead, alive);
    }
    client.close().await;
}

/// A way to the server at one of its addresses, which may be dark.
struct Relay {
    front: SocketAddr,
    dark: watch::Sender<bool>,
    /// Counts what the server sent along it.
    passed: watch::Receiver<u64>,
    _tasks: JoinSet<()>,
}

impl Relay {
    async fn start(host: IpAddr, port: u16) -> Self {
        let socket = Arc::new(UdpSocket::bind((host, 0)).await.unwrap());
        let front = socket.local_addr().unwrap();
        let (dark, is_dark) = watch::channel(false);
        let (count, passed) = watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(carry_up(socket, (host, port).into(), is_dark, count));
        Self {
            front,
            dark,
            passed,
            _tasks: tasks,
        }
    }
}

/// Carries what comes to `front` to the server, and back, from a port of its own for each of the client's.
async fn carry_up(
    front: Arc<UdpSocket>,
    server: SocketAddr,
    dark: watch::Receiver<bool>,
    count: watch::Sender<u64>,
) {
    let mut doors: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut down = JoinSet::new();
    let mut buffer = vec![0; 65536];
    loop {
        let (length, client) = front.recv_from(&mut buffer).await.unwrap();
        if *dark.borrow() {
            continue;
        }
        if let Entry::Vacant(place) = doors.entry(client) {
            let door = UdpSocket::bind((server.ip(), 0)).await.unwrap();
            door.connect(server).await.unwrap();
            let door = Arc::new(door);
            place.insert(door.clone());
            let (front, dark, count) = (front.clone(), dark.clone(), count.clone());
            down.spawn(async move {
                let mut buffer = vec![0; 65536];
                while let Ok(length) = door.recv(&mut buffer).await {
                    if !*dark.borrow() {
                        count.send_modify(|count| *count += 1);
                        // A client that has closed a port does not want the packet.
                        let _ = front.send_to(&buffer[..length], client).await;
                    }
                }
            });
        }
        // A server that has ended refuses; the client is to find out by itself.
        let _ = doors[&client].send(&buffer[..length]).await;
    }
}

async fn soon<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), test)
        .await
        .expect("nothing happened for a minute")
}
