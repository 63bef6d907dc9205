//! The packet pipe as a socket of quinn.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};
use tssh_core::proxy::PacketPipe;

use crate::doubles::Doubles;

/// Sends and receives through the pipe, until it is muted.
#[derive(Debug)]
pub(crate) struct PipeSocket {
    pipe: PacketPipe,
    doubles: Arc<Doubles>,
    /// Who waits to send. The pipe wakes one task at a time, and a server may have several.
    waiting: Arc<Waiting>,
    waker: Waker,
    muted: AtomicBool,
    /// The pipe refused the latest packet.
    refused: AtomicBool,
    /// A packet waits until the pipe says that it has room.
    held: AtomicBool,
    laps: AtomicU64,
    lap: Notify,
}

impl PipeSocket {
    pub(crate) fn new(pipe: PacketPipe, doubles: Arc<Doubles>) -> Self {
        let waiting = Arc::new(Waiting::default());
        Self {
            pipe,
            doubles,
            waker: waiting.clone().into(),
            waiting,
            muted: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            held: AtomicBool::new(false),
            laps: AtomicU64::new(0),
            lap: Notify::new(),
        }
    }

    /// Drops whatever is sent from here on.
    pub(crate) fn mute(&self) {
        self.muted.store(true, Ordering::Release);
    }

    /// How often a connection has begun to send all that it has.
    pub(crate) fn laps(&self) -> u64 {
        self.laps.load(Ordering::Acquire)
    }

    /// Waits until a connection has begun to send all that it has since [`Self::laps`] was `before`.
    pub(crate) async fn lap_after(&self, before: u64) {
        loop {
            let lap = self.lap.notified();
            if self.laps() != before {
                return;
            }
            lap.await;
        }
    }

    /// Whether the latest packet waits for room.
    pub(crate) fn is_waiting(&self) -> bool {
        self.refused.load(Ordering::Acquire) || self.held.load(Ordering::Acquire)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut through = Context::from_waker(&self.waker);
        if self.pipe.poll_writable(&mut through).is_ready() {
            return Poll::Ready(());
        }
        self.waiting.add(cx.waker());
        // The room may have come before this task was on the list.
        self.pipe.poll_writable(&mut through)
    }
}

impl AsyncUdpSocket for PipeSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller {
            socket: self,
            disappointed: 0,
            pause: None,
        })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if self.muted.load(Ordering::Acquire) {
            return Ok(());
        }
        let sent = self
            .pipe
            .try_send(transmit.contents, transmit.segment_size, transmit.ecn);
        self.refused.store(sent.is_err(), Ordering::Release);
        self.held.store(false, Ordering::Release);
        if sent.is_ok() {
            let segment = transmit.segment_size.unwrap_or(transmit.contents.len());
            let twice = self.doubles.take(transmit.contents.len(), segment);
            if twice > 0 {
                self.pipe
                    .repeat(&transmit.contents[..twice], segment, transmit.ecn);
            }
        }
        // quinn ends the connection at any other error; the pipe reports none.
        sent.map_err(|_| io::ErrorKind::WouldBlock.into())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.pipe.poll_recv(cx, bufs, meta).map(Ok)
    }

    /// An address that means nothing: the pipe has many, one after the other.
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok((Ipv4Addr::LOCALHOST, 0).into())
    }

    fn max_transmit_segments(&self) -> usize {
        // quinn asks once whenever it begins to send.
        self.laps.fetch_add(1, Ordering::AcqRel);
        self.lap.notify_waiters();
        self.pipe.max_send_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.pipe.max_recv_segments()
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct Poller {
    socket: Arc<PipeSocket>,
    /// How often in a row the pipe had room and refused a packet.
    disappointed: u8,
    pause: Option<Pin<Box<Sleep>>>,
}

impl UdpPoller for Poller {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.socket.poll_writable(cx).is_pending() {
            self.socket.held.store(true, Ordering::Release);
            return Poll::Pending;
        }
        if !self.socket.refused.load(Ordering::Acquire) {
            self.disappointed = 0;
            return Poll::Ready(Ok(()));
        }
        // quinn tries again at once, within one poll of its task. Room that is there and yet too
        // small (a batch over what an unproved address may be sent) would hold it there for ever.
        if self.disappointed < MAX_DISAPPOINTED {
            self.disappointed += 1;
            return Poll::Ready(Ok(()));
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PAUSE)));
        ready!(pause.as_mut().poll(cx));
        self.pause = None;
        self.disappointed = 0;
        Poll::Ready(Ok(()))
    }
}

/// A socket may fill between the question and the packet, rarely twice.
const MAX_DISAPPOINTED: u8 = 2;

/// Short against any round trip, long enough to cost nothing.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
struct Waiting(Mutex<Vec<Waker>>);

impl Waiting {
    fn add(&self, waker: &Waker) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for waker in waiting {
            waker.wake();
        }
    }
}
