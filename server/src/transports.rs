//! Which transports this program has, by the `Mode` word of the server info.

use std::sync::Arc;

use tssh_core::transport::{Registry, Transport};
use tssh_transport_kcp::Kcp;
use tssh_transport_quic::Quic;

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
}

/// The transports of this program.
pub fn known() -> Registry {
    Registry::new().with(Kcp::default()).with(Quic::default())
}
