//! The whole program: `tssh` and `tsshd` as they are installed, between them a real sshd run as the
//! user who runs the tests, and where it matters a terminal or a network that fails.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock, and a test that cannot go on has failed"
)]

mod background;
mod carriers;
mod demo;
mod endings;
mod forward;
mod idle;
mod ipv6;
mod left;
mod no_terminal;
mod outage;
mod plain;
mod pressure;
mod proxy_command;
mod relay;
mod rig;
mod screen;
mod seat;
mod size;
#[expect(dead_code, reason = "the tests of the login use the rest")]
#[path = "../login/sshd.rs"]
mod sshd;
mod startup;
mod status;
mod streams;
