//! What `tssh` and `tsshd` both know: the wire, the path under a connection, and sessions.
//!
//! | module         | holds                                                             |
//! |----------------|-------------------------------------------------------------------|
//! | [`clock`]      | the path clock, which stands still while the path is dead         |
//! | [`congestion`] | how much may be in flight                                         |
//! | [`transport`]  | the seams: `Transport`, `Connection`, `Link`, their errors        |
//! | [`auth`]       | the 44-byte authentication packets, serials, replay               |
//! | [`forward`]    | a forwarded connection: both directions, each with its own end    |
//! | [`ports`]      | which ports a server may listen on                                |
//! | [`proxy`]      | which path is alive, and the packet pipe that runs over it        |
//! | [`session`]    | what a session drops, keeps and repeats while its client is away   |
//! | [`wire`]       | every message of `PROTOCOL.md`                                    |
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

pub mod auth;
pub mod clock;
pub mod congestion;
pub mod connection;
pub mod forward;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod heartbeat;
pub mod ports;
pub mod proxy;
pub mod session;
pub mod transport;
pub mod wire;
