//! The one task of a connection: packets from the pipe, packets to the pipe, and time.

use std::array;
use std::future::Future;
use std::io::IoSliceMut;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tssh_core::clock::PathTimer;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::RecvMeta;

use crate::crypto::NONCE_LEN;
use crate::outgoing::Batch;
use crate::session::End;
use crate::shared::Shared;

/// Runs until the connection has ended and the peer knows.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    pipe: PacketPipe,
    timer: PathTimer,
    buffer: Vec<u8>,
    batch: Batch,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, pipe: PacketPipe) -> Self {
        Self {
            timer: pipe.clock().timer(pipe.clock().now()),
            buffer: vec![0; BATCH * buffer_len(&pipe)],
            batch: Batch::default(),
            shared,
            pipe,
        }
    }

    /// Takes in what has arrived. Returns whether something has.
    fn receive(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let len = buffer_len(&self.pipe);
        let mut metas = [RecvMeta::default(); BATCH];
        let filled = {
            let mut parts = self.buffer.chunks_exact_mut(len);
            let mut bufs: [IoSliceMut<'_>; BATCH] =
                array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
            match self.pipe.poll_recv(cx, &mut bufs, &mut metas) {
                Poll::Ready(filled) => filled,
                Poll::Pending => return false,
            }
        };
        let mut alive = false;
        let mut keys = self.shared.keys();
        let mut session = self.shared.session();
        for (part, meta) in self.buffer.chunks_exact_mut(len).zip(&metas).take(filled) {
            let batch = &mut part[..meta.len.min(len)];
            for packet in batch.chunks_mut(meta.stride.max(1)) {
                let Some(nonce) = packet.first_chunk::<NONCE_LEN>().copied() else {
                    continue;
                };
                // Late authentication packets come here too, and do not open.
                if let Ok(body) = keys.open(packet) {
                    alive |= session.handle_body(nonce, body, now);
                }
            }
        }
        let news = session.has_news();
        let hinted = session.take_loss_hint();
        let key_due = keys.is_used_up();
        drop((keys, session));
        if alive {
            self.pipe.opened();
        }
        if hinted {
            self.pipe.copies().handle_hint();
        }
        if news {
            self.shared.tell();
        }
        if key_due {
            self.shared.key_due.notify_waiters();
        }
        true
    }

    /// Sends what there is. Returns whether something went out.
    fn send(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut sent = false;
        loop {
            if self.batch.is_empty() {
                let most = self.pipe.max_send_segments().clamp(1, MOST_PACKETS);
                let mut keys = self.shared.keys();
                let mut session = self.shared.session();
                let copied = self.pipe.copies().suffice();
                let filled = self.batch.fill(&mut session, &mut keys, most, copied, now);
                if filled.is_err() {
                    session.handle_end(End::NoRandomness);
                }
                if session.mux.take_freed() {
                    drop((keys, session));
                    self.shared.tell();
                }
            }
            if self.batch.is_empty() || self.batch.poll_send(&self.pipe, cx).is_pending() {
                return sent;
            }
            sent = true;
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.shared.set_driver(cx.waker());
        for _ in 0..LAPS {
            let running = this.pipe.clock().is_running();
            let now = this.pipe.clock().now();
            {
                let mut session = this.shared.session();
                session.handle_clock(running, now);
                session.handle_timeout(now);
            }
            let received = this.receive(cx, now);
            let sent = this.send(cx, now);
            let (over, timeout, outcome) = {
                let mut session = this.shared.session();
                let outcome = session.take_outcome();
                (
                    session.is_over(),
                    session.poll_timeout(!this.batch.is_empty()),
                    outcome,
                )
            };
            this.pipe.copies().handle_arrived(outcome.arrived);
            if outcome.lost > 0 {
                this.pipe.copies().handle_lost(outcome.lost);
            }
            if over && this.batch.is_empty() {
                this.shared.tell();
                return Poll::Ready(());
            }
            if received || sent {
                continue;
            }
            let Some(at) = timeout else {
                this.timer.clear();
                return Poll::Pending;
            };
            if at <= now && !this.batch.is_empty() {
                // What is due waits for room: the pipe wakes this task when there is some.
                this.timer.clear();
                return Poll::Pending;
            }
            this.timer.reset(at);
            if this.timer.poll_elapsed(cx).is_pending() {
                return Poll::Pending;
            }
        }
        // Others have something to do too.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A batch of one buffer, of packets as large as any that a peer may send.
fn buffer_len(pipe: &PacketPipe) -> usize {
    pipe.max_recv_segments() * LARGEST_PACKET.max(pipe.mtu().into())
}

/// Buffers for one look at the pipe.
const BATCH: usize = 4;

/// PROTOCOL.md, "The path": the peer may send more than we do.
const LARGEST_PACKET: usize = 1500;

/// Packets that are made before the first of them is sent.
const MOST_PACKETS: usize = 32;

/// Looks at everything before others have their turn.
const LAPS: usize = 32;
