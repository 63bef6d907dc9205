//! One connection's actors and who stops whom.
//!
//! ```text
//!              keeper                      one per server process: owns what outlives a client
//!             /      \
//!     connection      session × n          a shell or command; attached or parked
//!    /     |     \         ▲
//!  proxy  bus  heartbeat   │ attach: one bounded channel each way
//!   │                      │
//!  transport ── streams ───┘
//! ```
//!
//! Lines go down: bounded, may be awaited. Reports go up by `watch`, `oneshot` or `try_send`, never
//! awaited.
//!
//! | want to change…                                | look in         |
//! |------------------------------------------------|-----------------|
//! | who ends when one ends                         | `supervisor.rs` |
//! | how events travel on the bus                   | `bus.rs`        |
//! | how a client connects and greets               | `client.rs`     |
//! | why a client has no connection                 | `connect_error.rs` |
//! | how a client has its server connect somewhere  | `dial.rs`       |
//! | when a client tries again, tells, gives up     | `timeouts.rs`   |
//! | who waits for the end of a session             | `sessions.rs`   |
//! | how keys are renewed                           | `rekey.rs`      |
//! | what a client does about its server's events   | `events.rs`     |
//!
//! Not here: what a session does with its bytes (`session`), what a server runs.

mod bus;
mod client;
mod connect_error;
mod dial;
mod events;
mod rekey;
mod sessions;
mod supervisor;
#[cfg(test)]
mod tests;
mod timeouts;

pub use bus::{BUS_ROOM, Bus, new as new_bus};
pub use client::{Client, ClientConfig, RemoteSession};
pub use connect_error::ConnectError;
pub use events::ClientEvent;
pub use rekey::answer as answer_rekey;
pub use supervisor::{Role, Supervisor};
pub use timeouts::Timeouts;
