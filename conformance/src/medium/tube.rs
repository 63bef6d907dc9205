//! Bytes in order between two ends, in the runtime's time: a TCP connection, or the pipes of a child.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tssh_core::clock;

use super::Direction;
use crate::weather::{Sky, Weather};

/// One end. `weather.queue` is how many bytes may be under way; what is lost, doubled or over the MTU
/// in a weather of packets is neither here.
#[derive(Debug)]
pub struct Tube {
    out: Arc<Lane>,
    into: Arc<Lane>,
}

/// The two directions of a tube, to change their weather.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    there: Arc<Lane>,
    back: Arc<Lane>,
}

/// Both ends of a tube, the near one first. What is written arrives in pieces of at most `grain` bytes.
pub fn tubes(weather: Weather, grain: usize, seed: u64) -> (Tube, Tube) {
    let (near, far, _) = with_lanes(weather, grain, seed);
    (near, far)
}

pub(crate) fn with_lanes(weather: Weather, grain: usize, seed: u64) -> (Tube, Tube, Lanes) {
    let lanes = Lanes {
        there: Arc::new(Lane::new(weather, grain, seed)),
        back: Arc::new(Lane::new(weather, grain, seed ^ u64::MAX)),
    };
    let end = |out: &Arc<Lane>, into: &Arc<Lane>| Tube {
        out: out.clone(),
        into: into.clone(),
    };
    let near = end(&lanes.there, &lanes.back);
    let far = end(&lanes.back, &lanes.there);
    (near, far, lanes)
}

impl Lanes {
    pub(crate) fn change(&self, direction: Direction, change: &dyn Fn(&mut Weather)) {
        let lane = match direction {
            Direction::Back => &self.back,
            Direction::There => &self.there,
        };
        let mut lane = lane.lock();
        let mut weather = lane.sky.weather();
        change(&mut weather);
        lane.set_weather(weather);
        lane.wake();
    }
}

impl Tube {
    /// How many bytes may be written at once.
    pub fn room(&self) -> usize {
        self.out.lock().room()
    }

    /// Ready when there is room for `wanted` bytes.
    pub(super) fn poll_room(&self, wanted: usize, cx: &mut Context<'_>) -> Poll<()> {
        let mut lane = self.out.lock();
        if lane.room() >= wanted {
            return Poll::Ready(());
        }
        lane.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Writes as much of `bytes` as there is room for, and returns how much that was.
    pub(super) fn write(&self, bytes: &[u8]) -> usize {
        let mut lane = self.out.lock();
        let count = bytes.len().min(lane.room());
        lane.put(&bytes[..count], clock::now());
        lane.wake_reader();
        count
    }

    /// Reads what has arrived into `buf`, and returns how much that was.
    pub(super) fn poll_fill(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<usize> {
        let mut lane = self.into.lock();
        loop {
            let count = lane.take(buf, clock::now());
            if count > 0 {
                lane.wake_writer();
                return Poll::Ready(count);
            }
            lane.reader = Some(cx.waker().clone());
            let Some(next) = lane.next() else {
                return Poll::Pending;
            };
            ready!(lane.poll_until(next, cx));
        }
    }
}

impl AsyncRead for Tube {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = ready!(self.poll_fill(cx, buf.initialize_unfilled()));
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tube {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(1, cx));
        Poll::Ready(Ok(self.write(bytes)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Debug)]
struct Lane(Mutex<LaneState>);

#[derive(Debug)]
struct LaneState {
    sky: Sky,
    capacity: usize,
    grain: usize,
    random: u64,
    dark: bool,
    /// In order of sending, which is the order of arrival.
    under_way: VecDeque<(Instant, Vec<u8>)>,
    held: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Lane {
    fn new(weather: Weather, grain: usize, seed: u64) -> Self {
        let mut lane = LaneState {
            sky: Sky::new(weather, seed),
            capacity: 0,
            grain,
            random: seed,
            dark: false,
            under_way: VecDeque::new(),
            held: 0,
            reader: None,
            writer: None,
            sleep: None,
        };
        lane.set_weather(weather);
        Self(Mutex::new(lane))
    }

    fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LaneState {
    fn set_weather(&mut self, weather: Weather) {
        self.capacity = weather.queue;
        self.dark = weather.dark;
        // Whatever the system below does about a lost packet, it shows as a delay, not as a loss.
        self.sky.handle_weather(Weather {
            loss: 0.0,
            duplicate: 0.0,
            queue: usize::MAX,
            mtu: usize::MAX,
            dark: false,
            ..weather
        });
    }

    fn room(&self) -> usize {
        self.capacity.saturating_sub(self.held)
    }

    fn put(&mut self, mut bytes: &[u8], now: Instant) {
        self.held += bytes.len();
        while !bytes.is_empty() {
            self.random = self.random.wrapping_mul(MULTIPLIER).wrapping_add(1);
            let cut = 1 + (self.random >> 33) as usize % self.grain;
            let (piece, rest) = bytes.split_at(cut.min(bytes.len()));
            let arrives = self.sky.handle_packet(piece.len(), now).arrives;
            let before = self.under_way.back().map_or(now, |(at, _)| *at);
            let at = arrives.unwrap_or(now).max(before);
            self.under_way.push_back((at, piece.to_vec()));
            bytes = rest;
        }
    }

    fn take(&mut self, buf: &mut [u8], now: Instant) -> usize {
        let mut filled = 0;
        while filled < buf.len() && !self.dark {
            let Some((at, piece)) = self.under_way.front_mut() else {
                break;
            };
            if *at > now {
                break;
            }
            let count = piece.len().min(buf.len() - filled);
            buf[filled..filled + count].copy_from_slice(&piece[..count]);
            filled += count;
            if count == piece.len() {
                self.under_way.pop_front();
            } else {
                piece.drain(..count);
            }
        }
        self.held -= filled;
        filled
    }

    fn next(&self) -> Option<Instant> {
        let (at, _) = self.under_way.front()?;
        (!self.dark).then_some(*at)
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

    fn wake(&mut self) {
        self.wake_reader();
        self.wake_writer();
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

/// Knuth's, for where pieces are cut: any spread will do.
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
