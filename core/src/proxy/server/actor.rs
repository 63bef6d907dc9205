//! Waits for silence, and forgets an address in the end.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::gate::{Inner, ServerGate, Shared};
use super::proof::Acknowledgements;
use super::state::{Plan, State};
use super::streams::{StreamSet, Streams};
use crate::auth::ProxyKey;
use crate::clock::{now, until};
use crate::heartbeat::Verdict;
use crate::proxy::copies;
use crate::proxy::pipe::PacketPipe;
use crate::proxy::table::{LinkId, MAX_LINKS, Table};
use crate::transport::Link;

/// One issued client, and where it may come.
#[derive(Debug)]
pub struct Config {
    /// The sockets that listen. None where the client comes by [`Streams`] alone.
    pub links: Vec<Arc<dyn Link>>,
    /// The issued `ClientID`.
    pub client_id: u64,
    /// Our `ServerID`.
    pub server_id: u64,
    /// The issued `ProxyKey`.
    pub key: ProxyKey,
    /// The largest packet in bytes.
    pub mtu: u16,
}

/// Asks the proxy for things. Clones share the task; it ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
    pipe: PacketPipe,
    verdicts: mpsc::Sender<(Duration, watch::Receiver<Verdict>)>,
}

impl Handle {
    /// Counts the client's moves to another address; the first address counts.
    pub fn moves(&self) -> watch::Receiver<u64> {
        self.shared.moves.subscribe()
    }

    /// Takes streams that may be the client's. It does not keep the task alive.
    pub fn streams(&self) -> Streams {
        Streams::new(self.shared.clone(), self.pipe.clone())
    }

    /// The client's heartbeat timeout is known, and its silence is watched from here on.
    pub fn follow(&self, heartbeat_timeout: Duration, verdict: watch::Receiver<Verdict>) {
        self.shared.lock().detection = heartbeat_timeout;
        self.shared.change(&self.pipe, |state| {
            state.handle_timeout_known(heartbeat_timeout, now())
        });
        // Said once per connection: there is room.
        let _ = self.verdicts.try_send((heartbeat_timeout, verdict));
    }
}

/// The server's proxy for one client: a pipe for the transport, a handle, and the task to be spawned.
pub fn new(
    config: Config,
    stop: CancellationToken,
) -> (
    PacketPipe,
    Handle,
    impl Future<Output = ()> + Send + 'static,
) {
    let links = config.links.into_iter().take(MAX_LINKS);
    let shared = Arc::new(Shared {
        key: config.key,
        server_id: config.server_id,
        links: (1..).map(LinkId).zip(links).collect(),
        budget: Budget::default(),
        authenticated: ArcSwap::default(),
        racing: AtomicBool::new(false),
        inner: Mutex::new(Inner {
            state: State::new(config.client_id, now()),
            plan: Plan::default(),
            streams: StreamSet::new(),
            detection: Duration::ZERO,
            acknowledged: Acknowledgements::default(),
        }),
        moves: watch::channel(0).0,
        changed: Notify::new(),
        ended: Mutex::default(),
    });
    let pipe = PacketPipe::new(config.mtu, Box::new(ServerGate(shared.clone())));
    let links = shared
        .links
        .iter()
        .map(|(id, link)| (*id, link.clone()))
        .collect();
    pipe.publish(Table {
        links,
        ..Table::default()
    });
    let (verdicts, inbox) = mpsc::channel(1);
    let handle = Handle {
        shared: shared.clone(),
        pipe: pipe.clone(),
        verdicts,
    };
    let task = run(shared, pipe.clone(), inbox, stop);
    (pipe.clone(), handle, copies::beside(pipe, task))
}

async fn run(
    shared: Arc<Shared>,
    pipe: PacketPipe,
    mut inbox: mpsc::Receiver<(Duration, watch::Receiver<Verdict>)>,
    stop: CancellationToken,
) {
    let mut verdict: Option<watch::Receiver<Verdict>> = None;
    loop {
        let deadline = shared.lock().state.poll_timeout();
        tokio::select! {
            biased; // Stop, then who asks, then time.
            () = stop.cancelled() => return,
            followed = inbox.recv() => match followed {
                Some((_, watched)) => verdict = Some(watched),
                None => return,
            },
            () = shared.changed.notified() => shared.forget_ended(&pipe),
            told = crate::heartbeat::told(&mut verdict) => if told == Verdict::Silent {
                shared.change(&pipe, State::handle_silent);
            },
            () = until(deadline) => {
                // Read when it matters: the data path notes each packet in one place.
                let heard = pipe.activity().heard_at();
                shared.change(&pipe, |state| {
                    if let Some(at) = heard {
                        state.handle_heard_at(at);
                    }
                    state.handle_time(now());
                });
            }
        }
    }
}
