//! Sessions of the real server over every transport and link.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails where it stands, and owns its tasks"
)]

mod host;
#[path = "host/rigs.rs"]
mod rigs;

use std::panic::catch_unwind;

use host::host;
use rigs::{framed, kcp, memory, quic};
use tssh_conformance::session::play_session;
use tssh_conformance::{Over, Rig};
use tssh_transport_kcp::{Kcp, Thresholds};

mod memory {
    use super::{host, memory};

    tssh_conformance::session_conformance!(memory, host, over: nothing);
}

mod quic {
    use super::{host, quic};

    tssh_conformance::session_conformance!(quic, host, over: udp, tcp, process);
}

mod kcp {
    use super::{host, kcp};

    tssh_conformance::session_conformance!(kcp, host, rekey, over: udp, tcp, process);
}

/// Keys that change every few packets, and are exchanged over the bus meanwhile.
mod kcp_with_many_keys {
    use super::{host, kcp_with_many_keys};

    tssh_conformance::session_conformance!(kcp_with_many_keys, host, rekey, over: udp);
}

/// The scenario about keys is tried too: with keys that do not change as often as was declared, and with none.
#[test]
fn a_transport_that_changes_no_keys_is_caught() {
    fn seldom(_: u64) -> Rig {
        framed(Rig::new(Kcp::default())).with_keys_for(MANY_KEYS)
    }
    fn never(_: u64) -> Rig {
        quic(1).with_keys_for(MANY_KEYS)
    }
    for (rig, wanted) in [
        (seldom as fn(u64) -> Rig, "the key was not replaced"),
        (never, "keys were declared, and none are offered"),
    ] {
        let stage = tssh_conformance::session_stage!(rig, host);
        let name = "keys_change_on_both_sides_in_the_middle_of_a_pipe";
        let played = catch_unwind(|| play_session(name, Over::Udp, stage));
        let panic = played.expect_err("the suite let it pass");
        let said = panic.downcast_ref::<String>().expect("it says why");
        assert!(said.contains(wanted), "{said}");
    }
}

fn kcp_with_many_keys(_: u64) -> Rig {
    let mut thresholds = Thresholds::default();
    thresholds.bytes = MANY_KEYS;
    let config = tssh_transport_kcp::Config::default().with_rekey(thresholds);
    framed(Rig::new(Kcp::new(config))).with_keys_for(MANY_KEYS)
}

/// Bytes that a key lasts for, where they are to change often.
const MANY_KEYS: u64 = 100_000;
