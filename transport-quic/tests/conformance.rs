//! What every transport owes, over every link.

use tssh_conformance::{Rig, transport_conformance};
use tssh_transport_quic::Quic;

transport_conformance!(rig, datagrams, over: udp, tcp, process);

fn rig() -> Rig {
    Rig::new(Quic::default()).with_datagrams()
}
