//! A server's path as the Go program keeps it: one address, one that has authenticated, and no more.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tssh_core::auth::{AUTH_LEN, Claim, ProxyKey};
use tssh_core::clock;
use tssh_core::proxy::{Gate, LinkId, PacketPipe, Route, Source, Table};
use tssh_core::transport::Link;

#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) key: ProxyKey,
    pub(super) client_id: u64,
    pub(super) server_id: u64,
    pub(super) link: Arc<dyn Link>,
    pub(super) state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) serial: u64,
    pub(super) authenticated: Option<Source>,
    pub(super) current: Option<Source>,
    pub(super) heard_at: Instant,
    /// The first acknowledgement of each serial is lost.
    pub(super) loses_acks: bool,
}

impl Foreign {
    fn handle_claim(&self, pipe: &PacketPipe, source: Source, claim: Claim) {
        let mut state = self.state.lock().unwrap();
        let fresh = claim.serial > state.serial;
        let again = claim.serial == state.serial && state.authenticated == Some(source);
        if claim.id != self.client_id || !(fresh || again) {
            return;
        }
        state.serial = claim.serial;
        state.authenticated = Some(source);
        if fresh && state.loses_acks {
            return;
        }
        let ack = Claim {
            id: self.server_id,
            serial: claim.serial,
        };
        let packet = self.key.seal(ack).unwrap();
        pipe.send_along(&self.route(source), &packet, None, None);
    }

    fn route(&self, source: Source) -> Route {
        Route {
            id: source.link,
            link: self.link.clone(),
            peer: source.addr,
        }
    }

    fn publish(&self, pipe: &PacketPipe, current: Option<Source>) {
        let route = current.map(|source| self.route(source));
        pipe.publish(Table {
            links: vec![(LinkId(1), self.link.clone())],
            believed: route.iter().map(Route::source).collect(),
            send: route.into_iter().collect(),
            dark: false,
        });
    }
}

impl Gate for Foreign {
    fn admit(&self, pipe: &PacketPipe, source: Source, packet: &[u8]) -> bool {
        if packet.len() == AUTH_LEN
            && let Some(claim) = self.key.open(packet)
        {
            self.handle_claim(pipe, source, claim);
            return false;
        }
        let mut state = self.state.lock().unwrap();
        if state.authenticated != Some(source) {
            return false;
        }
        state.current = Some(source);
        state.heard_at = clock::now();
        self.publish(pipe, Some(source));
        // It resets its probe timers here.
        pipe.clock().start(DETECTION);
        packet.len() > 16
    }

    fn intercept(&self, pipe: &PacketPipe, source: Source, packet: &[u8]) -> bool {
        let now = clock::now();
        let mut state = self.state.lock().unwrap();
        if now - state.heard_at > 2 * DETECTION {
            state.current = None;
            state.authenticated = None;
            drop(state);
            self.publish(pipe, None);
            return !self.admit(pipe, source, packet);
        }
        state.heard_at = now;
        pipe.clock().start(DETECTION);
        // Its transport drops claims without a word. Ours answers one half of them, by their first
        // bit, and a nonce is drawn by chance.
        packet.len() <= 16 || self.key.open(packet).is_some()
    }

    fn may_send(&self, _: &Route, _: usize) -> bool {
        true
    }

    fn handle_opened(&self, _: &PacketPipe) {}

    fn handle_link_error(&self, _: LinkId, _: &io::Error) {}
}

/// What its reset of the probe timers amounts to: they do not back off while the client is silent.
pub(super) async fn hold_timers(pipe: PacketPipe) {
    loop {
        let heard = pipe.activity().heard_at().unwrap_or_else(clock::now);
        let silent_at = heard + DETECTION;
        if clock::now() >= silent_at {
            pipe.clock().stop();
            pipe.activity().heard().await;
        } else {
            clock::until(Some(silent_at)).await;
        }
    }
}

pub(super) const DETECTION: Duration = Duration::from_secs(4);
