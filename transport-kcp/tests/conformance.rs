//! What every transport owes, over every link.

use std::sync::Arc;

use tssh_conformance::{Rig, transport_conformance};
use tssh_transport_kcp::Kcp;
use tssh_transport_tcp::{Plain, StreamLink};

transport_conformance!(rig, datagrams, brisk, over: udp, tcp, process);

fn rig(_: u64) -> Rig {
    let rig = Rig::new(Kcp::default());
    rig.with_datagrams()
        .with_brisk_keys()
        .with_framing(|tube, local, peer| {
            let (reader, writer) = tokio::io::split(tube);
            Arc::new(StreamLink::new(reader, Plain(writer), peer, local, LARGEST))
        })
}

/// Bytes of a packet that a peer takes in a frame (PROTOCOL.md).
const LARGEST: u16 = 1500;
