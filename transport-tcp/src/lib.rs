//! Packets framed in byte streams, for networks that block UDP: links for the proxy of `tssh_core`.
//!
//! | want to change…                                     | look in        |
//! |-----------------------------------------------------|----------------|
//! | what a frame is, and which are refused              | `frame.rs`     |
//! | what waits to be written                            | `outbox.rs`    |
//! | how frames become packets of a link                 | `link.rs`      |
//! | TCP: options, connecting, when there is room        | `tcp.rs`       |
//! | the pipes of a process                              | `process.rs`   |
//! | the server: strangers, and who of them is heard     | `accept.rs`    |
//! | how many strangers wait, and for how long           | `waiting.rs`   |
//!
//! Not here: when TCP is used (`tssh_core::proxy::client`), and whose claim is believed
//! (`tssh_core::auth`).

#![warn(missing_docs)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::unwrap_used,
        reason = "tests own the clock and their tasks"
    )
)]

mod accept;
mod frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod link;
mod outbox;
mod process;
mod tcp;
mod waiting;

pub use accept::{TcpListeners, accept_all, listen};
pub use frame::{FrameError, HEADER, Inbox};
pub use link::{Outlet, Plain, StreamLink};
pub use outbox::Outbox;
pub use process::{ProcessLink, Stdin, Talk, spawn};
pub use tcp::{TcpLink, connect, connect_from};

/// The largest frame that a Go peer takes in QUIC mode, in bytes of its packet (PROTOCOL.md, "The path").
pub const LARGEST_QUIC: u16 = 1452;

/// The same in KCP mode.
pub const LARGEST_KCP: u16 = 1500;
