//! Links that fail, fill up and lie: the connection outlives them and does not spin.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tssh_conformance::{Air, AirLink, DELAY, MTU, Weather, connected, soon};
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{Connection, Link, RecvMeta, Stream, Transmit};
use tssh_transport_quic::Quic;

/// An unplugged cable, a missing route, a firewall of the machine itself.
#[tokio::test(start_paused = true)]
async fn a_link_that_fails_for_a_minute_ends_nothing_and_is_tried_seldom() {
    let Moody {
        link,
        mut near,
        mut far,
        _ends,
    } = over_moody_link().await;
    for kind in [
        ErrorKind::NetworkUnreachable,
        ErrorKind::PermissionDenied,
        ErrorKind::OutOfMemory,
    ] {
        link.set(Mood::Fails(kind));
        let before = link.tries();
        near.write_all(b"k").await.unwrap();
        sleep(Duration::from_secs(60)).await;
        let tries = link.tries() - before;
        assert!((1..40).contains(&tries), "{tries} tries in a minute");
        link.set(Mood::Works);
        near.write_all(b"l").await.unwrap();
        assert_eq!(soon(far.read_u16()).await.unwrap(), 0x6b6c);
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_full_and_says_so_is_asked_again_when_it_has_room() {
    let Moody {
        link,
        mut near,
        mut far,
        _ends,
    } = over_moody_link().await;
    link.set(Mood::Full);
    near.write_all(b"k").await.unwrap();
    sleep(Duration::from_secs(60)).await;
    let before = link.tries();
    sleep(Duration::from_secs(60)).await;
    assert!(link.tries() - before < 10, "{}", link.tries() - before);
    link.set(Mood::Works);
    assert_eq!(soon(far.read_u8()).await.unwrap(), b'k');
}

/// quinn tries again within one poll of its task for as long as it hears that there is room.
#[tokio::test(start_paused = true)]
async fn a_link_that_is_full_and_denies_it_does_not_hold_the_runtime() {
    let Moody {
        link,
        mut near,
        mut far,
        _ends,
    } = over_moody_link().await;
    link.set(Mood::FullInSecret);
    let before = link.tries();
    near.write_all(b"k").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let tries = link.tries() - before;
    assert!((1..1000).contains(&tries), "{tries} tries in a second");
    link.set(Mood::Works);
    assert_eq!(soon(far.read_u8()).await.unwrap(), b'k');
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Fails(ErrorKind),
    Full,
    FullInSecret,
    Works,
}

#[derive(Debug)]
struct MoodyLink {
    inner: Arc<AirLink>,
    mood: Mutex<Mood>,
    sender: Mutex<Option<Waker>>,
    tries: AtomicU64,
}

impl MoodyLink {
    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
        if let Some(sender) = self.sender.lock().unwrap().take() {
            sender.wake();
        }
    }

    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    fn tries(&self) -> u64 {
        self.tries.load(Ordering::Relaxed)
    }
}

impl Link for MoodyLink {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.tries.fetch_add(1, Ordering::Relaxed);
        match self.mood() {
            Mood::Fails(kind) => Err(kind.into()),
            Mood::Full | Mood::FullInSecret => Err(ErrorKind::WouldBlock.into()),
            Mood::Works => self.inner.try_send(transmit),
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        *self.sender.lock().unwrap() = Some(cx.waker().clone());
        match self.mood() {
            Mood::Full => Poll::Pending,
            Mood::Fails(_) | Mood::FullInSecret | Mood::Works => Poll::Ready(Ok(())),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.inner.local_addr()
    }
}

/// A client over a link with moods, and its server.
struct Moody {
    link: Arc<MoodyLink>,
    near: Stream,
    far: Stream,
    _ends: (Arc<dyn Connection>, Arc<dyn Connection>),
}

async fn over_moody_link() -> Moody {
    let air = Air::new(Weather::fair(DELAY), 1);
    let link = Arc::new(MoodyLink {
        inner: air.near(),
        mood: Mutex::new(Mood::Works),
        sender: Mutex::new(None),
        tries: AtomicU64::new(0),
    });
    let pipe = PacketPipe::fixed(link.clone(), air.far().local_addr().unwrap(), MTU);
    let (_, server) = air.pipes(MTU);
    let (client, server) = connected(&Quic::default(), pipe, server).await;
    let mut near = soon(client.open()).await.unwrap();
    near.write_all(b"0").await.unwrap();
    let mut far = soon(server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'0');
    Moody {
        link,
        near,
        far,
        _ends: (client, server),
    }
}
