use super::Verdict::{Fresh as FRESH, Refused as REFUSED};
use super::{AUTH_LEN, Ack, Challenger, Claim, ProxyKey, Verdict, Verifier};

/// Serials of a race are above this one.
const RACE: u64 = 1 << 63;
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
fn a_serial_counts_once_and_none_below_it() {
    let mut verifier = Verifier::new(CLIENT);
    assert_eq!(judge(&mut verifier, [1, 3]), [FRESH, FRESH]);
    assert_eq!(judge(&mut verifier, [3, 1, 2]), [REFUSED; 3]);
}

#[test]
fn the_authenticated_source_may_ask_for_its_acknowledgement_again() {
    let mut verifier = Verifier::new(CLIENT);
    assert_eq!(verifier.handle_claim(claim(5), false), FRESH);
    assert_eq!(verifier.handle_claim(claim(5), true), Verdict::Repeated);
}

#[test]
fn a_client_that_was_not_issued_is_refused() {
    let mut verifier = Verifier::new(CLIENT);
    let foreign = Claim {
        id: CLIENT + 1,
        serial: 9,
    };
    assert_eq!(verifier.handle_claim(foreign, false), REFUSED);
    assert_eq!(verifier.handle_claim(foreign, true), REFUSED);
    assert_eq!(verifier.handle_claim(claim(1), false), FRESH);
}

#[test]
fn serial_zero_is_never_fresh() {
    assert_eq!(judge(&mut Verifier::new(CLIENT), [0]), [REFUSED]);
}

#[test]
fn in_a_race_claims_may_overtake_each_other_and_each_counts_once() {
    let mut verifier = Verifier::new(CLIENT);
    let serials = [3, 1, 1, 2, 3, 2].map(|nth| RACE + nth);
    let verdicts = [FRESH, FRESH, REFUSED, FRESH, REFUSED, REFUSED];
    assert_eq!(judge(&mut verifier, serials), verdicts);
    // The first serial of a race is one above its base; those without a race count no more.
    assert_eq!(judge(&mut verifier, [RACE, 9, 0]), [REFUSED; 3]);
}

#[test]
fn what_was_overtaken_by_more_than_eight_or_by_the_end_of_the_race_is_refused() {
    let mut verifier = Verifier::new(CLIENT);
    let serials = [20, 11, 12, 19, 27, 18, 21].map(|nth| RACE + nth);
    let verdicts = [FRESH, REFUSED, FRESH, FRESH, FRESH, REFUSED, FRESH];
    assert_eq!(judge(&mut verifier, serials), verdicts);
    verifier.handle_choice();
    let verdicts = [REFUSED, REFUSED, FRESH];
    assert_eq!(
        judge(&mut verifier, [22, 26, 28].map(|nth| RACE + nth)),
        verdicts
    );
}

#[test]
fn a_racing_client_counts_from_the_base_of_the_race() {
    let mut challenger = Challenger::racing(CLIENT, SERVER);
    let first = challenger.next_claim();
    assert_eq!(first, claim(RACE + 1));
    assert!(first.races() && !claim(RACE).races() && !claim(RACE - 1).races());
    let second = challenger.next_claim();
    let answer = Claim {
        id: SERVER,
        ..second
    };
    assert!(!challenger.handle_ack(answer, first.serial));
    assert!(challenger.is_overtaken(answer, first.serial));
    assert!(
        !challenger.is_overtaken(second, first.serial),
        "our own words"
    );
    assert!(challenger.handle_ack(answer, second.serial));
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

fn judge<const N: usize>(verifier: &mut Verifier, serials: [u64; N]) -> [Verdict; N] {
    serials.map(|serial| verifier.handle_claim(claim(serial), false))
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
