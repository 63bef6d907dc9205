//! What holds for any bytes and any message.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod arbitrary;

use std::io::Cursor;

use arbitrary::{duration, event, extension, session_start, text};

use bytes::BytesMut;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use tssh_core::wire::{
    Accept, BusDecoder, BusEvent, BusHello, BusWelcome, DialReply, DialRequest, DialUdpReply,
    ListenRequest, Message, RemoteAddr, Resize, Scanner, Secret, ServerInfo, ServerItem,
    ServerStatus, SessionStart, SessionStatus, StderrStart, ViewRequest, codec,
};

proptest! {
    #[test]
    fn decoding_a_bus_never_panics_and_never_over_reads(bytes in bus_like(), cut in 1_usize..40) {
        let whole = outcome(&bytes, usize::MAX);
        // However the bytes were cut into pieces, the same events come out.
        prop_assert_eq!(&whole, &outcome(&bytes, cut));
    }

    #[test]
    fn reading_a_message_never_panics_and_never_over_reads(bytes in message_like()) {
        reads_in_bounds::<BusHello>(&bytes)?;
        reads_in_bounds::<SessionStart>(&bytes)?;
        reads_in_bounds::<Resize>(&bytes)?;
        reads_in_bounds::<DialReply>(&bytes)?;
        reads_in_bounds::<ServerStatus>(&bytes)?;
        reads_in_bounds::<ServerInfo>(&bytes)?;
    }

    #[test]
    fn reading_a_command_never_panics_and_never_over_reads(bytes in vec(any::<u8>(), 0..300)) {
        let mut wire = Cursor::new(&bytes[..]);
        let word = block_on(codec::read_command(&mut wire));
        let wanted = 1 + u64::from(bytes.first().copied().unwrap_or(0));
        prop_assert!(wire.position() <= wanted);
        if let Ok(word) = word {
            prop_assert_eq!(word.as_bytes(), &bytes[1..wanted as usize]);
        }
    }

    #[test]
    fn looking_for_a_servers_line_never_panics(
        pieces in vec(prop_oneof![
            vec(any::<u8>(), 0..20),
            Just(b"\x07".to_vec()), Just(b"\n".to_vec()), Just(b"\x1b]".to_vec()), Just(b"\x1b[".to_vec()),
            Just(b"{".to_vec()), Just(b"}".to_vec()), Just(br#"{"ProtoVer":1}"#.to_vec()),
        ], 0..20),
    ) {
        let whole = pieces.concat();
        let found = ServerInfo::find(&whole);
        let mut scanner = Scanner::new();
        let early = pieces.iter().find_map(|piece| scanner.push(piece).transpose());
        match early {
            Some(Ok(_)) => {}
            Some(Err(why)) => prop_assert!(why.to_string().contains("too old") || why.to_string().contains("three numbers")),
            None => prop_assert_eq!(scanner.finish(), found),
        }
    }

    #[test]
    fn every_event_round_trips(event in event()) {
        let mut written = BytesMut::new();
        event.encode(&mut written).unwrap();
        let mut decoder = BusDecoder::new();
        decoder.push(&written);
        prop_assert_eq!(decoder.poll_event().unwrap(), Some(event));
        prop_assert_eq!(decoder.poll_event().unwrap(), None);
    }

    #[test]
    fn a_hello_round_trips(
        (client_version, protocol, alive, interval, heartbeat, session_name, extension) in
            (text(), any::<u32>(), duration(), duration(), duration(), text(), option::of(extension()))
    ) {
        round_trips(&BusHello {
            client_version,
            protocol,
            alive_timeout: alive,
            interval,
            heartbeat_timeout: heartbeat,
            session_name,
            extension,
        })?;
    }

    #[test]
    fn a_session_start_round_trips(start in session_start()) {
        round_trips(&start)?;
    }

    #[test]
    fn every_small_message_round_trips(
        id in any::<u64>(), number in any::<i64>(), a in text(), b in text(), timeout in duration(),
        addr in option::of((text(), any::<u16>(), text())),
        sessions in vec((any::<u64>(), text()), 0..4),
    ) {
        round_trips(&Accept { id })?;
        round_trips(&StderrStart { id })?;
        round_trips(&ViewRequest { id })?;
        round_trips(&DialRequest { net: a.clone(), addr: b.clone(), timeout })?;
        round_trips(&ListenRequest { net: a.clone(), addr: b.clone() })?;
        round_trips(&ServerItem { pid: number, info: a.clone() })?;
        let sessions = sessions.into_iter().map(|(id, title)| SessionStatus { id, title }).collect();
        round_trips(&ServerStatus { started_at: number, name: a, sessions })?;
        reply_round_trips(&BusWelcome { next_session_id: id })?;
        reply_round_trips(&DialUdpReply { id })?;
        let remote_addr = addr.map(|(ip, port, zone)| RemoteAddr { ip, port, zone });
        reply_round_trips(&DialReply { remote_addr })?;
    }

    #[test]
    fn a_server_info_round_trips(
        (mode, port, mtu, client_id, server_id) in
            ("[A-Z]{0,6}", 1..=u16::MAX, 1200..=9000_u16, any::<u64>(), any::<u64>()),
        (keys, cert, extension) in (vec(vec(any::<u8>(), 0..64), 4), text(), option::of(extension())),
        extra in btree_map("X[a-z]{1,6}", text(), 0..3),
    ) {
        let mut info = ServerInfo {
            server_version: "0.1.8".into(),
            protocol: 1,
            port,
            mode,
            pass: Secret::hex(&keys[0]),
            salt: Secret::hex(&keys[1]),
            server_cert: cert.clone(),
            client_cert: cert,
            client_key: Secret::hex(&keys[2]),
            proxy_key: Secret::hex(&keys[3]),
            client_id,
            server_id,
            proxy_mode: "TCP".into(),
            mtu,
            extension,
            ..ServerInfo::default()
        };
        info.extra.extend(extra.into_iter().map(|(name, value)| (name, value.into())));
        prop_assert_eq!(ServerInfo::find(&info.to_line()), Ok(info));
    }
}

/// Every event of `bytes` fed in pieces of `size`, and the sentence of the error that ended it.
fn outcome(bytes: &[u8], size: usize) -> (Vec<BusEvent>, Vec<String>) {
    let (mut events, mut errors) = (Vec::new(), Vec::new());
    let mut decoder = BusDecoder::new();
    for piece in bytes.chunks(size.min(bytes.len()).max(1)) {
        decoder.push(piece);
        loop {
            match decoder.poll_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(why) if why.is_recoverable() => errors.push(why.to_string()),
                Err(why) => {
                    errors.push(why.to_string());
                    return (events, errors);
                }
            }
        }
    }
    (events, errors)
}

fn reads_in_bounds<T: Message>(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut wire = Cursor::new(bytes);
    let read = block_on(codec::read_message::<T, _>(&mut wire));
    let announced = bytes
        .first_chunk::<4>()
        .map_or(0, |prefix| u32::from_be_bytes(*prefix));
    prop_assert!(wire.position() <= 4 + u64::from(announced));
    if let Ok(message) = read {
        round_trips(&message)?;
    }
    Ok(())
}

fn round_trips<T: Message>(message: &T) -> Result<(), TestCaseError> {
    let mut written = BytesMut::new();
    codec::encode_message(message, &mut written).unwrap();
    let read: T = block_on(codec::read_message(&mut &written[..])).unwrap();
    prop_assert_eq!(&read, message);
    Ok(())
}

fn reply_round_trips<T: Message>(reply: &T) -> Result<(), TestCaseError> {
    let mut written = BytesMut::new();
    codec::encode_reply(reply, &mut written).unwrap();
    let read: T = block_on(codec::read_reply(&mut &written[..])).unwrap();
    prop_assert_eq!(&read, reply);
    Ok(())
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Bytes that get past the first checks of the bus now and then.
fn bus_like() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        Just("close"),
        Just("alive"),
        Just("exit"),
        Just("discard"),
        Just("setting"),
        Just("novelty"),
        Just("")
    ];
    let frame = (name, json_like()).prop_map(|(name, json)| {
        let length = (json.len() as u32).to_be_bytes();
        let message = if name == "close" {
            vec![]
        } else {
            [&length[..], &json].concat()
        };
        [&[name.len() as u8], name.as_bytes(), &message].concat()
    });
    vec(prop_oneof![8 => frame, 1 => vec(any::<u8>(), 0..8)], 0..8).prop_map(|parts| parts.concat())
}

fn message_like() -> impl Strategy<Value = Vec<u8>> {
    let framed = (json_like(), -2_i64..3).prop_map(|(json, off)| {
        let length = (json.len() as i64 + off).max(0) as u32;
        [&length.to_be_bytes()[..], &json].concat()
    });
    prop_oneof![3 => framed, 1 => vec(any::<u8>(), 0..64)]
}

fn json_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("null"),
        Just("true"),
        Just("0"),
        Just("-1"),
        Just("1e3"),
        Just("\"\""),
        Just("\"AA==\""),
        Just("\"x\\u0000\""),
        Just("\"ID\""),
        Just("\"Time\""),
        Just("\"Envs\""),
        Just("\"X11\""),
        Just("\"Port\""),
        Just("\"KeepPendingInput\""),
        Just("\"\\ud800\""),
    ];
    let name = prop_oneof![
        Just("ID"),
        Just("id"),
        Just("Time"),
        Just("ExitCode"),
        Just("Args"),
        Just("Envs"),
        Just("X11"),
        Just("Port"),
        Just("Timeout"),
        Just("DiscardMarker"),
        Just("Sessions"),
        Just("RemoteAddr"),
        Just("Tssh"),
        Just("KeepPendingInput"),
        Just("What")
    ];
    let value = prop_oneof![
        Just("0"),
        Just("7"),
        Just("-7"),
        Just("null"),
        Just("true"),
        Just("\"AQ==\""),
        Just("\"?\""),
        Just("[]"),
        Just("[\"a\"]"),
        Just("{}"),
        Just("{\"a\":\"b\"}"),
        Just("{\"ID\":1}"),
        Just("[{\"Title\":\"t\"}]"),
        Just("1.5"),
        Just("99999999999999999999"),
    ];
    let fields = vec(
        (name, value).prop_map(|(n, v)| format!("\"{n}\":{v}")),
        0..5,
    );
    prop_oneof![
        4 => fields.prop_map(|fields| format!("{{{}}}", fields.join(",")).into_bytes()),
        1 => vec(token, 0..12).prop_map(|tokens| tokens.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..32),
    ]
}
