//! What every transport owes, over every link.

use tssh_conformance::{Rig, transport_conformance};
use tssh_transport_kcp::Kcp;

transport_conformance!(rig, datagrams, over: udp, tcp, process);

fn rig() -> Rig {
    Rig::new(Kcp::default()).with_datagrams()
}
