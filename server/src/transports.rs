//! Which transports this program has, by the `Mode` word of the server info.

use std::sync::Arc;

use tssh_core::transport::{Registry, Transport};
use tssh_transport_kcp::Kcp;
use tssh_transport_quic::Quic;
use tssh_transport_tcp::{LARGEST_KCP, LARGEST_QUIC};

/// What `--kcp` and its absence choose between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `--kcp`.
    Kcp,
    /// The default.
    #[default]
    Quic,
}

impl Mode {
    /// The transport of `known`; `None` when that has none of it.
    pub fn transport(self, known: &Registry) -> Option<Arc<dyn Transport>> {
        known.get(match self {
            Self::Kcp => "KCP",
            Self::Quic => "QUIC",
        })
    }

    /// The largest packet in bytes that a Go peer takes over TCP.
    pub fn largest_frame(self) -> u16 {
        match self {
            Self::Kcp => LARGEST_KCP,
            Self::Quic => LARGEST_QUIC,
        }
    }
}

/// The transports of this program.
pub fn known() -> Registry {
    Registry::new().with(Kcp::default()).with(Quic::default())
}
