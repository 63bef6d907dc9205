//! Why a client has no connection, in one sentence each.

use std::net::SocketAddr;
use std::time::Duration;

use crate::proxy::client::Carriers;
use crate::transport::TransportError;
use crate::wire::{InfoError, WireError};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server info is of no use.
    #[error(transparent)]
    Info(#[from] InfoError),
    /// Nothing came back.
    #[error(
        "no answer from {server} over {carriers} within {} s: a firewall may block that port, open it or \
         choose others with TsshdPort", waited.as_secs()
    )]
    NoAnswer {
        /// What was tried.
        carriers: Carriers,
        /// The address that was tried.
        server: SocketAddr,
        /// For how long.
        waited: Duration,
    },
    /// The host answered that the port is closed.
    #[error("{server} refuses {carriers}: tsshd has ended, or a firewall rejects that port")]
    Refused {
        /// What was tried.
        carriers: Carriers,
        /// The address that was tried.
        server: SocketAddr,
    },
    /// The transport's own reason.
    #[error("{0}")]
    Transport(#[from] TransportError),
    /// The greeting went wrong.
    #[error("{0}")]
    Wire(#[from] WireError),
}
