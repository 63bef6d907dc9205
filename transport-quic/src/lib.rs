//! The QUIC transport: quinn on the packet pipe and the path clock.
//!
//! | want to change…                                   | look in         |
//! |---------------------------------------------------|-----------------|
//! | how a connection is offered and made              | `endpoint.rs`   |
//! | what an established connection does, and its end  | `connection.rs` |
//! | the halves of a stream                            | `stream.rs`     |
//! | certificates, and whom each side trusts           | `tls.rs`        |
//! | what counts as a sign of life of the peer         | `opened.rs`     |
//! | how packets reach the pipe                        | `socket.rs`     |
//! | how quinn gets its time and its tasks             | `runtime.rs`    |
//! | windows, limits, congestion control               | `config.rs`     |
//! | how quinn's words about congestion become ours    | `congestion.rs` |
//! | how the pipe learns of loss                       | `delivery.rs`   |
//! | which packets leave twice                         | `doubles.rs`    |
//! | which failure of QUIC is which kind of error      | `error.rs`      |
//!
//! Not here: which path the packets take. quinn sees one peer at one constant address for ever and
//! its migration is off; roaming happens below it, in `tssh_core::proxy`.

#![warn(missing_docs)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::unwrap_used,
        reason = "tests own the clock and their tasks"
    )
)]

mod config;
mod congestion;
mod connection;
mod delivery;
mod doubles;
mod endpoint;
mod error;
mod opened;
mod runtime;
mod socket;
#[cfg(test)]
mod socket_tests;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

pub use config::{Config, Congestion};
pub use endpoint::Quic;
