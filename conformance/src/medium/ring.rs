//! Two links that allocate nothing once they are made: for tests that count what a transport allocates.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use tssh_core::clock;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{Link, RecvMeta, Transmit};

/// One end. Packets take their time, and nothing else happens to them.
#[derive(Debug)]
pub struct RingLink {
    local: SocketAddr,
    out: Arc<Lane>,
    into: Arc<Lane>,
}

/// A pipe over each end of a ring, the near one first, and the ends: packets of at most `mtu` bytes take `delay`.
pub fn ring(mtu: u16, delay: Duration) -> ([PacketPipe; 2], [Arc<RingLink>; 2]) {
    let lane = || Arc::new(Lane(Mutex::new(LaneState::new(delay))));
    let (there, back) = (lane(), lane());
    let link = |local, out: &Arc<Lane>, into: &Arc<Lane>| {
        let (out, into) = (out.clone(), into.clone());
        Arc::new(RingLink { local, out, into })
    };
    let links = [link(NEAR, &there, &back), link(FAR, &back, &there)];
    let pipes = [(0, FAR), (1, NEAR)];
    let pipes = pipes.map(|(at, peer)| PacketPipe::fixed(links[at].clone(), peer, mtu));
    (pipes, links)
}

impl RingLink {
    /// How many packets were sent from here.
    pub fn sent(&self) -> u64 {
        self.out.lock().sent
    }
}

impl Link for RingLink {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let now = clock::now();
        let segment = transmit.segment_size.unwrap_or(transmit.contents.len());
        let mut lane = self.out.lock();
        for packet in transmit.contents.chunks(segment.max(1)) {
            lane.put(packet, now);
        }
        if let Some(receiver) = lane.receiver.take() {
            receiver.wake();
        }
        Ok(())
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let from = if self.local == NEAR { FAR } else { NEAR };
        let mut lane = self.into.lock();
        loop {
            let now = clock::now();
            let mut filled = 0;
            while filled < bufs.len().min(meta.len()) {
                let Some(len) = lane.take(now, &mut bufs[filled]) else {
                    break;
                };
                meta[filled] = RecvMeta::default();
                meta[filled].addr = from;
                meta[filled].len = len;
                meta[filled].stride = len.max(1);
                filled += 1;
            }
            if filled > 0 {
                return Poll::Ready(Ok(filled));
            }
            lane.receiver = Some(cx.waker().clone());
            let Some(next) = lane.flying.front().map(|slot| slot.arrives) else {
                return Poll::Pending;
            };
            if lane.poll_until(next, cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Some(self.local)
    }

    fn max_send_segments(&self) -> usize {
        MAX_SEGMENTS
    }
}

#[derive(Debug)]
struct Lane(Mutex<LaneState>);

#[derive(Debug)]
struct LaneState {
    delay: Duration,
    /// At most [`SLOTS`], for which there is room from the start.
    flying: VecDeque<Slot>,
    sent: u64,
    receiver: Option<Waker>,
    sleep: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
struct Slot {
    arrives: Instant,
    len: usize,
    bytes: [u8; LARGEST],
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LaneState {
    fn new(delay: Duration) -> Self {
        Self {
            delay,
            flying: VecDeque::with_capacity(SLOTS),
            sent: 0,
            receiver: None,
            sleep: None,
        }
    }

    fn put(&mut self, packet: &[u8], now: Instant) {
        self.sent += 1;
        if self.flying.len() == SLOTS || packet.len() > LARGEST {
            return;
        }
        let mut bytes = [0; LARGEST];
        bytes[..packet.len()].copy_from_slice(packet);
        self.flying.push_back(Slot {
            arrives: now + self.delay,
            len: packet.len(),
            bytes,
        });
    }

    fn take(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        let slot = self.flying.front().filter(|slot| slot.arrives <= now)?;
        let len = slot.len.min(buf.len());
        buf[..len].copy_from_slice(&slot.bytes[..len]);
        self.flying.pop_front();
        Some(len)
    }

    fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let at = at.into();
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}

const NEAR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

const FAR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 2);

/// Packets under way: more than a transport's window.
const SLOTS: usize = 8192;

/// Bytes of an Ethernet frame.
const LARGEST: usize = 1500;

/// What a socket with segmentation offload takes.
const MAX_SEGMENTS: usize = 10;
