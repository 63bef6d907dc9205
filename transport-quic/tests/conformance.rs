//! What every transport owes, over every link.

use tssh_conformance::{Rig, transport_conformance};
use tssh_transport_quic::{Config, Quic};

transport_conformance!(rig, datagrams, over: udp, tcp, process);

fn rig(seed: u64) -> Rig {
    Rig::new(Quic::new(Config::default().with_insecure_seed(seed))).with_datagrams()
}
