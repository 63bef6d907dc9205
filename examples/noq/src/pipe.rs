//! The packet pipe as noq's socket, and the path clock as its runtime.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use noq::udp::{RecvMeta, Transmit};
use noq::{AsyncTimer, AsyncUdpSocket, Runtime, UdpSender};
use tokio::task::JoinSet;
use tssh_core::clock::{PathClock, PathTimer};
use tssh_core::proxy::PacketPipe;
use tssh_core::transport;

/// Drops whatever is sent from the moment that it is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mute(Arc<AtomicBool>);

impl Mute {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[derive(Debug)]
pub(crate) struct PipeSocket {
    pipe: PacketPipe,
    mute: Mute,
    waiting: Arc<Waiting>,
}

impl PipeSocket {
    pub(crate) fn new(pipe: PacketPipe) -> (Self, Mute) {
        let mute = Mute::default();
        let socket = Self {
            pipe,
            mute: mute.clone(),
            waiting: Arc::default(),
        };
        (socket, mute)
    }
}

impl AsyncUdpSocket for PipeSocket {
    fn create_sender(&self) -> Pin<Box<dyn UdpSender>> {
        Box::pin(Sender {
            pipe: self.pipe.clone(),
            mute: self.mute.clone(),
            waiting: self.waiting.clone(),
        })
    }

    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        // The pipe's batches are told in the words of another crate.
        let mut told = [transport::RecvMeta::default(); MOST_BUFFERS];
        let most = bufs.len().min(meta.len()).min(MOST_BUFFERS);
        let filled = self
            .pipe
            .poll_recv(cx, &mut bufs[..most], &mut told[..most]);
        filled.map(|filled| {
            for (meta, told) in meta.iter_mut().zip(&told[..filled]) {
                *meta = RecvMeta::default();
                meta.addr = told.addr;
                meta.len = told.len;
                meta.stride = told.stride;
                meta.ecn = told
                    .ecn
                    .and_then(|ecn| noq::udp::EcnCodepoint::from_bits(ecn as u8));
            }
            Ok(filled)
        })
    }

    /// An address that means nothing: the pipe has many, one after the other.
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok((Ipv4Addr::LOCALHOST, 0).into())
    }

    fn max_receive_segments(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.pipe.max_recv_segments()).unwrap_or(NonZeroUsize::MIN)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct Sender {
    pipe: PacketPipe,
    mute: Mute,
    waiting: Arc<Waiting>,
}

impl UdpSender for Sender {
    fn poll_send(
        self: Pin<&mut Self>,
        transmit: &Transmit<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.mute.0.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        let ecn = transmit
            .ecn
            .and_then(|ecn| transport::EcnCodepoint::from_bits(ecn as u8));
        // The pipe wakes one task; several may wait for its room.
        self.waiting.add(cx.waker());
        let waker = Waker::from(self.waiting.clone());
        // Once more after the room was there: it may be too small for this batch.
        for _ in 0..2 {
            if self
                .pipe
                .try_send(transmit.contents, transmit.segment_size, ecn)
                .is_ok()
            {
                return Poll::Ready(Ok(()));
            }
            if self
                .pipe
                .poll_writable(&mut Context::from_waker(&waker))
                .is_pending()
            {
                return Poll::Pending;
            }
        }
        // It is lost, as on any path: waiting for room that is there would turn without end.
        Poll::Ready(Ok(()))
    }

    fn max_transmit_segments(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.pipe.max_send_segments()).unwrap_or(NonZeroUsize::MIN)
    }
}

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
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The runtime of one endpoint: its timers stand still with the path, its tasks end with it.
#[derive(Debug)]
pub(crate) struct PathRuntime {
    clock: PathClock,
    tasks: Mutex<JoinSet<()>>,
}

impl PathRuntime {
    pub(crate) fn new(clock: PathClock) -> Self {
        Self {
            clock,
            tasks: Mutex::default(),
        }
    }

    pub(crate) fn abort(&self) {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }
}

impl Runtime for PathRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(Timer(self.clock.timer(at)))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(future);
    }

    fn wrap_udp_socket(&self, _: std::net::UdpSocket) -> io::Result<Box<dyn AsyncUdpSocket>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }
}

struct Timer(PathTimer);

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.0.reset(at);
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_elapsed(cx)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// As many as noq hands over at once.
const MOST_BUFFERS: usize = 32;
