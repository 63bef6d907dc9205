//! The transports of the programs, and the one that needs no network.

use std::sync::Arc;

use tssh_conformance::Rig;
use tssh_core::transport::memory::Memory;
use tssh_transport_kcp::{Kcp, Thresholds};
use tssh_transport_quic::Quic;
use tssh_transport_tcp::{Plain, StreamLink};

pub(crate) fn memory(_: u64) -> Rig {
    let memory = Memory::default();
    let air = memory.air();
    Rig::new(memory).with_own_way(move |cut| match cut {
        true => air.darken(),
        false => air.clear(),
    })
}

pub(crate) fn quic(_: u64) -> Rig {
    framed(Rig::new(Quic::default()))
}

pub(crate) fn kcp(_: u64) -> Rig {
    framed(Rig::new(Kcp::default())).with_keys_for(Thresholds::default().bytes)
}

/// Over the framing of real TCP links.
pub(crate) fn framed(rig: Rig) -> Rig {
    rig.with_framing(|tube, local, peer| {
        let (reader, writer) = tokio::io::split(tube);
        Arc::new(StreamLink::new(reader, Plain(writer), peer, local, LARGEST))
    })
}

/// Bytes of a packet that a peer takes in a frame, whatever the transport (PROTOCOL.md).
const LARGEST: u16 = 1500;
