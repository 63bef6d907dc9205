//! The one task of a connection: packets from the pipe, packets to the pipe, and time.

use std::collections::VecDeque;
use std::future::Future;
use std::io::IoSliceMut;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tssh_core::clock::PathTimer;
use tssh_core::proxy::{LinkId, PacketPipe};
use tssh_core::transport::{ErrorKind, RecvMeta};

use super::Flaw;
use super::ends::Shared;
use super::seal::Seal;

pub(super) struct Driver {
    pipe: PacketPipe,
    seal: Seal,
    shared: Arc<Shared>,
    flaw: Flaw,
    timer: PathTimer,
    buffer: Vec<u8>,
    path: Option<LinkId>,
}

impl Driver {
    pub(super) fn new(pipe: PacketPipe, seal: Seal, shared: Arc<Shared>, flaw: Flaw) -> Self {
        Self {
            timer: pipe.clock().timer(pipe.clock().now()),
            buffer: vec![0; 64 * 2048],
            pipe,
            seal,
            shared,
            flaw,
            path: None,
        }
    }

    /// Takes in one batch. Returns whether there was any.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let mut meta = [RecvMeta::default()];
        let mut bufs = [IoSliceMut::new(&mut self.buffer)];
        if self.pipe.poll_recv(cx, &mut bufs, &mut meta).is_pending() {
            return false;
        }
        let now = self.pipe.clock().now();
        let mut up = VecDeque::new();
        let mut state = self.shared.lock();
        for packet in self.buffer[..meta[0].len].chunks(meta[0].stride.max(1)) {
            let opened = self.seal.open(packet);
            let new = opened.as_ref().is_some_and(|opened| !opened.again);
            let known = opened.is_some() && self.flaw == Flaw::BelievesReplays;
            if new || known || self.flaw == Flaw::BelievesNoise {
                self.pipe.opened();
            }
            let Some(opened) = opened else {
                if self.flaw == Flaw::AnswersNoise && packet.len() > QUESTION.len() {
                    // Whether it goes out or not.
                    let _ = self.pipe.try_send(QUESTION, None, None);
                }
                if self.flaw == Flaw::EndsAtNoise {
                    drop(state);
                    self.shared.end(ErrorKind::Misbehaved);
                    return true;
                }
                continue;
            };
            let (number, again) = (opened.number, opened.again);
            state
                .line
                .handle_body(number, &opened.body, again, now, &mut up);
        }
        for message in up {
            state.handle_message(&message);
        }
        drop(state);
        self.shared.tell();
        true
    }

    /// Sends one packet. Returns whether there was any. One that finds no room is lost like any other.
    fn send(&mut self) -> bool {
        let packet = self.next_packet();
        if let Some(packet) = &packet {
            let _ = self.pipe.try_send(packet, None, None);
        }
        packet.is_some()
    }

    fn next_packet(&mut self) -> Option<Vec<u8>> {
        let now = self.pipe.clock().now();
        let mut state = self.shared.lock();
        state.fill();
        let body = state.line.poll_body(now)?;
        let padded_to = match self.flaw {
            _ if body.len() < FULL => 0,
            Flaw::CannotShrink => self.pipe.mtu().into(),
            Flaw::OutgrowsThePipe => usize::from(self.pipe.mtu()) + 1,
            _ => 0,
        };
        let (number, packet) = self.seal.seal(&body, padded_to);
        state.line.handle_left(number, now);
        Some(packet)
    }

    fn look_at_the_path(&mut self) {
        let table = self.pipe.table();
        let path = table.send.first().map(|route| route.id);
        if path != self.path {
            self.path = path;
            self.shared.lock().line.handle_move();
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.shared.set_driver(cx.waker());
        loop {
            if this.flaw == Flaw::ForgetsAtAMove {
                this.look_at_the_path();
            }
            let (given_up, ended) = {
                let state = this.shared.lock();
                (state.line.gives_up(), state.end().is_some())
            };
            if given_up {
                this.shared.end(ErrorKind::TimedOut);
            }
            if given_up || ended {
                return Poll::Ready(());
            }
            let received = this.receive(cx);
            if this.send() || received {
                continue;
            }
            let timeout = this.shared.lock().line.poll_timeout();
            match timeout {
                None => this.timer.clear(),
                Some(at) => this.timer.reset(at),
            }
            if timeout.is_none() || this.timer.poll_elapsed(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

const QUESTION: &[u8] = b"?";

/// Packets that carry more than this are full, or nearly.
const FULL: usize = 500;
