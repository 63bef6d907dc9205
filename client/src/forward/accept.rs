//! Accepts connections and has them forwarded.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::bind::{BindError, Bound, bind};
use super::way::Way;
use crate::settings::Settings;

/// Everything that is forwarded, for as long as this lives.
#[derive(Debug)]
pub struct Forwards {
    /// One task for each listener.
    _listening: JoinSet<()>,
    carried: Arc<watch::Sender<usize>>,
}

impl Forwards {
    /// Listens for every forward of `settings`. One that cannot be made is warned of.
    ///
    /// # Errors
    ///
    /// With `ExitOnForwardFailure`, the first that cannot be made.
    pub async fn start(settings: &Settings, way: &Way) -> Result<Self, BindError> {
        let mut listening = JoinSet::new();
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let carried = Arc::new(watch::Sender::new(0));
        for forward in &settings.local_forwards {
            let bound = match bind(forward, settings).await {
                Ok(bound) => bound,
                Err(error) if settings.exit_on_forward_failure => return Err(error),
                Err(error) => {
                    tracing::warn!("{error}");
                    continue;
                }
            };
            let Bound {
                listeners,
                host,
                port,
            } = bound;
            for listener in listeners {
                let target = Arc::new(Target {
                    way: way.clone(),
                    host: host.clone(),
                    port,
                    carried: carried.clone(),
                });
                listening.spawn(accept(listener, target, places.clone()));
            }
        }
        Ok(Self {
            _listening: listening,
            carried,
        })
    }

    /// Whether a connection is being forwarded.
    pub fn are_busy(&self) -> bool {
        *self.carried.borrow() > 0
    }

    /// Waits until no connection is forwarded. Cancel safe.
    pub async fn done(&self) {
        // The sender lives in `self`.
        let _ = self.carried.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// Where a listener's connections lead.
struct Target {
    way: Way,
    host: String,
    port: u16,
    carried: Arc<watch::Sender<usize>>,
}

/// One connection that is carried, for as long as this lives.
struct Carried(Arc<watch::Sender<usize>>);

impl Carried {
    fn begin(count: &Arc<watch::Sender<usize>>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Serves one listener. Without a place, connections wait in the system's queue.
async fn accept(listener: TcpListener, target: Arc<Target>, places: Arc<Semaphore>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased; // Places are given back before others are taken.
            Some(_) = connections.join_next() => {}
            accepted = next(&listener, &places) => {
                let Some((socket, place)) = accepted else { return };
                let carried = Carried::begin(&target.carried);
                let target = target.clone();
                connections.spawn(async move {
                    let Target { way, host, port, .. } = &*target;
                    if let Ok(origin) = socket.peer_addr() {
                        way.carry(socket, origin, host, *port).await;
                    }
                    drop((carried, place));
                });
            }
        }
    }
}

/// The next connection, and its place. Cancel safe.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((socket, _)) => return Some((socket, place)),
            // One that hung up before it was accepted is no reason to pause.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted: trying again soon");
                sleep(PAUSE).await;
            }
        }
    }
}

/// What is forwarded at once: as much as a server of ours takes.
const MAX_CONNECTIONS: usize = 256;

/// As ssh: without file descriptors, asking at once would spin.
const PAUSE: Duration = Duration::from_secs(1);
