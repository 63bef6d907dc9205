//! Two links with weather between them, in the runtime's time: a paused runtime skips hours.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::time::Sleep;
use tssh_core::clock;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{EcnCodepoint, Link, RecvMeta, Transmit};

use super::Direction;
use crate::weather::{Sky, Weather};

/// The air between two links. Clones share it.
#[derive(Clone, Debug)]
pub struct Air {
    near: Arc<AirLink>,
    far: Arc<AirLink>,
}

impl Air {
    /// The same weather in both directions.
    pub fn new(weather: Weather, seed: u64) -> Self {
        let there = Arc::new(Lane::new(weather, seed));
        let back = Arc::new(Lane::new(weather, seed ^ u64::MAX));
        let link = |local, out: &Arc<Lane>, into: &Arc<Lane>| {
            Arc::new(AirLink {
                local,
                out: out.clone(),
                into: into.clone(),
            })
        };
        Self {
            near: link(NEAR, &there, &back),
            far: link(FAR, &back, &there),
        }
    }

    /// The near link.
    pub fn near(&self) -> Arc<AirLink> {
        self.near.clone()
    }

    /// The far link.
    pub fn far(&self) -> Arc<AirLink> {
        self.far.clone()
    }

    /// A pipe over each link, the near one first, for packets of at most `mtu` bytes.
    pub fn pipes(&self, mtu: u16) -> (PacketPipe, PacketPipe) {
        (
            PacketPipe::fixed(self.near(), FAR, mtu),
            PacketPipe::fixed(self.far(), NEAR, mtu),
        )
    }

    /// Changes the weather of both directions.
    pub fn change(&self, change: impl Fn(&mut Weather)) {
        for lane in [&self.near.out, &self.far.out] {
            lane.lock().change(&change);
        }
    }

    /// Changes the weather of one direction.
    pub fn change_one(&self, direction: Direction, change: impl Fn(&mut Weather)) {
        self.lane(direction).lock().change(&change);
    }

    /// Makes the path dead, and loses what is on its way, or brings it back.
    pub fn set_dark(&self, dark: bool) {
        self.change(|weather| weather.dark = dark);
    }

    /// How many packets were handed to the air, lost ones included.
    pub fn sent(&self, direction: Direction) -> u64 {
        self.lane(direction).lock().sent
    }

    /// Keeps a copy of the next `count` packets; those of before are forgotten.
    pub fn record(&self, direction: Direction, count: usize) {
        let mut lane = self.lane(direction).lock();
        lane.recorded = Vec::new();
        lane.to_record = count;
    }

    /// The packets that were recorded.
    pub fn recorded(&self, direction: Direction) -> Vec<Vec<u8>> {
        self.lane(direction).lock().recorded.clone()
    }

    /// Delivers `packet` at once, as if its sender had sent it.
    pub fn forge(&self, direction: Direction, packet: Vec<u8>) {
        let lane = self.lane(direction);
        let mut state = lane.lock();
        state.put(clock::now(), packet, None);
        state.wake();
    }

    fn lane(&self, direction: Direction) -> &Lane {
        match direction {
            Direction::Back => &self.far.out,
            Direction::There => &self.near.out,
        }
    }
}

/// One end of the air.
#[derive(Debug)]
pub struct AirLink {
    local: SocketAddr,
    out: Arc<Lane>,
    into: Arc<Lane>,
}

impl Link for AirLink {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let now = clock::now();
        let segment = transmit.segment_size.unwrap_or(transmit.contents.len());
        let mut lane = self.out.lock();
        for packet in transmit.contents.chunks(segment.max(1)) {
            lane.handle_packet(packet, transmit.ecn, now);
        }
        lane.wake();
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
            let mut filled = 0;
            let now = clock::now();
            while filled < bufs.len().min(meta.len()) {
                let Some((packet, ecn)) = lane.take(now) else {
                    break;
                };
                let len = packet.len().min(bufs[filled].len());
                bufs[filled][..len].copy_from_slice(&packet[..len]);
                meta[filled] = RecvMeta::default();
                meta[filled].addr = from;
                meta[filled].len = len;
                meta[filled].stride = len;
                meta[filled].ecn = ecn;
                filled += 1;
            }
            if filled > 0 {
                return Poll::Ready(Ok(filled));
            }
            lane.receiver = Some(cx.waker().clone());
            let Some(next) = lane.next() else {
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
    sky: Sky,
    /// By arrival, then by order of sending.
    flying: BTreeMap<(Instant, u64), (Vec<u8>, Option<EcnCodepoint>)>,
    sent: u64,
    order: u64,
    to_record: usize,
    recorded: Vec<Vec<u8>>,
    receiver: Option<Waker>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Lane {
    fn new(weather: Weather, seed: u64) -> Self {
        Self(Mutex::new(LaneState {
            sky: Sky::new(weather, seed),
            flying: BTreeMap::new(),
            sent: 0,
            order: 0,
            to_record: 0,
            recorded: Vec::new(),
            receiver: None,
            sleep: None,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LaneState {
    fn handle_packet(&mut self, packet: &[u8], ecn: Option<EcnCodepoint>, now: Instant) {
        self.sent += 1;
        if self.recorded.len() < self.to_record {
            self.recorded.push(packet.to_vec());
        }
        let fate = self.sky.handle_packet(packet.len(), now);
        for at in [fate.arrives, fate.again].into_iter().flatten() {
            self.put(at, packet.to_vec(), ecn);
        }
    }

    fn put(&mut self, at: Instant, packet: Vec<u8>, ecn: Option<EcnCodepoint>) {
        if self.flying.len() < MAX_FLYING {
            self.order += 1;
            self.flying.insert((at, self.order), (packet, ecn));
        }
    }

    fn take(&mut self, now: Instant) -> Option<(Vec<u8>, Option<EcnCodepoint>)> {
        let first = self.flying.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    fn next(&self) -> Option<Instant> {
        self.flying.first_key_value().map(|((at, _), _)| *at)
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

    fn change(&mut self, change: &impl Fn(&mut Weather)) {
        let mut weather = self.sky.weather();
        change(&mut weather);
        self.sky.handle_weather(weather);
        if weather.dark {
            self.flying.clear();
        }
    }

    fn wake(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            receiver.wake();
        }
    }
}

const NEAR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

const FAR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 2);

/// What a socket with segmentation offload takes.
const MAX_SEGMENTS: usize = 10;

/// A guard against a sender without any limit.
const MAX_FLYING: usize = 1 << 16;
