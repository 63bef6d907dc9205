use std::net::{Ipv4Addr, SocketAddr};

use super::{AUTH_LEN, Ack, Challenger, Claim, ProxyKey, Verdict, Verifier};
use crate::proxy::{LinkId, Source};

const CLIENT: u64 = 0x0102_0304_0506_0708;
const SERVER: u64 = 0x1112_1314_1516_1718;

#[test]
fn a_packet_of_the_recorded_session_opens() {
    let key = key_of_the_recording();
    let packet = hex::decode(RECORDED_CLAIM).unwrap();
    assert_eq!(
        key.open(&packet),
        Some(Claim {
            id: RECORDED_CLIENT,
            serial: 1
        })
    );
}

#[test]
fn a_packet_has_this_exact_form_on_the_wire() {
    let key = key_of_the_recording();
    let recorded = hex::decode(RECORDED_CLAIM).unwrap();
    let nonce = recorded[..12].try_into().unwrap();
    let sealed = key.seal_with(
        nonce,
        Claim {
            id: RECORDED_CLIENT,
            serial: 1,
        },
    );
    assert_eq!(sealed[..], recorded[..]);
}

#[test]
fn two_seals_of_one_claim_differ_and_both_open() {
    let (key, _) = ProxyKey::generate().unwrap();
    let claim = Claim {
        id: CLIENT,
        serial: 7,
    };
    let (first, second) = (key.seal(claim).unwrap(), key.seal(claim).unwrap());
    assert_ne!(first, second);
    assert_eq!(
        (key.open(&first), key.open(&second)),
        (Some(claim), Some(claim))
    );
}

#[test]
fn the_stamp_of_an_acknowledgement_is_the_beginning_of_its_nonce() {
    let key = ProxyKey::new(&[1; 32]);
    let claim = Claim {
        id: SERVER,
        serial: 7,
    };
    let packet = key.seal_with([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], claim);
    let stamp = 0x0102_0304_0506_0708;
    assert_eq!(key.open_ack(&packet), Some(Ack { claim, stamp }));
    assert_eq!(key.open_ack(&packet[1..]), None);
}

#[test]
fn a_forged_bent_or_truncated_packet_does_not_open() {
    let (key, _) = ProxyKey::generate().unwrap();
    let (foreign, _) = ProxyKey::generate().unwrap();
    let packet = key
        .seal(Claim {
            id: CLIENT,
            serial: 1,
        })
        .unwrap();
    assert_eq!(foreign.open(&packet), None);
    for at in 0..AUTH_LEN {
        let mut bent = packet;
        bent[at] ^= 1;
        assert_eq!(key.open(&bent), None, "byte {at}");
        assert_eq!(key.open(&packet[..at]), None, "{at} bytes");
    }
    let mut longer = packet.to_vec();
    longer.push(0);
    assert_eq!(key.open(&longer), None);
}

#[test]
fn the_key_is_not_in_debug_output() {
    let key = ProxyKey::new(&[0xab; 32]);
    assert_eq!(format!("{key:?}"), "ProxyKey { .. }");
}

#[test]
fn a_replayed_claim_changes_nothing_wherever_it_comes_from() {
    let mut verifier = Verifier::new(CLIENT);
    assert_eq!(verifier.handle_claim(source(1), claim(1)), Verdict::Fresh);
    assert_eq!(verifier.handle_claim(source(2), claim(2)), Verdict::Fresh);
    assert_eq!(verifier.handle_claim(source(3), claim(2)), Verdict::Refused);
    assert_eq!(verifier.handle_claim(source(1), claim(1)), Verdict::Refused);
    assert_eq!(verifier.authenticated(), Some(source(2)));
}

#[test]
fn the_authenticated_source_may_ask_for_its_acknowledgement_again() {
    let mut verifier = Verifier::new(CLIENT);
    assert_eq!(verifier.handle_claim(source(1), claim(5)), Verdict::Fresh);
    assert_eq!(
        verifier.handle_claim(source(1), claim(5)),
        Verdict::Repeated
    );
}

#[test]
fn a_client_that_was_not_issued_is_refused() {
    let mut verifier = Verifier::new(CLIENT);
    let foreign = Claim {
        id: CLIENT + 1,
        serial: 9,
    };
    assert_eq!(verifier.handle_claim(source(1), foreign), Verdict::Refused);
    assert_eq!(verifier.handle_claim(source(1), claim(1)), Verdict::Fresh);
}

#[test]
fn serial_zero_is_never_fresh() {
    let mut verifier = Verifier::new(CLIENT);
    assert_eq!(verifier.handle_claim(source(1), claim(0)), Verdict::Refused);
}

#[test]
fn only_the_acknowledgement_of_this_attempt_counts() {
    let mut challenger = Challenger::new(CLIENT, SERVER);
    assert_eq!(challenger.next_claim(), claim(1));
    assert_eq!(challenger.next_claim(), claim(2));
    assert!(!challenger.handle_ack(
        Claim {
            id: SERVER,
            serial: 1
        },
        2
    ));
    assert!(!challenger.handle_ack(
        Claim {
            id: CLIENT,
            serial: 2
        },
        2
    ));
    assert!(challenger.handle_ack(
        Claim {
            id: SERVER,
            serial: 2
        },
        2
    ));
}

#[test]
fn a_higher_serial_of_the_server_is_adopted() {
    let mut challenger = Challenger::new(CLIENT, SERVER);
    challenger.next_claim();
    assert!(!challenger.handle_ack(
        Claim {
            id: SERVER,
            serial: 40
        },
        1
    ));
    assert_eq!(challenger.next_claim(), claim(41));
}

#[test]
fn a_serial_that_would_leave_none_is_not_adopted() {
    let mut challenger = Challenger::new(CLIENT, SERVER);
    challenger.next_claim();
    let absurd = Claim {
        id: SERVER,
        serial: u64::MAX,
    };
    assert!(!challenger.handle_ack(absurd, 1));
    assert_eq!(challenger.next_claim(), claim(2));
}

fn claim(serial: u64) -> Claim {
    Claim { id: CLIENT, serial }
}

fn source(port: u16) -> Source {
    Source {
        link: LinkId(1),
        addr: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
    }
}

fn key_of_the_recording() -> ProxyKey {
    let key: [u8; 32] = hex::decode(RECORDED_KEY).unwrap().try_into().unwrap();
    ProxyKey::new(&key)
}

/// From the recorded QUIC session of the Go programs.
const RECORDED_KEY: &str = "f18b59beb3cf351c25ab3f7d7319dd50602e9735d57e1d32eba45b0bdd87e4ea";
const RECORDED_CLIENT: u64 = 0xbb30a4c8ca91ff84;
const RECORDED_CLAIM: &str =
    "dba91004f904814d3dd446a7801b7a26702821c9adbbd081dbfa4c37f8fedad27e376c4396ca5486eadb7bf5";
