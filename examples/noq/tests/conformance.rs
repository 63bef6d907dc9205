//! What every transport owes, over every link.

use tssh_conformance::{Rig, transport_conformance};
use tssh_transport_noq::Noq;

transport_conformance!(rig, datagrams, over: udp, tcp, process);

fn rig(seed: u64) -> Rig {
    Rig::new(Noq::with_insecure_seed(seed)).with_datagrams()
}
