//! A client's machine and a server's, and UDP or streams between them.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tssh_core::proxy::client::Binder;
use tssh_core::transport::Link;

use crate::medium::{Direction, Framing, Lanes, Network, Over, with_lanes};
use crate::rig::Cut;
use crate::roaming::HOME;
use crate::weather::Weather;

/// Both machines. A stream that the client begins arrives at the server as a link.
pub(super) struct Machines {
    network: Network,
    over: Over,
    framing: Framing,
    /// Of a transport that sends no packets.
    own_way: Option<Cut>,
    weather: Mutex<Weather>,
    streams: Mutex<Vec<Lanes>>,
    arrivals: mpsc::Sender<Arc<dyn Link>>,
    seed: AtomicU64,
}

impl Machines {
    /// And the streams that arrive at the server.
    pub(super) fn new(
        over: Over,
        framing: Framing,
        own_way: Option<Cut>,
        weather: Weather,
        seed: u64,
    ) -> (Self, mpsc::Receiver<Arc<dyn Link>>) {
        let (arrivals, arrived) = mpsc::channel(BACKLOG);
        let machines = Self {
            network: Network::new(weather, seed, HOME),
            over,
            framing,
            own_way,
            weather: Mutex::new(weather),
            streams: Mutex::default(),
            arrivals,
            seed: AtomicU64::new(seed),
        };
        (machines, arrived)
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// Cuts the machines off from each other, or joins them again. A stream that was cut stays silent: another is
    /// needed, as behind a translator that has forgotten it.
    pub(super) fn set_dark(&self, dark: bool) {
        if let Some(cut) = &self.own_way {
            cut(dark);
        }
        self.network.change(|weather| weather.dark = dark);
        lock(&self.weather).dark = dark;
        if dark {
            for lanes in lock(&self.streams).drain(..) {
                for direction in [Direction::Back, Direction::There] {
                    lanes.change(direction, &|weather| weather.dark = true);
                }
            }
        }
    }
}

impl Binder for Machines {
    fn connect(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        self.network.connect(server)
    }

    fn connect_stream(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        let weather = *lock(&self.weather);
        if weather.dark {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let grain = if self.over == Over::Process {
            4096
        } else {
            1400
        };
        let (near, far, lanes) = with_lanes(weather, grain, seed);
        lock(&self.streams).push(lanes);
        let local = SocketAddr::new(HOME, FIRST_PORT + seed as u16 % 1000);
        let shown = (self.over == Over::Tcp).then_some(local);
        let arriving = (self.framing)(far, None, local);
        // A server that accepts no more is one that does not answer.
        let _ = self.arrivals.try_send(arriving);
        Ok((self.framing)(near, shown, server))
    }

    fn has_address(&self, address: IpAddr) -> bool {
        self.network.has_address(address)
    }
}

impl fmt::Debug for Machines {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Machines")
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Streams that the server has not looked at.
const BACKLOG: usize = 16;

const FIRST_PORT: u16 = 30_000;
