//! Which transports this program has, by the `Mode` word of the server info.

use std::sync::Arc;

use tssh_core::transport::{Registry, Transport};
use tssh_transport_kcp::Kcp;
use tssh_transport_quic::Quic;
use tssh_transport_tcp::{LARGEST_KCP, LARGEST_QUIC};

use crate::cli::Options;

/// The transports of `tsshd`. A program with another one adds it, or has it alone.
pub fn known() -> Registry {
    Registry::new().with(Quic::default()).with(Kcp::default())
}

/// The one of `known` that the options ask for: KCP by name, or else the preferred one.
pub fn wanted(options: &Options, known: &Registry) -> Option<Arc<dyn Transport>> {
    match options.kcp {
        true => known.get(KCP),
        false => known.preferred(),
    }
}

/// The largest packet in bytes that a Go peer takes over TCP in this mode.
pub fn largest_frame(mode: &str) -> u16 {
    if mode == KCP {
        LARGEST_KCP
    } else {
        LARGEST_QUIC
    }
}

const KCP: &str = "KCP";
