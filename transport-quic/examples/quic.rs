//! The suite, played with QUIC over every link. `-- --json` prints lines of JSON.

use std::process::ExitCode;

use tssh_conformance::{Over, Rig, matrix, stage};
use tssh_transport_quic::{Config, Quic};

fn main() -> ExitCode {
    matrix::run("quic", &[Over::Udp, Over::Tcp, Over::Process], stage!(rig))
}

fn rig(seed: u64) -> Rig {
    Rig::new(Quic::new(Config::default().with_insecure_seed(seed))).with_datagrams()
}
