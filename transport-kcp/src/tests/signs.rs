//! Which packets say that the peer lives.

use std::time::Instant;

use bytes::Bytes;

use crate::fec::HEADER;
use crate::replay::RECENT;
use crate::session::Session;

#[test]
fn a_datagram_is_delivered_and_says_nothing_of_the_path_once_numbered_packets_came() {
    let now = Instant::now();
    let mut client = Session::connecting(1400, 7, now);
    let mut server = Session::listening(1400);
    let mut nonces = (0u64..).map(nonce);
    let greeting = packet(&mut client, now);
    assert!(server.handle_body(nonces.next().unwrap(), &greeting, now));

    client.send_datagram(Bytes::from_static(b"first"));
    let datagram = packet(&mut client, now);
    let first = nonces.next().unwrap();
    assert!(!server.handle_body(first, &datagram, now));
    assert_eq!(server.take_datagram().unwrap(), "first");
    assert!(!server.handle_body(first, &datagram, now));
    assert_eq!(server.take_datagram(), None);

    // Its nonce is forgotten in time: the replay is delivered, and keeps no dead path alive.
    for nonce in nonces.take(RECENT) {
        server.handle_body(nonce, &datagram, now);
        server.take_datagram().unwrap();
    }
    assert!(!server.handle_body(first, &datagram, now));
    assert_eq!(server.take_datagram().unwrap(), "first");
}

#[test]
fn a_peer_that_numbers_nothing_lives_by_what_it_sends() {
    let now = Instant::now();
    let mut client = Session::connecting(1400, 7, now);
    let mut server = Session::listening(1400);
    let bare = packet(&mut client, now).split_off(HEADER);
    assert!(server.handle_body(nonce(0), &bare, now));
    assert!(!server.handle_body(nonce(0), &bare, now));
    client.send_datagram(Bytes::from_static(b"datagram"));
    let datagram = packet(&mut client, now);
    assert!(server.handle_body(nonce(1), &datagram, now));
}

/// The body of the next packet.
fn packet(session: &mut Session, now: Instant) -> Vec<u8> {
    let mut body = Vec::new();
    session.poll_packet(&mut body, now).unwrap();
    body
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce
}
