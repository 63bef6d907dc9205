//! Is the peer there? Probes it over the bus and notices its silence.
//!
//! | want to change…                    | look in    |
//! |------------------------------------|------------|
//! | when a peer counts as silent, gone | `state.rs` |
//! | who is told, and how               | `actor.rs` |
//!
//! Not here: what is done about a silent peer (`proxy`, `session`).

mod actor;
mod state;
#[cfg(test)]
mod tests;

pub use actor::{Handle, new, told};
pub use state::{Heartbeat, Output, Timing, Verdict};
