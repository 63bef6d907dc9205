//! Waits for hints and answers, and does what [`State`] says.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::config::Timing;
use super::gate::{ClientGate, Note};
use super::state::{Output, Plan, State, Trigger};
use super::{Binder, PathStatus};
use crate::auth::{Challenger, Claim, ProxyKey};
use crate::clock::{now, until};
use crate::heartbeat::{self, Verdict};
use crate::proxy::network::{Event, NetworkEvents};
use crate::proxy::pipe::PacketPipe;
use crate::proxy::table::{LinkId, Route, Table};
use crate::transport::Link;

/// What a client needs to know to find its server.
#[derive(Debug)]
pub struct Config {
    /// The server's addresses, the best first. Not empty.
    pub servers: Vec<SocketAddr>,
    /// `ClientID` of the server info.
    pub client_id: u64,
    /// `ServerID` of the server info.
    pub server_id: u64,
    /// `ProxyKey` of the server info.
    pub key: ProxyKey,
    /// The largest packet in bytes.
    pub mtu: u16,
    /// How a path is looked for.
    pub timing: Timing,
}

/// Asks the proxy for things. Clones share the task; it ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    status: watch::Receiver<PathStatus>,
    verdict: Arc<watch::Sender<Option<watch::Receiver<Verdict>>>>,
    rtt: Arc<watch::Sender<Option<Duration>>>,
    _alive: mpsc::Sender<()>,
}

impl Handle {
    /// Follows the state of the path.
    pub fn status(&self) -> watch::Receiver<PathStatus> {
        self.status.clone()
    }

    /// Listens to the heartbeat from here on: its silence makes the path dead.
    pub fn follow(&self, verdict: watch::Receiver<Verdict>) {
        self.verdict.send_replace(Some(verdict));
    }

    /// Tells how long an answer takes on this path.
    pub fn set_rtt(&self, rtt: Option<Duration>) {
        self.rtt.send_replace(rtt);
    }
}

/// The client's proxy: a pipe for the transport, a handle, and the task to be spawned.
pub fn new(
    config: Config,
    binder: Arc<dyn Binder>,
    events: NetworkEvents,
    stop: CancellationToken,
) -> (
    PacketPipe,
    Handle,
    impl Future<Output = ()> + Send + 'static,
) {
    let (notes, inbox) = mpsc::channel(NOTES);
    let gate = ClientGate {
        key: config.key.clone(),
        notes,
    };
    let pipe = PacketPipe::new(config.mtu, Box::new(gate));
    let (status, status_seen) = watch::channel(PathStatus::default());
    let (verdict, verdicts) = watch::channel(None);
    let (rtt, rtts) = watch::channel(None);
    let (alive, handles) = mpsc::channel(1);
    let handle = Handle {
        status: status_seen,
        verdict: Arc::new(verdict),
        rtt: Arc::new(rtt),
        _alive: alive,
    };
    let challenger = Challenger::new(config.client_id, config.server_id);
    let task = Task {
        state: State::new(challenger, config.timing, now()),
        config,
        binder,
        events,
        pipe: pipe.clone(),
        inbox,
        status,
        verdicts,
        verdict: None,
        rtts,
        handles,
        stop,
        routes: BTreeMap::new(),
        plan: Plan::default(),
        refused: false,
        reported: None,
    };
    (pipe, handle, task.run())
}

struct Task {
    state: State,
    config: Config,
    binder: Arc<dyn Binder>,
    events: NetworkEvents,
    pipe: PacketPipe,
    inbox: mpsc::Receiver<Note>,
    status: watch::Sender<PathStatus>,
    verdicts: watch::Receiver<Option<watch::Receiver<Verdict>>>,
    verdict: Option<watch::Receiver<Verdict>>,
    rtts: watch::Receiver<Option<Duration>>,
    handles: mpsc::Receiver<()>,
    stop: CancellationToken,
    routes: BTreeMap<LinkId, Route>,
    plan: Plan,
    refused: bool,
    /// The missing answer that was reported already.
    reported: Option<Instant>,
}

impl Task {
    async fn run(mut self) {
        loop {
            self.check_answers();
            while let Some(output) = self.state.poll_output(now()) {
                self.act(output);
                self.apply();
            }
            self.apply();
            let deadline = [self.state.poll_timeout(), self.answer_due()]
                .into_iter()
                .flatten()
                .min();
            let pipe = self.pipe.clone();
            tokio::select! {
                () = self.stop.cancelled() => return,
                None = self.handles.recv() => return,
                Some(note) = self.inbox.recv() => self.handle_note(note),
                () = pipe.activity().heard(), if self.listening() => self.handle_heard(),
                () = pipe.activity().expecting() => self.state.handle_typed(now()),
                event = self.events.next() => self.handle_network(event),
                silent = heartbeat::told(&mut self.verdict) => self.handle_verdict(silent),
                Ok(()) = self.verdicts.changed() => {
                    self.verdict = self.verdicts.borrow_and_update().clone();
                }
                Ok(()) = self.rtts.changed() => {
                    let rtt = *self.rtts.borrow_and_update();
                    self.pipe.activity().handle_rtt(rtt.unwrap_or_default());
                }
                () = until(deadline) => self.check_lateness(deadline),
            }
        }
    }

    /// Whether the next sign of life changes anything.
    fn listening(&self) -> bool {
        self.state.lost_at().is_some() || !self.state.proved() || self.state.is_trying()
    }

    fn handle_note(&mut self, note: Note) {
        match note {
            Note::Ack(link, claim) => self.handle_ack(link, claim),
            Note::LinkFailed { link, refused } => {
                self.refused |= refused;
                if self.plan.send.contains(&link) || self.plan.dark {
                    self.state.handle_trigger(Trigger::SendFailed, now());
                }
            }
        }
    }

    fn handle_ack(&mut self, link: LinkId, claim: Claim) {
        let was_lost = self.state.lost_at().is_some();
        if !self.state.handle_ack(link, claim, now()) {
            return;
        }
        tracing::info!(local = ?self.local(link), "the path is up");
        self.refused = false;
        // What waits for an answer went the old way.
        if was_lost && let Some(route) = self.routes.get(&link) {
            self.pipe.send_held(route);
        }
    }

    fn handle_heard(&mut self) {
        self.refused = false;
        self.state.handle_heard(now());
    }

    fn handle_network(&mut self, event: Event) {
        let gone = self
            .plan
            .send
            .first()
            .and_then(|link| self.local(*link))
            .is_some_and(|local| !self.binder.has_address(local.ip()));
        let trigger = match event {
            Event::Woke => Trigger::Woke,
            Event::Changed if gone => Trigger::AddressGone,
            Event::Changed => Trigger::NetworkChanged,
        };
        tracing::debug!(?trigger, "a hint that the path may have changed");
        self.state.handle_trigger(trigger, now());
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        if verdict == Verdict::Silent {
            self.state.handle_trigger(Trigger::Silent, now());
        }
    }

    /// A timer that fires late tells of a process or machine that stood still.
    fn check_lateness(&mut self, deadline: Option<Instant>) {
        let late = deadline.is_some_and(|at| now().saturating_duration_since(at) > LATE);
        if late {
            self.state.handle_trigger(Trigger::Woke, now());
        }
    }

    fn answer_due(&self) -> Option<Instant> {
        let since = self.pipe.activity().expecting_since()?;
        if self.reported == Some(since) {
            return None;
        }
        Some(since + self.state.patience(*self.rtts.borrow()))
    }

    fn check_answers(&mut self) {
        if self.answer_due().is_some_and(|due| now() >= due) {
            self.reported = self.pipe.activity().expecting_since();
            self.state.handle_trigger(Trigger::Unanswered, now());
        }
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Bind { link, address } => {
                let server = self.config.servers[address % self.config.servers.len()];
                match self.binder.connect(server) {
                    Ok(socket) => {
                        self.routes.insert(
                            link,
                            Route {
                                id: link,
                                link: socket,
                                peer: server,
                            },
                        );
                        self.state.handle_bound(link, true, now());
                    }
                    Err(error) => {
                        tracing::debug!(%error, "no way to the server for now");
                        self.state.handle_bound(link, false, now());
                    }
                }
            }
            Output::Claim { link, claim, early } => {
                let Some(route) = self.routes.get(&link) else {
                    return;
                };
                match self.config.key.seal(claim) {
                    Ok(packet) => {
                        self.pipe.send_along(route, &packet, None, None);
                    }
                    Err(error) => tracing::warn!(%error, "the system gives no randomness"),
                }
                if early {
                    self.pipe.send_along(route, &dummy(), None, None);
                    self.pipe.send_held(route);
                }
            }
            Output::Dummy { link } => {
                if let Some(route) = self.routes.get(&link) {
                    self.pipe.send_along(route, &dummy(), None, None);
                }
            }
        }
    }

    /// Puts what the state wants in force, where it differs from what is.
    fn apply(&mut self) {
        let plan = self.state.plan();
        if plan != self.plan {
            self.routes.retain(|link, _| plan.links.contains(link));
            let routes = |links: &[LinkId]| -> Vec<Route> {
                links
                    .iter()
                    .filter_map(|link| self.routes.get(link))
                    .cloned()
                    .collect()
            };
            let read = routes(&plan.links);
            let table = Table {
                links: read
                    .iter()
                    .map(|route| (route.id, route.link.clone()))
                    .collect(),
                believed: read.iter().map(Route::source).collect(),
                send: routes(&plan.send),
                dark: plan.dark,
            };
            if plan.dark && !self.plan.dark {
                tracing::info!("the path is dead");
                self.pipe.clock().stop();
            }
            self.pipe.publish(table);
            if self.plan.dark && !plan.dark {
                self.pipe
                    .clock()
                    .start(self.config.timing.heartbeat_timeout);
            }
            self.plan = plan;
        }
        let status = PathStatus {
            lost_at: self.state.lost_at(),
            dark: self.plan.dark,
            refused: self.refused,
            proved: self.state.proved(),
        };
        self.status
            .send_if_modified(|known| std::mem::replace(known, status) != status);
    }

    fn local(&self, link: LinkId) -> Option<SocketAddr> {
        self.routes.get(&link)?.link.local_addr()
    }
}

/// Sixteen bytes that mean nothing: enough to be no claim, too short to be a packet.
fn dummy() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Any bytes serve; random ones give a middlebox nothing to match.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

/// UDP sockets of this machine, one new local port each.
#[derive(Debug)]
pub struct UdpBinder;

impl Binder for UdpBinder {
    fn connect(&self, server: SocketAddr) -> std::io::Result<Arc<dyn Link>> {
        let any = match server.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Ok(Arc::new(crate::proxy::UdpLink::connect(
            SocketAddr::new(any, 0),
            server,
        )?))
    }

    fn has_address(&self, address: IpAddr) -> bool {
        std::net::UdpSocket::bind((address, 0)).is_ok()
    }
}

/// Notes that wait for the task; the data path drops what does not fit.
const NOTES: usize = 64;

/// A runtime that is merely busy is not so late.
const LATE: Duration = Duration::from_millis(700);
