use std::collections::HashSet;
use std::time::{Duration, Instant};

use tssh_core::transport::ErrorKind;

use crate::crypto::{Key, NONCE_LEN, Nonces};
use crate::rekey::{Keys, Thresholds};

#[test]
fn what_one_side_seals_the_other_opens_and_nobody_who_bent_a_bit() {
    let (mut near, mut far) = (keys(), keys());
    let sealed = packet(&mut near, b"body");
    assert_eq!(sealed.len(), NONCE_LEN + 4 + 16);
    for bit in 0..sealed.len() * 8 {
        let mut bent = sealed.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(far.open(&mut bent).is_err(), "bit {bit}");
    }
    for len in 0..sealed.len() {
        assert!(far.open(&mut sealed[..len].to_vec()).is_err());
    }
    assert_eq!(far.open(&mut sealed.clone()).unwrap(), b"body");
}

#[test]
fn a_packet_of_ones_own_does_not_open() {
    let (mut near, mut far) = (keys(), keys());
    for _ in 0..100 {
        let sealed = packet(&mut near, b"mine");
        assert!(near.open(&mut sealed.clone()).is_err());
        assert!(far.open(&mut sealed.clone()).is_ok());
    }
}

#[test]
fn nonces_do_not_repeat_and_have_no_part_in_common() {
    let nonces = Nonces::default();
    let drawn: Vec<_> = (0..10_000).map(|_| nonces.draw().unwrap()).collect();
    assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), drawn.len());
    // Each bit is set in half of them, give or take.
    for bit in 0..NONCE_LEN * 8 {
        let set = drawn
            .iter()
            .filter(|nonce| nonce[bit / 8] & 1 << (bit % 8) != 0);
        let set = set.count();
        assert!((4500..5500).contains(&set), "bit {bit}: {set}");
    }
}

#[test]
fn a_new_key_is_used_by_the_client_at_once_and_by_the_server_once_it_has_seen_it() {
    let now = Instant::now();
    let (mut client, mut server) = (keys(), keys());
    let before = packet(&mut client, b"before");
    let asked = client.ask().unwrap();
    assert_eq!((asked.len(), asked[0]), (65, 4));
    let answered = server.handle_ask(&asked, now).unwrap();
    let in_between = packet(&mut server, b"old");
    // Until the answer is there both sides speak under the old key.
    assert!(server.open(&mut packet(&mut client, b"old")).is_ok());

    client.handle_answer(&answered, now).unwrap();
    let new = packet(&mut client, b"new");
    assert!(keys().open(&mut new.clone()).is_err());
    assert_eq!(client.open(&mut in_between.clone()).unwrap(), b"old");
    assert_eq!(server.open(&mut new.clone()).unwrap(), b"new");
    // The first packet under the new key has dropped the old one.
    assert!(server.open(&mut before.clone()).is_err());
    let reply = packet(&mut server, b"reply");
    assert_eq!(client.open(&mut reply.clone()).unwrap(), b"reply");
    assert!(client.open(&mut in_between.clone()).is_err());
}

#[test]
fn points_that_are_none_and_answers_that_nobody_asked_for_are_refused_and_change_nothing() {
    let now = Instant::now();
    let (mut client, mut server) = (keys(), keys());
    let mut off_curve = client.ask().unwrap();
    off_curve[64] ^= 1;
    for wrong in [&[][..], &[4], &[0; 65], &off_curve] {
        let error = server.handle_ask(wrong, now).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misbehaved);
    }
    let error = client.handle_answer(&[0; 65], now).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the peer's key is not a point of the curve P-256"
    );
    let error = client.handle_answer(&off_curve, now).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the peer sent a key that nobody asked for"
    );
    assert!(server.open(&mut packet(&mut client, b"x")).is_ok());
    assert!(client.open(&mut packet(&mut server, b"x")).is_ok());
}

#[test]
fn a_point_in_any_other_form_than_the_uncompressed_one_is_refused() {
    let now = Instant::now();
    let (mut client, mut server) = (keys(), keys());
    let point = client.ask().unwrap();
    let odd = point[64] & 1;
    let compressed = [&[2 + odd][..], &point[1..33]].concat();
    let hybrid = [&[6 + odd][..], &point[1..]].concat();
    // As certificates hold it (RFC 5480): an algorithm, then the point.
    let mut certified = hex::decode(CERTIFIED).unwrap();
    certified.extend_from_slice(&point);
    let longer = [&point[..], &[0]].concat();
    for other in [compressed, hybrid, certified, longer] {
        let error = server.handle_ask(&other, now).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misbehaved, "{other:?}");
    }
    assert!(server.handle_ask(&point, now).is_ok());
}

#[test]
fn a_client_that_asks_again_and_again_costs_two_keys_and_no_more() {
    let now = Instant::now();
    let (mut client, mut server) = (keys(), keys());
    for _ in 0..50 {
        let asked = client.ask().unwrap();
        server.handle_ask(&asked, now).unwrap();
    }
    assert_eq!(format!("{server:?}"), "Keys { alive: 2, .. }");
    assert!(server.open(&mut packet(&mut client, b"x")).is_ok());
    assert!(client.open(&mut packet(&mut server, b"x")).is_ok());
}

#[test]
fn a_key_is_due_at_first_then_by_age_and_by_bytes_of_both_directions() {
    let hour = Duration::from_secs(3600);
    let (mut client, mut server) = (with(Thresholds::new(1000, hour)), keys());
    let t0 = Instant::now();
    let renew = |client: &mut Keys, server: &mut Keys, now| {
        let asked = client.ask().unwrap();
        assert!(!client.is_due(now), "it is being asked for");
        let answer = server.handle_ask(&asked, now).unwrap();
        client.handle_answer(&answer, now).unwrap();
        server.open(&mut packet(client, b"")).unwrap();
    };
    assert!(client.is_due(t0));
    renew(&mut client, &mut server, t0);
    assert!(!client.is_due(t0 + hour / 2));
    assert!(client.is_due(t0 + hour));
    renew(&mut client, &mut server, t0 + hour);
    assert!(!client.is_due(t0 + hour));
    packet(&mut client, &[0; 460]);
    assert!(!client.is_due(t0 + hour));
    client.open(&mut packet(&mut server, &[0; 460])).unwrap();
    assert!(client.is_due(t0 + hour));
}

#[test]
fn two_copies_of_one_side_seal_under_different_nonces() {
    let one = Nonces::default();
    // As a machine that is restored twice from one snapshot.
    let other = one.clone();
    let of = |nonces: &Nonces| (0..1000).map(|_| nonces.draw().unwrap()).collect();
    let (first, second): (HashSet<_>, HashSet<_>) = (of(&one), of(&other));
    assert!(first.is_disjoint(&second));
    // Neither takes the other's for the peer's.
    assert!(first.union(&second).all(|nonce| one.are_own(*nonce)));
    assert!(!Nonces::default().are_own(one.draw().unwrap()));
}

#[test]
fn a_key_is_due_after_so_many_packets_as_their_nonces_allow() {
    let now = Instant::now();
    let thresholds = Thresholds {
        packets: 10,
        ..Thresholds::default()
    };
    let (mut client, mut server) = (with(thresholds), keys());
    let asked = client.ask().unwrap();
    let answer = server.handle_ask(&asked, now).unwrap();
    client.handle_answer(&answer, now).unwrap();
    server.open(&mut packet(&mut client, b"")).unwrap();
    for _ in 0..4 {
        assert!(!client.is_due(now));
        server.open(&mut packet(&mut client, b"")).unwrap();
        client.open(&mut packet(&mut server, b"")).unwrap();
    }
    assert!(!client.is_due(now));
    client.open(&mut packet(&mut server, b"")).unwrap();
    assert!(client.is_due(now));
}

#[test]
fn packets_that_do_not_open_wear_no_key_out() {
    let mut keys = with(Thresholds::new(1000, Duration::from_secs(3600)));
    for _ in 0..100 {
        assert!(keys.open(&mut [7; 100]).is_err());
    }
    assert!(!keys.is_used_up());
}

#[test]
fn a_key_is_the_one_that_the_original_makes() {
    // HKDF-SHA-384 without info, 48 bytes each; checked with another implementation.
    let key = Key::derive(&[1; 48], &[2; 48]).unwrap();
    let mut packet = vec![0; NONCE_LEN];
    packet.extend_from_slice(b"tssh");
    key.seal([3; 12], &mut packet, 0).unwrap();
    assert_eq!(hex::encode(&packet), EXPECTED);
}

const EXPECTED: &str = "03030303030303030303030308d32c999481cc04329f8872fb80268166ac5c62";

fn keys() -> Keys {
    with(Thresholds::default())
}

fn with(thresholds: Thresholds) -> Keys {
    Keys::new(&[1; 48], &[2; 48], thresholds, Instant::now()).unwrap()
}

fn packet(keys: &mut Keys, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; NONCE_LEN];
    packet.extend_from_slice(body);
    keys.seal(&mut packet, 0).unwrap();
    packet
}

/// What stands before a point of P-256 in a certificate.
const CERTIFIED: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
