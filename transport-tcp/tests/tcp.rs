//! Real TCP on loopback: making, filling and losing a connection, and strangers at the door.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test may panic, and owns its tasks"
)]

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tssh_conformance::Log;
use tssh_core::auth::{Claim, ProxyKey};
use tssh_core::proxy::{PacketPipe, server};
use tssh_core::transport::{Link, RecvMeta, Transmit};
use tssh_transport_tcp::{LARGEST_QUIC, TcpLink, TcpListeners, accept_all, connect, listen};

#[tokio::test]
async fn a_connection_under_way_knows_its_address_and_is_writable_when_it_stands() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let link = connect(listener.local_addr().unwrap(), LARGEST_QUIC).unwrap();
    let local = link.local_addr().unwrap();
    poll_fn(|cx| link.poll_writable(cx)).await.unwrap();
    let (mut far, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, local);
    send(&link, peer, b"claim").unwrap();
    let mut wire = [0; 7];
    far.read_exact(&mut wire).await.unwrap();
    assert_eq!(&wire, b"\0\x05claim");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_refusal() {
    let closed = TcpListener::bind(ANY).await.unwrap().local_addr().unwrap();
    let link = match connect(closed, LARGEST_QUIC) {
        Ok(link) => link,
        Err(error) => panic!("it is only tried: {error}"),
    };
    let refused = poll_fn(|cx| link.poll_writable(cx)).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let error = receive(&link).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_whose_peer_stands_still_says_that_it_is_full_and_tears_no_frame() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let server = listener.local_addr().unwrap();
    let link = connect(server, LARGEST_QUIC).unwrap();
    poll_fn(|cx| link.poll_writable(cx)).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    let packet = [7; 1400];
    let mut sent = 0;
    // The kernel moves bytes to the peer's buffer between two looks.
    while let Ok(room) = timeout(QUIET, poll_fn(|cx| link.poll_writable(cx))).await {
        room.unwrap();
        while send(&link, server, &packet).is_ok() {
            sent += 1402;
        }
    }
    let mut received = vec![0; sent];
    let draining = far.read_exact(&mut received);
    let (room, read) = tokio::join!(poll_fn(|cx| link.poll_writable(cx)), async {
        timeout(PATIENCE, draining).await.unwrap()
    });
    room.unwrap();
    read.unwrap();
    assert!(received.chunks(1402).all(|frame| frame[..2] == [5, 120]));
}

#[tokio::test]
async fn a_client_s_claim_in_the_first_frame_makes_its_stream_the_path() {
    let mut rig = Rig::new();
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    client.write_all(&rig.frame(CLIENT, 1)).await.unwrap();
    assert_eq!(rig.answer(&mut client).await, Some(1));
    rig.moved(1).await;
    rig.pipe.try_send(b"from the server", None, None).unwrap();
    let mut wire = [0; 17];
    client.read_exact(&mut wire).await.unwrap();
    assert_eq!(&wire[2..], b"from the server");

    // A new connection replaces it, and it is closed.
    let mut next = TcpStream::connect(rig.address).await.unwrap();
    next.write_all(&rig.frame(CLIENT, 2)).await.unwrap();
    assert_eq!(rig.answer(&mut next).await, Some(2));
    rig.moved(2).await;
    assert_eq!(
        timeout(PATIENCE, client.read(&mut [0; 1]))
            .await
            .unwrap()
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn strangers_are_closed_without_an_answer() {
    let mut rig = Rig::new();
    let mut first = TcpStream::connect(rig.address).await.unwrap();
    first.write_all(&rig.frame(CLIENT, 5)).await.unwrap();
    assert_eq!(rig.answer(&mut first).await, Some(5));
    let (foreign, _) = ProxyKey::generate().unwrap();
    let forged = foreign.seal(claim(CLIENT, 9)).unwrap();
    let said = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\xff\xff".to_vec(),
        [vec![5, 0], vec![1; 1280], rig.frame(CLIENT, 6)].concat(),
        [vec![0, 44], forged.to_vec()].concat(),
        rig.frame(CLIENT + 1, 9),
        rig.frame(CLIENT, 5),
    ];
    for bytes in said {
        let mut stranger = TcpStream::connect(rig.address).await.unwrap();
        stranger.write_all(&bytes).await.unwrap();
        assert_eq!(rig.answer(&mut stranger).await, None, "{bytes:?}");
    }
    rig.pipe.try_send(b"still", None, None).unwrap();
    let mut wire = [0; 7];
    first.read_exact(&mut wire).await.unwrap();
    assert_eq!(&wire[2..], b"still");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stranger_is_closed_after_two_seconds() {
    let log = Log::listen();
    let mut rig = Rig::new();
    let began = tokio::time::Instant::now();
    let mut stranger = TcpStream::connect(rig.address).await.unwrap();
    stranger.write_all(&[0, 44, 1]).await.unwrap();
    assert_eq!(rig.answer(&mut stranger).await, None);
    assert!(began.elapsed() >= Duration::from_secs(2));
    let lines = log.lines_with("connection");
    assert_eq!(
        lines,
        ["DEBUG connections without a first frame are closed silent=1"]
    );
}

#[tokio::test]
async fn a_stranger_that_sends_frames_without_packets_for_ever_is_closed_in_time() {
    let log = Log::listen();
    let mut rig = Rig::new();
    let mut stranger = TcpStream::connect(rig.address).await.unwrap();
    let closed = async {
        // Until the server has enough of it.
        while stranger.write_all(&[0; 4096]).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, closed).await.unwrap();
    assert_eq!(log.lines_with("closed").len(), 1);
    assert_eq!(
        log.lines_with("frames without a packet are passed over")
            .len(),
        1
    );
    // Nobody else was kept waiting.
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    client.write_all(&rig.frame(CLIENT, 1)).await.unwrap();
    assert_eq!(rig.answer(&mut client).await, Some(1));
}

#[tokio::test]
async fn a_frame_of_65535_bytes_ends_the_stream_of_the_client_in_one_line_and_another_is_taken() {
    let log = Log::listen();
    let mut rig = Rig::new();
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    client.write_all(&rig.frame(CLIENT, 1)).await.unwrap();
    assert_eq!(rig.answer(&mut client).await, Some(1));
    rig.moved(1).await;
    // Frames without packets are passed over.
    client.write_all(&[0, 0, 0, 0, 0xff, 0xff]).await.unwrap();
    client.write_all(&[7; 1000]).await.unwrap();
    let mut buffer = [0; 2000];
    let mut meta = [RecvMeta::default()];
    let received = poll_fn(|cx| {
        let mut bufs = [IoSliceMut::new(&mut buffer)];
        let received = rig.pipe.poll_recv(cx, &mut bufs, &mut meta);
        match log.lines_with("65535 bytes").is_empty() {
            true => received.map(Some),
            false => std::task::Poll::Ready(None),
        }
    });
    assert_eq!(timeout(PATIENCE, received).await.unwrap(), None);
    assert_eq!(log.lines_with("65535 bytes").len(), 1);
    assert_eq!(
        log.lines_with("frames without a packet are passed over")
            .len(),
        1
    );

    let mut next = TcpStream::connect(rig.address).await.unwrap();
    next.write_all(&rig.frame(CLIENT, 2)).await.unwrap();
    assert_eq!(rig.answer(&mut next).await, Some(2));
}

#[tokio::test]
async fn the_oldest_of_seventeen_silent_strangers_makes_room() {
    let mut rig = Rig::new();
    let mut silent = Vec::new();
    for _ in 0..17 {
        silent.push(TcpStream::connect(rig.address).await.unwrap());
    }
    assert_eq!(rig.answer(&mut silent[0]).await, None);
    // The others are still there.
    silent[16].write_all(&rig.frame(CLIENT, 1)).await.unwrap();
    assert_eq!(rig.answer(&mut silent[16]).await, Some(1));
}

const CLIENT: u64 = 7;
const SERVER: u64 = 9;
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const PATIENCE: Duration = Duration::from_secs(10);

/// Longer than the kernel takes from one loopback socket to the other.
#[cfg(target_os = "linux")]
const QUIET: Duration = Duration::from_millis(300);

/// A server's proxy that listens on TCP alone.
struct Rig {
    address: SocketAddr,
    pipe: PacketPipe,
    path: server::Handle,
    key: ProxyKey,
    _tasks: JoinSet<()>,
}

impl Rig {
    fn new() -> Self {
        let (key, _) = ProxyKey::generate().unwrap();
        let config = server::Config {
            links: Vec::new(),
            client_id: CLIENT,
            server_id: SERVER,
            key: key.clone(),
            mtu: 1400,
        };
        let stop = CancellationToken::new();
        let (pipe, path, proxy) = server::new(config, stop.clone());
        let listeners = TcpListeners::new(vec![listen(ANY).unwrap()]);
        let address = listeners.local_addrs()[0];
        let mut tasks = JoinSet::new();
        tasks.spawn(proxy);
        tasks.spawn(accept_all(listeners, path.streams(), LARGEST_QUIC, stop));
        Self {
            address,
            pipe,
            path,
            key,
            _tasks: tasks,
        }
    }

    fn frame(&self, id: u64, serial: u64) -> Vec<u8> {
        let packet = self.key.seal(claim(id, serial)).unwrap();
        [&[0, 44], &packet[..]].concat()
    }

    /// The serial of the server's answer; `None` when it closes the connection instead.
    async fn answer(&mut self, client: &mut TcpStream) -> Option<u64> {
        let mut frame = [0; 46];
        let read = timeout(PATIENCE, client.read_exact(&mut frame)).await;
        read.unwrap().ok()?;
        let answer = self.key.open(&frame[2..]).unwrap();
        assert_eq!((frame[..2].to_vec(), answer.id), (vec![0, 44], SERVER));
        Some(answer.serial)
    }

    async fn moved(&self, times: u64) {
        let mut moves = self.path.moves();
        let moved = moves.wait_for(|moves| *moves == times);
        timeout(PATIENCE, moved).await.unwrap().unwrap();
    }
}

fn claim(id: u64, serial: u64) -> Claim {
    Claim { id, serial }
}

fn send(link: &TcpLink, to: SocketAddr, contents: &[u8]) -> io::Result<()> {
    link.try_send(&Transmit {
        destination: to,
        ecn: None,
        contents,
        segment_size: None,
        src_ip: None,
    })
}

async fn receive(link: &TcpLink) -> io::Result<usize> {
    let mut buffer = [0; 2000];
    let mut meta = [RecvMeta::default()];
    poll_fn(|cx| link.poll_recv(cx, &mut [IoSliceMut::new(&mut buffer)], &mut meta)).await
}
