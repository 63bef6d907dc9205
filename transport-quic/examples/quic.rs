//! The suite, played with QUIC over every link. `-- --json` prints lines of JSON.

use std::process::ExitCode;
use std::sync::Arc;

use tssh_conformance::{Over, Rig, matrix, stage};
use tssh_transport_quic::{Config, Quic};
use tssh_transport_tcp::{Plain, StreamLink};

fn main() -> ExitCode {
    matrix::run("quic", &[Over::Udp, Over::Tcp, Over::Process], stage!(rig))
}

fn rig(seed: u64) -> Rig {
    let rig = Rig::new(Quic::new(Config::default().with_insecure_seed(seed)));
    rig.with_datagrams()
        .with_brisk_keys()
        .with_framing(|tube, local, peer| {
            let (reader, writer) = tokio::io::split(tube);
            Arc::new(StreamLink::new(reader, Plain(writer), peer, local, LARGEST))
        })
}

/// Bytes of a packet that a peer takes in a frame (PROTOCOL.md).
const LARGEST: u16 = 1452;
