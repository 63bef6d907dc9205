//! How large the packets of a session are, in both directions.

use crate::relay::Relay;
use crate::rig::{Mode, Rig, finish, noise};

#[test]
fn no_packet_of_either_side_is_larger_than_udp_mtu_and_the_bulk_of_quic_makes_use_of_it() {
    let rig = Rig::start();
    for mode in [Mode::Udp, Mode::Kcp] {
        for (mtu, limit) in [(Some("1300"), 1300), (None, 1400), (Some("2000"), 2000)] {
            let relay = Relay::start(&rig);
            let path = relay.option();
            let option = mtu.map(|mtu| format!("-oUdpMTU={mtu}"));
            let arguments: Vec<_> = option.iter().chain([&path]).map(String::as_str).collect();
            let mut tssh = rig.tssh(mode, &[&arguments[..], &["server", "cat"]].concat());
            let sent = noise(61, BULK);
            let (status, came, told) = finish(&mut tssh, sent.clone());
            let told = String::from_utf8_lossy(&told);
            assert_eq!(status.code(), Some(0), "{mode:?} {mtu:?}: {told}");
            assert!(came == sent, "{mode:?} {mtu:?}: {} bytes", came.len());
            for largest in relay.largest() {
                let wanted = match mode {
                    Mode::Kcp => KCP - SLACK..=KCP,
                    Mode::Plain | Mode::Tcp | Mode::Udp => limit - SLACK..=limit,
                };
                assert!(wanted.contains(&largest), "{mode:?} {mtu:?}: {largest}");
            }
        }
    }
}

/// Enough for QUIC to find out what passes.
const BULK: usize = 2 << 20;

/// QUIC searches in steps.
const SLACK: usize = 40;

/// PROTOCOL.md, "KCP mode": packets of streams are no larger, whatever the MTU.
const KCP: usize = 1140;
