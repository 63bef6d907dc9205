//! Which transports this program has, by the `Mode` word of the server info.

use std::sync::Arc;

use tssh_core::transport::Transport;
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
    /// The transport; `None` when this program is built without it.
    pub fn transport(self) -> Option<Arc<dyn Transport>> {
        match self {
            Self::Kcp => None,
            Self::Quic => Some(Arc::new(Quic::default())),
        }
    }

    /// The largest packet in bytes that a Go peer takes over TCP.
    pub fn largest_frame(self) -> u16 {
        match self {
            Self::Kcp => LARGEST_KCP,
            Self::Quic => LARGEST_QUIC,
        }
    }
}
