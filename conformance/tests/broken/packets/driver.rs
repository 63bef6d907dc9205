//! The one task of a connection: packets from the pipe, packets to the pipe, and time.

use std::collections::VecDeque;
use std::future::Future;
use std::io::IoSliceMut;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};
use tssh_core::clock::{self, PathTimer};
use tssh_core::proxy::{PacketPipe, Route, Source};
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
    path: Option<Source>,
    /// What the flawed one keeps to.
    route: Option<Route>,
    /// Its own clock.
    sleep: Option<Pin<Box<Sleep>>>,
    heard: tokio::time::Instant,
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
            route: None,
            sleep: None,
            heard: tokio::time::Instant::now(),
        }
    }

    fn now(&self) -> Instant {
        match self.flaw {
            Flaw::BacksOffInTheDark => clock::now(),
            _ => self.pipe.clock().now(),
        }
    }

    /// Takes in one batch. Returns whether there was any.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let mut meta = [RecvMeta::default()];
        let mut bufs = [IoSliceMut::new(&mut self.buffer)];
        if self.pipe.poll_recv(cx, &mut bufs, &mut meta).is_pending() {
            return false;
        }
        let now = self.now();
        let mut up = VecDeque::new();
        let mut state = self.shared.lock();
        for packet in self.buffer[..meta[0].len].chunks(meta[0].stride.max(1)) {
            let opened = self.seal.open(packet);
            let new = opened.as_ref().is_some_and(|opened| !opened.again);
            let known = opened.is_some() && self.flaw == Flaw::BelievesReplays;
            let sign = new || known || self.flaw == Flaw::BelievesNoise;
            if sign && self.flaw != Flaw::KeepsItToItself {
                self.pipe.opened();
            }
            if new {
                self.heard = tokio::time::Instant::now();
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
            state
                .line
                .handle_body(&opened.body, opened.again, now, &mut up);
        }
        for message in up {
            state.handle_message(&message);
        }
        let delivery = state.line.take_delivery();
        drop(state);
        let lost = match self.flaw {
            Flaw::TellsNoLosses => 0,
            Flaw::TellsOfLossesThatWereNone => delivery.arrived,
            _ => delivery.lost,
        };
        self.pipe.copies().handle_arrived(delivery.arrived);
        if lost > 0 {
            self.pipe.copies().handle_lost(lost);
        }
        self.shared.tell();
        true
    }

    /// Sends one packet. Returns whether there was any. One that finds no room is lost like any other.
    fn send(&mut self) -> bool {
        let Some(packet) = self.next_packet() else {
            return false;
        };
        if self.flaw == Flaw::KeepsToItsPath {
            let first = || self.pipe.table().send.first().cloned();
            self.route = self.route.take().or_else(first);
        }
        match &self.route {
            Some(route) => _ = self.pipe.send_along(route, &packet, None, None),
            None => _ = self.pipe.try_send(&packet, None, None),
        }
        true
    }

    fn next_packet(&mut self) -> Option<Vec<u8>> {
        let now = self.now();
        let mut state = self.shared.lock();
        state.fill();
        let body = state.line.poll_body(now)?;
        let padded_to = match self.flaw {
            _ if body.len() < FULL => 0,
            Flaw::CannotShrink => self.pipe.mtu().into(),
            Flaw::OutgrowsThePipe => usize::from(self.pipe.mtu()) + 1,
            _ => 0,
        };
        Some(self.seal.seal(&body, padded_to))
    }

    fn look_at_the_path(&mut self) {
        let table = self.pipe.table();
        let path = table.send.first().map(Route::source);
        if path != self.path {
            self.path = path;
            self.shared.lock().line.forget();
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
            if this.flaw == Flaw::ForgetsInTheDark && !this.pipe.clock().is_running() {
                this.shared.lock().line.forget();
            }
            let (given_up, ended) = {
                let state = this.shared.lock();
                let silent = !state.all_arrived() && this.heard.elapsed() > MOST_SILENCE;
                let given_up = this.flaw == Flaw::EndsInTheDark && silent;
                (given_up || state.line.gives_up(), state.end().is_some())
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
            if this.flaw == Flaw::BacksOffInTheDark {
                this.sleep = timeout.map(|at| Box::pin(sleep_until(at.into())));
                let sleep = this.sleep.as_mut().map(|sleep| sleep.as_mut().poll(cx));
                match sleep {
                    Some(Poll::Ready(())) => continue,
                    _ => return Poll::Pending,
                }
            }
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

/// What the flawed one bears while something is under way.
const MOST_SILENCE: Duration = Duration::from_secs(20);
