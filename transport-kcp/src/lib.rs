//! The KCP transport: streams and datagrams over KCP, FEC and AES-256-GCM, on the packet pipe and the path clock.
//!
//! | want to change…                                    | look in          |
//! |----------------------------------------------------|------------------|
//! | how a connection is offered and made               | `endpoint.rs`    |
//! | what an established connection does, and its end   | `connection.rs`  |
//! | the halves of a stream                             | `stream.rs`      |
//! | what runs between pipe and streams, and when       | `driver.rs`      |
//! | how packets are batched                            | `outgoing.rs`    |
//! | what a packet does                                 | `session/`       |
//! | segments: in flight, lost, sent again              | `arq/`           |
//! | streams over one row of bytes                      | `smux/`          |
//! | numbers and copies of packets, datagrams           | `fec.rs`         |
//! | what counts once                                   | `replay.rs`      |
//! | what means nothing, and is told once               | `oddity.rs`      |
//! | sealing and opening                                | `crypto.rs`      |
//! | keys, and when they change                         | `rekey.rs`       |
//! | how the bus carries an exchange of keys            | `exchange.rs`    |
//! | what a host may choose                             | `config.rs`      |
//!
//! Not here: which path the packets take. KCP sees one peer for ever; roaming happens below it, in
//! `tssh_core::proxy`.

#![warn(missing_docs)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::unwrap_used,
        reason = "tests own the clock and their tasks"
    )
)]

mod arq;
mod config;
mod connection;
mod crypto;
mod driver;
mod endpoint;
mod exchange;
mod fec;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod oddity;
mod outgoing;
mod rekey;
mod replay;
mod session;
mod shared;
mod smux;
mod stream;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use endpoint::Kcp;
pub use rekey::Thresholds;
