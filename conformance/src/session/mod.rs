//! Sessions over every transport and link: the real actors of both sides, real programs, in real time.
//!
//! | want to change…                                   | look in         |
//! |---------------------------------------------------|-----------------|
//! | what is tried with commands and terminals         | `programs.rs`   |
//! | what is tried with outages and ends               | `outages.rs`    |
//! | what is tried with forwarded connections          | `forwards.rs`   |
//! | what is tried with keys                           | `keys.rs`       |
//! | how it is known which keys were exchanged         | `exchanges.rs`  |
//! | how both sides come to be                         | `world.rs`      |
//! | what carries packets between them                 | `machines.rs`   |
//! | which scenarios there are                         | `table.rs`      |
//!
//! A `sleep` here is how long an outage or a pause between keys lasts; whatever is to happen is waited for.
//!
//! The client is `tssh_core::connection::Client`. The server is a [`Host`], which whoever has one gives: see
//! `server/tests/conformance.rs`. A feature adds its scenarios in a file of its own, and their names in `table.rs`.

#![allow(
    clippy::unwrap_used,
    reason = "a scenario fails by panicking, like the test that it is"
)]

mod exchanges;
pub mod forwards;
pub mod keys;
mod machines;
pub mod outages;
pub mod programs;
mod table;
mod world;

pub use table::{SESSIONS, SessionNeeds, SessionScenario, SessionStage, play_session};
pub use world::{Arrival, Host, SessionWorld};
