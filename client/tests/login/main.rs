//! The login against a real OpenSSH server, run as the user who runs the tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod auth;
mod embedded;
mod host_keys;
mod known_hosts;
mod programs;
mod proxies;
mod questions;
mod script;
mod sshd;
