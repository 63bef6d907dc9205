//! Sessions over every transport and link: the real actors of both sides, real programs, in real time.
//!
//! | want to change…                                   | look in         |
//! |---------------------------------------------------|-----------------|
//! | what is tried with commands and terminals         | `programs.rs`   |
//! | what is tried with outages and ends               | `outages.rs`    |
//! | what is tried with nights in the dark             | `nights.rs`     |
//! | what is tried with forwarded connections          | `forwards.rs`   |
//! | what is tried with keys                           | `keys.rs`       |
//! | how it is known which keys were exchanged         | `exchanges.rs`  |
//! | how both sides come to be                         | `world.rs`      |
//! | what carries packets between them                 | `machines.rs`   |
//! | which scenarios there are                         | `table.rs`      |
//! | how they come into the matrix                     | `cells.rs`      |
//!
//! A `sleep` here is how long an outage or a pause between keys lasts; whatever is to happen is waited for.
//!
//! A night is eight hours of the runtime's time, which is stopped for as long as it is dark: every timer of both sides,
//! of the path and of the transport fires in its turn, and real time hardly passes. The programs live in real time: while
//! time is stopped the runtime does not wait for them but goes to the next timer, so no scenario may depend then on a
//! timer that limits a program (the second that one has for its last words).
//!
//! The client is `tssh_core::connection::Client`. The server is a [`Host`], which whoever has one gives: see
//! `server/tests/conformance.rs`. A feature adds its scenarios in a file of its own, and their names in `table.rs`.

#![allow(
    clippy::unwrap_used,
    reason = "a scenario fails by panicking, like the test that it is"
)]

mod cells;
mod exchanges;
pub mod forwards;
pub mod keys;
mod machines;
pub mod nights;
pub mod outages;
pub mod programs;
mod table;
mod world;

pub use cells::sessions;
pub use table::{
    NIGHT, PATIENCE, SESSIONS, SessionNeeds, SessionScenario, SessionStage, play_session,
};
pub use world::{Arrival, Clock, Host, SessionWorld};
