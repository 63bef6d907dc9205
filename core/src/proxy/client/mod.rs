//! The client's side of the path: it tries, the server follows.
//!
//! | want to change…                              | look in       |
//! |----------------------------------------------|---------------|
//! | when a new path is tried, and which one wins | `state.rs`    |
//! | what a hint is worth                         | `hints.rs`    |
//! | what an attempt and a proof consist of       | `attempt.rs`  |
//! | which other ways are tried beside the first  | `race.rs`     |
//! | how a stream is made in time                 | `dial.rs`     |
//! | when TCP is tried, and when UDP again        | `fallback.rs`, `streams.rs` |
//! | whether large packets pass, too              | `width.rs`    |
//! | when that is asked once more                 | `looks.rs`    |
//! | what the data path is to do                  | `view.rs`     |
//! | which hints and deeds there are              | `exchange.rs` |
//! | where the hints come from                    | `actor.rs`    |
//! | what becomes of its decisions                | `deeds.rs`    |
//! | what a client asks and tells                 | `handle.rs`   |
//! | how a local port is bound                    | `binder.rs`   |
//! | which interfaces may be tried                | `interface.rs` |
//! | which links there are                        | `routes.rs`   |
//! | how acknowledgements leave the data path     | `gate.rs`     |
//! | how long an answer may take                  | `patience.rs` |
//! | when a missing answer is a reason            | `answers.rs`  |
//! | which of the server's addresses is tried     | `servers.rs`  |
//! | the server's addresses and the times         | `config.rs`   |

mod actor;
mod answers;
mod attempt;
mod binder;
mod config;
mod deeds;
mod dial;
mod exchange;
mod fallback;
mod gate;
mod handle;
mod hints;
mod interface;
mod looks;
mod patience;
#[cfg(test)]
mod properties;
mod race;
#[cfg(test)]
mod race_fall_tests;
#[cfg(test)]
mod race_tests;
#[cfg(test)]
mod restraint;
mod routes;
mod servers;
mod state;
#[cfg(test)]
mod stream_tests;
mod streams;
#[cfg(test)]
mod tests;
mod view;
mod width;
#[cfg(test)]
mod width_tests;
#[cfg(test)]
mod world;
#[cfg(test)]
mod world_flights;
#[cfg(test)]
mod world_tests;

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

pub use actor::new;
pub use binder::UdpBinder;
pub use config::{Carriers, Config, Timing};
pub use exchange::{Carrier, Output, Plan, Trigger, Way};
pub use handle::Handle;
pub use interface::Interface;
pub use state::State;

use crate::transport::Link;

/// Makes new links to the server: sockets of this machine, or of a simulated one.
pub trait Binder: Debug + Send + Sync + 'static {
    /// A new local port that talks to `server`.
    ///
    /// # Errors
    ///
    /// When there is no address or no route for it now.
    fn connect(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>>;

    /// The same over an interface of [`Binder::interfaces`].
    ///
    /// # Errors
    ///
    /// As [`Binder::connect`]; `Unsupported` where the interface is not ours to choose.
    fn connect_over(&self, server: SocketAddr, interface: &Interface) -> io::Result<Arc<dyn Link>> {
        let _ = (server, interface);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The interfaces over which a path may be tried, the one that the system would choose among them.
    fn interfaces(&self) -> Vec<Interface> {
        Vec::new()
    }

    /// Begins a stream to `server`, and returns at once. The link is writable when it stands.
    ///
    /// # Errors
    ///
    /// As [`Binder::connect`]; `Unsupported` where there are no streams.
    fn connect_stream(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        let _ = server;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Whether this machine still has `address`.
    fn has_address(&self, address: IpAddr) -> bool;
}

/// What the user may be told of the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathStatus {
    /// Since when no path answers; `None` while one does.
    pub lost_at: Option<Instant>,
    /// The path is known to be dead: what is sent now waits.
    pub dark: bool,
    /// The host answered that nothing listens there any more.
    pub refused: bool,
    /// The peer was heard on the path in use.
    pub proved: bool,
}
