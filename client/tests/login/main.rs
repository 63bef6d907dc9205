//! The login against a real OpenSSH server, run as the user who runs the tests.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed, and owns its clock and tasks"
)]

mod auth;
mod console;
mod embedded;
mod host_keys;
mod known_hosts;
mod programs;
mod proxies;
mod questions;
mod script;
mod sshd;
