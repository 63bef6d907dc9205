//! What every transport is tried with.
//!
//! | want to change…                              | look in      |
//! |----------------------------------------------|--------------|
//! | what happens to a packet on its way          | `weather.rs` |
//! | how packets move through it, in virtual time | `link.rs`    |
//! | a client that moves, behind a translator     | `network.rs` |
//!
//! Nothing here names a concrete transport.

#![warn(missing_docs)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::unwrap_used,
        reason = "tests own the clock and their tasks"
    )
)]

mod link;
mod network;
#[cfg(test)]
mod tests;
mod weather;

pub use link::{Air, AirLink, Direction};
pub use network::Network;
pub use weather::{Fate, Sky, Weather};
