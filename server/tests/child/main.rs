//! Real shells and commands, started as the server starts them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod login;
mod pipes;
mod terminal;
mod world;
