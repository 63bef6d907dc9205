//! The session of the original programs decodes completely, and ours makes the same of the same input.

use std::collections::BTreeMap;
use std::time::Instant;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use serde_json::Value;
use tssh_core::wire::ServerInfo;

use crate::arq::recorded::Row;
use crate::crypto::Key;
use crate::fec::Body;
use crate::rekey::{Keys, Thresholds};
use crate::replay::Pairs;
use crate::session::Session;
use crate::smux::recorded::{Streams, streams_of};

#[test]
fn the_recorded_session_decodes_completely() {
    let recording = Recording::decode();
    let [client, server] = &recording.streams;
    assert_eq!(client.bytes.keys().copied().collect::<Vec<_>>(), [3, 5, 7]);
    assert!(client.bytes[&3].starts_with(b"\x03bus\0\0\0"));
    assert!(client.bytes[&5].starts_with(b"\x07session"));
    assert!(client.bytes[&7].starts_with(b"\x06stderr"));
    assert!(server.bytes[&3].starts_with(b"\0\0\0\x1a{\"Msg\":\"_TSSHD_NO_ERROR_\"}"));
    let said = |of: &Streams, text: &str| {
        let all: Vec<u8> = of.bytes.values().flatten().copied().collect();
        all.windows(text.len()).any(|part| part == text.as_bytes())
    };
    assert!(said(client, "rekey") && said(server, "rekey"));
    assert!(said(server, "discard"));
    assert!(recording.under_new_key > 100, "{}", recording.under_new_key);
    assert!(recording.copies > 50, "{}", recording.copies);
}

#[test]
fn the_secret_of_the_recorded_exchange_is_the_one_that_both_sides_found() {
    let rekey: Value = serde_json::from_str(REKEY).unwrap();
    let bytes = |name: &str| hex::decode(rekey[name].as_str().unwrap()).unwrap();
    let names: Vec<_> = rekey.as_object().unwrap().keys().cloned().collect();
    let named = |part: &str| names.iter().find(|name| name.contains(part)).unwrap();
    let private = PrivateKey::from_private_key(&ECDH_P256, &bytes(named("priv"))).unwrap();
    let public = UnparsedPublicKey::new(&ECDH_P256, bytes(named("pub")));
    let found = agree(&private, public, (), |secret| Ok(secret.to_vec()));
    assert_eq!(found, Ok(bytes("secret")));
}

/// Frames are cut otherwise; what they carry is the same.
#[test]
fn ours_makes_the_same_streams_of_the_same_input() {
    let recording = Recording::decode();
    let [recorded, _] = &recording.streams;
    let now = Instant::now();
    let mut client = Session::connecting(1400, 7, now);
    let mut server = Session::listening(1400);
    let waker = std::task::Waker::noop();
    let cx = std::task::Context::from_waker(waker);
    for (id, bytes) in &recorded.bytes {
        assert_eq!(client.mux.open(), Some(*id));
        assert!(client.mux.poll_write(*id, bytes, &cx).is_ready());
        if recorded.ended.contains_key(id) {
            client.mux.end_writing(*id);
        }
    }
    let mut row = Row::new(7);
    let mut nonce = 0u64;
    let mut at = now;
    for _ in 0..100 {
        at += std::time::Duration::from_millis(10);
        for (from, to) in [(0, 1), (1, 0)] {
            let mut packets = Vec::new();
            let sender = if from == 0 { &mut client } else { &mut server };
            loop {
                let mut body = Vec::new();
                if sender.poll_packet(&mut body, at).is_none() {
                    break;
                }
                packets.push(body);
            }
            for body in packets {
                if from == 0 {
                    let Some(Body::Numbered { segments, .. }) = Body::parse(&body) else {
                        panic!("{body:?}");
                    };
                    row.take(segments);
                }
                nonce += 1;
                let mut unique = [0; 12];
                unique[..8].copy_from_slice(&nonce.to_le_bytes());
                let receiver = if to == 0 { &mut client } else { &mut server };
                assert!(receiver.handle_body(unique, &body, at));
            }
        }
    }
    let ours = streams_of(&row.bytes);
    assert_eq!(ours.bytes, recorded.bytes);
    let ends = |of: &Streams| of.ended.keys().copied().collect::<Vec<_>>();
    assert_eq!(ends(&ours), ends(recorded));
}

struct Recording {
    /// Of the client and of the server.
    streams: [Streams; 2],
    under_new_key: usize,
    copies: usize,
}

impl Recording {
    /// Every departure from PROTOCOL.md panics.
    fn decode() -> Self {
        let info: Value =
            serde_json::from_str(include_str!("../../../core/tests/vectors/kcp-info.json"))
                .unwrap();
        let info = ServerInfo::find(info["raw"].as_str().unwrap().as_bytes()).unwrap();
        let rekey: Value = serde_json::from_str(REKEY).unwrap();
        let secret = hex::decode(rekey["secret"].as_str().unwrap()).unwrap();
        let (pass, salt) = (info.pass().unwrap(), info.salt().unwrap());
        let mut first = Keys::new(&*pass, &*salt, Thresholds::default(), Instant::now()).unwrap();
        let second = Key::derive(&secret, &*salt).unwrap();
        let mut sides: BTreeMap<String, (Row, Pairs)> = BTreeMap::new();
        let (mut under_new_key, mut copies) = (0, 0);
        for line in include_str!("../../../core/tests/vectors/kcp-packets.jsonl").lines() {
            let packet: Value = serde_json::from_str(line).unwrap();
            let bytes = hex::decode(packet["hex"].as_str().unwrap()).unwrap();
            // The proxy's own: authentication packets and dummies.
            if bytes.len() == 44 || bytes.len() == 16 {
                assert!(first.open(&mut bytes.clone()).is_err());
                continue;
            }
            let mut body = Vec::new();
            let mut attempt = bytes.clone();
            if let Ok(opened) = first.open(&mut attempt) {
                body.extend_from_slice(opened);
            } else {
                second
                    .open_apart(&bytes, &mut body)
                    .expect("it opens under no key");
                under_new_key += 1;
            }
            let Some(Body::Numbered { pair, segments, .. }) = Body::parse(&body) else {
                panic!("{body:?}");
            };
            let conv = Body::Bare(segments).conv().unwrap();
            let side = packet["dir"].as_str().unwrap().to_owned();
            let (row, pairs) = sides
                .entry(side)
                .or_insert_with(|| (Row::new(conv), Pairs::new()));
            if pairs.is_new(pair) {
                row.take(segments);
            } else {
                copies += 1;
            }
        }
        let streams = ["c>s", "s>c"].map(|side| streams_of(&sides[side].0.bytes));
        Self {
            streams,
            under_new_key,
            copies,
        }
    }
}

const REKEY: &str = include_str!("../../../core/tests/vectors/kcp-rekey.jsonl");
