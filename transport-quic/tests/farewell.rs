//! Goodbyes: whoever closes a connection and goes waits until that is on its way, room or no room.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tssh_conformance::{DELAY, HOME, MTU, Network, Weather, connected, soon};
use tssh_core::proxy::PacketPipe;
use tssh_core::proxy::client::Binder;
use tssh_core::transport::{Connection, ErrorKind, Link, RecvMeta, Transmit};
use tssh_transport_quic::Quic;

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_on_its_way_when_closing_is_done() {
    let rig = Rig::new().await;
    rig.near.close().await;
    drop(rig.near);
    assert_eq!(soon(rig.far.closed()).await.kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_waits_for_room_in_a_pipe_that_is_full_and_says_so() {
    told_when_there_is_room(Room::None).await;
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_waits_for_room_in_a_pipe_that_is_full_and_says_otherwise() {
    told_when_there_is_room(Room::Promised).await;
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_that_finds_no_room_is_given_up_after_a_second() {
    for room in [Room::None, Room::Promised] {
        let rig = Rig::new().await;
        rig.fill(room).await;
        let asked = Instant::now();
        rig.near.close().await;
        assert_eq!(asked.elapsed().as_millis() / 10, 100, "{room:?}");
        drop(rig.near);
        rig.plug.set(Room::Enough);
        let silence = timeout(Duration::from_secs(5), rig.far.closed());
        assert!(silence.await.is_err(), "{room:?}");
    }
}

async fn told_when_there_is_room(room: Room) {
    let rig = Rig::new().await;
    rig.fill(room).await;
    let plug = rig.plug.clone();
    tokio::spawn(async move {
        sleep(FULL).await;
        plug.set(Room::Enough);
    });
    let asked = Instant::now();
    rig.near.close().await;
    drop(rig.near);
    assert_eq!(asked.elapsed().as_millis() / 10, FULL.as_millis() / 10);
    let cause = soon(rig.far.closed()).await;
    assert_eq!(cause.kind(), ErrorKind::Closed);
    assert!(asked.elapsed() < FULL + 2 * DELAY, "{:?}", asked.elapsed());
}

/// A client behind a [`Plug`], and its server.
struct Rig {
    near: Arc<dyn Connection>,
    far: Arc<dyn Connection>,
    plug: Arc<Plug>,
}

impl Rig {
    async fn new() -> Self {
        let network = Network::new(Weather::fair(DELAY), 1, HOME);
        let there = network.server_address();
        let server = network.server();
        let link = network.connect(there).unwrap();
        let here = link.local_addr().unwrap();
        let plug = Arc::new(Plug::new(link));
        let near = PacketPipe::fixed(plug.clone(), there, MTU);
        let far = PacketPipe::fixed(server, here, MTU);
        let (near, far) = connected(&Quic::default(), near, far).await;
        // Until nothing of the handshake is on its way.
        let mut stream = near.open().await.unwrap();
        stream.write_all(b"x").await.unwrap();
        let mut heard = soon(far.accept()).await.unwrap();
        assert_eq!(heard.read_u8().await.unwrap(), b'x');
        sleep(Duration::from_secs(1)).await;
        Self { near, far, plug }
    }

    /// Takes the room away, and waits until a packet waits for it.
    async fn fill(&self, room: Room) {
        self.plug.set(room);
        let mut stream = self.near.open().await.unwrap();
        stream.write_all(b"y").await.unwrap();
        sleep(Duration::from_millis(20)).await;
        // Resetting it would be one packet more.
        std::mem::forget(stream);
    }
}

/// Whether a link takes a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Enough,
    /// It says that it does, and does not.
    Promised,
    None,
}

#[derive(Debug)]
struct Plug {
    link: Arc<dyn Link>,
    room: Mutex<(Room, Option<Waker>)>,
}

impl Plug {
    fn new(link: Arc<dyn Link>) -> Self {
        Self {
            link,
            room: Mutex::new((Room::Enough, None)),
        }
    }

    fn set(&self, room: Room) {
        let mut state = self.room.lock().unwrap();
        state.0 = room;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Link for Plug {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.room.lock().unwrap().0 {
            Room::Enough => self.link.try_send(transmit),
            Room::Promised | Room::None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.room.lock().unwrap();
        match state.0 {
            Room::Enough | Room::Promised => Poll::Ready(Ok(())),
            Room::None => {
                state.1 = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.link.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.link.local_addr()
    }
}

/// Until there is room again. quinn keeps a goodbye for three probe timeouts, a few round trips.
const FULL: Duration = Duration::from_millis(100);
