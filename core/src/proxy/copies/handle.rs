//! What the data path, the transport and the task share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::state::State;
use super::waiting::Waiting;
use crate::clock::now;
use crate::proxy::pipe::PacketPipe;
use crate::transport::EcnCodepoint;

/// Copies of one connection's small packets, and the reports of loss that call for them.
///
/// A path that loses nothing costs one look at a flag for each batch sent.
#[derive(Debug)]
pub struct Copies {
    /// Loss was seen lately.
    active: AtomicBool,
    /// Packets that arrived, not yet counted by the state.
    arrived: AtomicU64,
    made: AtomicU64,
    /// The peer makes copies in its pipe as we do.
    agreed: AtomicBool,
    inner: Mutex<Inner>,
    /// A copy is due before the moment that the task waits for.
    pub(super) sooner: Notify,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// Made when loss is first seen.
    waiting: Option<Waiting>,
}

impl Copies {
    pub(in crate::proxy) fn new() -> Self {
        Self {
            active: AtomicBool::new(false),
            arrived: AtomicU64::new(0),
            made: AtomicU64::new(0),
            agreed: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                state: State::new(),
                waiting: None,
            }),
            sooner: Notify::new(),
        }
    }

    /// The transport learned that the peer got `packets` of those that ask for an acknowledgement.
    /// Never waits: fit for the data path.
    pub fn handle_arrived(&self, packets: u64) {
        self.arrived.fetch_add(packets, Ordering::Relaxed);
    }

    /// The transport takes `packets` of those that ask for an acknowledgement for lost, copies
    /// included.
    pub fn handle_lost(&self, packets: u64) {
        let mut inner = self.lock();
        let before = inner.state.copies();
        self.count(&mut inner, packets, now());
        let copies = inner.state.copies();
        if copies != before {
            tracing::debug!(copies, "the path loses packets, small ones are repeated");
        }
    }

    /// The transport got a packet a second time, or in another way learned that the peer's packets get lost.
    pub fn handle_hint(&self) {
        if self.is_active() {
            return;
        }
        let mut inner = self.lock();
        inner.state.handle_hint(now());
        self.count(&mut inner, 0, now());
    }

    /// How many copies were sent so far.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// The peer's pipe makes copies too, and it wants none of the transport's.
    pub fn handle_agreed(&self) {
        self.agreed.store(true, Ordering::Relaxed);
    }

    /// Whether a transport that copies by itself need not do so: the pipe does, or both sides agreed that it will once there
    /// is loss, and on this path there was none for a while. On a new one its own copies show the first loss for free.
    pub fn suffice(&self) -> bool {
        let agreed = self.agreed.load(Ordering::Relaxed);
        self.is_active() || agreed && self.arrived.load(Ordering::Relaxed) >= KNOWN
    }

    /// The path is another one, of which nothing is known.
    pub(in crate::proxy) fn handle_new_path(&self) {
        self.arrived.store(0, Ordering::Relaxed);
    }

    /// Whether loss was seen lately, so that small packets are copied.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// A batch was sent along `routes` that may lose it. Called while [`Copies::is_active`].
    pub(in crate::proxy) fn handle_sent(
        &self,
        contents: &[u8],
        segment: usize,
        ecn: Option<EcnCodepoint>,
        routes: usize,
    ) {
        let now = now();
        let packets = contents.len().div_ceil(segment.max(1));
        let mut inner = self.lock();
        let copies = inner
            .state
            .handle_sent(contents.len(), packets, routes, now);
        self.count(&mut inner, 0, now);
        if copies == 0 {
            return;
        }
        let waiting = inner.waiting.get_or_insert_with(|| Waiting::new(now));
        let waited_for = waiting.poll_timeout();
        waiting.handle_sent(contents, ecn, copies, now);
        if waiting.poll_timeout() != waited_for {
            self.sooner.notify_one();
        }
    }

    /// Sends what is due along the routes in force.
    pub(super) fn send_due(&self, pipe: &PacketPipe) {
        let mut inner = self.lock();
        let Some(waiting) = &mut inner.waiting else {
            return;
        };
        let now = now();
        while let Some(due) = waiting.poll_output(now) {
            pipe.send_copy(due.packet, due.ecn);
            self.made.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// When the next copy is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.lock().waiting.as_ref()?.poll_timeout()
    }

    fn count(&self, inner: &mut Inner, lost: u64, now: Instant) {
        let arrived = self.arrived.swap(0, Ordering::Relaxed);
        inner.state.handle_delivery(arrived, lost, now);
        self.active
            .store(inner.state.copies() > 0, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many packets that arrived make a path known: of those that lose one in twenty, one in seven hundred loses none of these.
const KNOWN: u64 = 128;
