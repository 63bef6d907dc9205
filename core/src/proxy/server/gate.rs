//! What the server's data path asks of strangers, and how it limits unproved addresses.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};

use super::budget::Budget;
use super::proof::Acknowledgements;
use super::state::{Admission, Plan, State};
use super::streams::StreamSet;
use crate::auth::{AUTH_LEN, Claim, ProxyKey, Verdict};
use crate::clock::now;
use crate::proxy::gate::Gate;
use crate::proxy::pipe::PacketPipe;
use crate::proxy::question::{WIDE_LEN, widened};
use crate::proxy::table::{LinkId, Route, Source, Table};
use crate::transport::Link;

/// Shared by the data path, which decides on strangers in place, and the task, which waits.
///
/// The lock is taken for claims that opened, for the first packets of a new path, and by the task; for
/// a packet of the path in use only while the client tries others.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) key: ProxyKey,
    pub(super) server_id: u64,
    pub(super) links: BTreeMap<LinkId, Arc<dyn Link>>,
    pub(super) budget: Budget,
    /// The only sources whose packets may change something: read for each packet of a stranger.
    pub(super) authenticated: ArcSwap<Vec<Source>>,
    /// There are some beside the path in use: read for each packet.
    pub(super) racing: AtomicBool,
    pub(super) inner: Mutex<Inner>,
    pub(super) moves: watch::Sender<u64>,
    /// Tells the task that its deadline changed, or that a stream has ended.
    pub(super) changed: Notify,
    /// Streams that have ended, for the task: whoever notices may hold any lock but this.
    pub(super) ended: Mutex<Vec<LinkId>>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) state: State,
    pub(super) plan: Plan,
    pub(super) streams: StreamSet,
    /// The longest jump of the clock on return.
    pub(super) detection: Duration,
    pub(super) acknowledged: Acknowledgements,
}

#[derive(Debug)]
pub(super) struct ServerGate(pub(super) Arc<Shared>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then puts what it wants in force.
    pub(super) fn change<T>(&self, pipe: &PacketPipe, change: impl FnOnce(&mut State) -> T) -> T {
        self.change_locked(pipe, &mut self.lock(), change)
    }

    pub(super) fn change_locked<T>(
        &self,
        pipe: &PacketPipe,
        inner: &mut Inner,
        change: impl FnOnce(&mut State) -> T,
    ) -> T {
        let answer = change(&mut inner.state);
        if !inner
            .state
            .standing()
            .eq(self.authenticated.load().iter().copied())
        {
            let authenticated: Vec<_> = inner.state.standing().collect();
            inner.acknowledged.keep(&authenticated);
            self.authenticated.store(Arc::new(authenticated));
            self.changed.notify_one();
        }
        self.racing
            .store(inner.state.is_racing(), Ordering::Release);
        let plan = inner.state.plan();
        let streams = inner.streams.keep(&[plan.current, inner.state.stream()]);
        if plan != inner.plan || streams {
            self.enforce(pipe, inner, &plan);
            inner.plan = plan;
            self.changed.notify_one();
        }
        answer
    }

    fn enforce(&self, pipe: &PacketPipe, inner: &Inner, plan: &Plan) {
        if plan.dark && !inner.plan.dark {
            pipe.clock().stop();
        }
        let route = plan.current.and_then(|source| self.route(inner, source));
        // What waits for an answer went to the former address; the pipe itself sends what waits in
        // the dark.
        if let Some(route) = &route
            && plan.current != inner.plan.current
            && !plan.dark
            && !inner.plan.dark
        {
            // A stream takes over where packets do not pass, or large ones do not: what was lost is due.
            if inner.streams.get(route.id).is_some() {
                pipe.clock().hurry(inner.detection);
            }
            pipe.send_held(route);
        }
        let links = self
            .links
            .iter()
            .filter(|(id, _)| plan.link.is_none_or(|link| link == **id))
            .chain(inner.streams.iter());
        pipe.publish(Table {
            links: links.map(|(id, link)| (*id, link.clone())).collect(),
            believed: route.iter().map(Route::source).collect(),
            send: route.into_iter().filter(|_| !plan.dark).collect(),
            dark: plan.dark,
        });
        if inner.plan.dark && !plan.dark {
            pipe.clock().start(inner.detection);
        }
    }

    fn route(&self, inner: &Inner, source: Source) -> Option<Route> {
        let listening = self.links.get(&source.link);
        let link = listening
            .or_else(|| inner.streams.get(source.link))?
            .clone();
        Some(Route {
            id: source.link,
            link,
            peer: source.addr,
        })
    }

    fn acknowledge(&self, pipe: &PacketPipe, source: Source, serial: u64) {
        let Some(route) = self.route(&self.lock(), source) else {
            return;
        };
        // An acknowledgement that finds no room is lost: the client repeats its claim.
        if let Some(packet) = self.acknowledgement(source, serial) {
            pipe.send_along(&route, &packet, None, None);
        }
    }

    fn acknowledgement(&self, source: Source, serial: u64) -> Option<[u8; AUTH_LEN]> {
        let known = &mut self.lock().acknowledged;
        known
            .answer(&self.key, self.server_id, source, serial)
            .inspect_err(|error| tracing::warn!(%error, "the system gives no randomness"))
            .ok()
    }

    fn handle_confirmation(&self, pipe: &PacketPipe, source: Source, stamp: u64) {
        let mut inner = self.lock();
        if !inner.acknowledged.handle_confirmation(source, stamp) {
            return;
        }
        let (moved, lifted) = self.change_locked(pipe, &mut inner, |state| {
            let moved = state.handle_chosen(source, now());
            let in_use = state.plan().current == Some(source);
            (moved, in_use && self.budget.lift())
        });
        drop(inner);
        if lifted {
            pipe.send_owed();
            pipe.wake();
        }
        if moved {
            self.handle_moved();
        }
    }

    fn handle_moved(&self) {
        tracing::debug!("the client comes from another address");
        self.moves.send_modify(|moves| *moves += 1);
    }

    /// A packet opened while several sources stand.
    fn handle_opened(&self, pipe: &PacketPipe) {
        let mut inner = self.lock();
        let tried = inner.state.tried();
        let proved = tried.is_some_and(|source| inner.acknowledged.is_proved(source));
        let promoted = self.change_locked(pipe, &mut inner, |state| {
            let bytes = state.handle_opened(now())?;
            self.limit(proved, bytes);
            Some(())
        });
        drop(inner);
        if promoted.is_some() {
            pipe.wake();
            self.handle_moved();
        }
    }

    /// Another address is the path: `bytes` came from there, and the claim, which was acknowledged at
    /// its own length.
    fn limit(&self, proved: bool, bytes: usize) {
        if proved {
            self.budget.lift();
        } else {
            self.budget.limit(bytes + AUTH_LEN, AUTH_LEN);
        }
    }

    /// Asked on the path in use, by the client: answered at the same length, and nothing changes.
    fn handle_question(&self, pipe: &PacketPipe, source: Source, claim: Claim, len: usize) {
        let id = self.server_id;
        if claim.id == id || (self.budget.is_limited() && !self.budget.spend(len)) {
            return;
        }
        let Some(route) = self.route(&self.lock(), source) else {
            return;
        };
        // What finds no room is lost: the client asks again.
        match self.key.seal(Claim { id, ..claim }) {
            Ok(packet) => pipe.send_along(&route, &widened(&packet)[..len], None, None),
            Err(error) => {
                tracing::warn!(%error, "the system gives no randomness");
                false
            }
        };
    }

    fn handle_claim(&self, pipe: &PacketPipe, source: Source, claim: Claim) {
        if claim.id == self.server_id {
            self.handle_confirmation(pipe, source, claim.serial);
            return;
        }
        let (verdict, in_use) = self.change(pipe, |state| {
            let in_use = state.plan().current == Some(source);
            (state.handle_claim(source, claim, now()), in_use)
        });
        if verdict == Verdict::Refused {
            tracing::debug!(
                serial = claim.serial,
                "a claim that was made before is ignored"
            );
            return;
        }
        if verdict == Verdict::Fresh {
            self.lock().acknowledged.forget(source);
        }
        if !in_use || !self.budget.is_limited() || self.budget.spend(AUTH_LEN) {
            self.acknowledge(pipe, source, claim.serial);
        }
    }
}

impl Gate for ServerGate {
    fn admit(&self, pipe: &PacketPipe, source: Source, packet: &[u8]) -> bool {
        if packet.len() == AUTH_LEN
            && let Some(claim) = self.0.key.open(packet)
        {
            self.0.handle_claim(pipe, source, claim);
            return false;
        }
        if !self.0.authenticated.load().contains(&source) {
            return false;
        }
        let mut inner = self.0.lock();
        let proved = inner.acknowledged.is_proved(source);
        let admission = self.0.change_locked(pipe, &mut inner, |state| {
            let admission = state.handle_packet(source, now());
            match admission {
                // The address of a stream has proved itself by its handshake.
                Admission::Promote => {
                    let stream = !self.0.links.contains_key(&source.link);
                    self.0.limit(proved || stream, packet.len());
                }
                Admission::Try if packet.len() > DUMMY_MAX => {
                    state.handle_tried(source, packet.len(), now());
                }
                Admission::Try | Admission::Pass | Admission::Drop => {}
            }
            admission
        });
        drop(inner);
        if admission == Admission::Promote {
            self.0.handle_moved();
        }
        admission != Admission::Drop && packet.len() > DUMMY_MAX
    }

    fn intercept(&self, pipe: &PacketPipe, source: Source, packet: &[u8]) -> bool {
        let limited = self.0.budget.is_limited();
        if limited {
            self.0.budget.handle_received(packet.len());
            pipe.send_owed();
            pipe.wake();
        }
        // A transport's packet of these lengths does not open, and is none of ours.
        let ours = packet.len() == AUTH_LEN || packet.len() == WIDE_LEN;
        if ours && let Some(claim) = self.0.key.open(&packet[..AUTH_LEN]) {
            if claim.asks() {
                self.0.handle_question(pipe, source, claim, packet.len());
                return true;
            }
            // An answer to a padded claim could be cut down to an acknowledgement.
            if packet.len() == WIDE_LEN {
                return true;
            }
            self.0.handle_claim(pipe, source, claim);
            return true;
        }
        if self.0.racing.load(Ordering::Acquire) {
            self.0.lock().state.handle_in_use(now());
        }
        packet.len() <= DUMMY_MAX
    }

    fn may_send(&self, _: &Route, bytes: usize) -> bool {
        !self.0.budget.is_limited() || self.0.budget.spend(bytes)
    }

    fn handle_opened(&self, pipe: &PacketPipe) {
        if self.0.racing.load(Ordering::Acquire) {
            self.0.handle_opened(pipe);
        }
        let lifted = self.0.budget.is_limited()
            && self.0.lock().state.is_settled(now())
            && self.0.budget.lift();
        if lifted {
            pipe.send_owed();
            pipe.wake();
        }
        if lifted || pipe.table().dark {
            self.0.change(pipe, |state| state.handle_heard(now()));
        }
    }

    fn handle_link_error(&self, link: LinkId, error: &io::Error) {
        if self.0.links.contains_key(&link) {
            // The client finds the way back; an ICMP message tells nothing that may be believed.
            tracing::debug!(?link, %error, "sending or receiving on a listening socket");
        } else {
            self.0.handle_ended(link, error);
        }
    }
}

/// PROTOCOL.md, "The path": no transport's packet is so short.
const DUMMY_MAX: usize = 16;
