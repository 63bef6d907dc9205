//! What every transport is tried with.
//!
//! | want to change…                              | look in       |
//! |----------------------------------------------|---------------|
//! | what a transport owes, one behaviour each    | `scenario/`   |
//! | sessions above it, with the real actors      | `session/`    |
//! | what an author gives, and a scenario is given| `rig.rs`      |
//! | two ends, for a transport's own tests        | `couple.rs`   |
//! | a client that moves, over the real path       | `roaming.rs`  |
//! | a pair with bus and heartbeat, and a Go server | `lab/`       |
//! | how one scenario is played                   | `play.rs`     |
//! | how tests are stamped                        | `stamp.rs`    |
//! | how all of it is played                      | `matrix.rs`   |
//! | how it is told to people                     | `table.rs`    |
//! | what happens to a packet on its way          | `weather.rs`  |
//! | what carries it, in virtual time             | `medium/`     |
//! | bytes that tell where they belong            | `pattern.rs`  |
//! | what is logged meanwhile                     | `log.rs`      |
//!
//! An author writes a function that makes a [`Rig`], and one call of [`transport_conformance`]. Nothing here names a
//! concrete transport; `TRANSPORTS.md` tells the rest.

#![warn(missing_docs)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::unwrap_used,
        reason = "tests own the clock and their tasks"
    )
)]

mod couple;
mod lab;
mod log;
pub mod matrix;
mod medium;
mod pattern;
mod play;
mod rig;
mod roaming;
pub mod scenario;
pub mod session;
mod stamp;
mod table;
#[cfg(test)]
mod tests;
mod weather;

pub use couple::{Couple, connected, listening};
pub use lab::{LAB_DELAY, LAB_RTT, Lab, Peer};
pub use log::Log;
pub use medium::{
    Air, AirLink, Direction, Framing, Medium, Network, Over, RingLink, Tube, Wire, framed, ring,
    tubes,
};
pub use play::{Stage, play, play_by_name};
pub use rig::{DELAY, Ends, MTU, PATIENCE, Rig, World, soon};
pub use roaming::{CAFE, HOME, ROAMING_RTT, Roaming};
pub use scenario::{Needs, SCENARIOS, Scenario};
pub use weather::{Fate, Sky, Weather};
