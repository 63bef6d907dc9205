//! The suite, played with KCP over every link. `-- --json` prints lines of JSON.

use std::process::ExitCode;
use std::sync::Arc;

use tssh_conformance::{Over, Rig, matrix, stage};
use tssh_transport_kcp::Kcp;
use tssh_transport_tcp::{Plain, StreamLink};

fn main() -> ExitCode {
    matrix::run("kcp", &[Over::Udp, Over::Tcp, Over::Process], stage!(rig))
}

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
