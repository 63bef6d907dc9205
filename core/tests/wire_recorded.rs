//! The recorded session of the original programs, read by our types and written again byte for byte.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod recording;

use std::time::Duration;

use bytes::BytesMut;
use tssh_core::wire::{
    Alive, BusDecoder, BusEvent, BusHello, BusWelcome, Discard, Exit, ServerInfo, SessionStart,
    StderrStart, codec,
};

#[tokio::test]
async fn the_clients_bus_is_read_and_written_byte_for_byte() {
    let sent = recording::open().from_client.streams.remove(&3).unwrap();
    let mut rest = &sent[..];
    assert_eq!(codec::read_command(&mut rest).await.unwrap(), "bus");
    let hello: BusHello = codec::read_message(&mut rest).await.unwrap();
    let events = all_events(rest);

    assert_eq!(
        hello,
        BusHello {
            client_version: "0.1.8".into(),
            protocol: 1,
            alive_timeout: Duration::from_secs(864_000),
            interval: Duration::from_secs(1),
            heartbeat_timeout: Duration::from_secs(3),
            ..BusHello::default()
        }
    );
    assert!(matches!(&events[0], BusEvent::Rekey(rekey) if rekey.public_key.len() == 65));
    assert_eq!(
        events[1],
        BusEvent::Alive(Alive {
            time_ms: 1_795_250_821_286
        })
    );
    assert_eq!(events.last(), Some(&BusEvent::Close));

    let mut written = BytesMut::new();
    codec::encode_command("bus", &mut written).unwrap();
    codec::encode_message(&hello, &mut written).unwrap();
    encode_all(&events, &mut written);
    assert_eq!(written, sent);
}

#[tokio::test]
async fn the_servers_bus_is_read_and_written_byte_for_byte() {
    let sent = recording::open().from_server.streams.remove(&3).unwrap();
    let mut rest = &sent[..];
    codec::read_ack(&mut rest).await.unwrap();
    let welcome: BusWelcome = codec::read_reply(&mut rest).await.unwrap();
    let events = all_events(rest);

    assert_eq!(welcome, BusWelcome { next_session_id: 1 });
    let marker = vec![0xff, 0xc0, 0xc1, 0xff, 0, 0, 0, 1];
    assert!(events.contains(&BusEvent::Discard(Discard {
        marker,
        ..Discard::default()
    })));
    let exit = Exit {
        id: 1,
        code: 3,
        ..Exit::default()
    };
    assert_eq!(events.last(), Some(&BusEvent::Exit(exit)));

    let mut written = BytesMut::new();
    codec::encode_ack(&mut written);
    codec::encode_reply(&welcome, &mut written).unwrap();
    encode_all(&events, &mut written);
    assert_eq!(written, sent);
}

#[tokio::test]
async fn the_session_is_read_and_written_byte_for_byte() {
    let recording = recording::open();
    let sent = &recording.from_client.streams[&5];
    let mut rest = &sent[..];
    assert_eq!(codec::read_command(&mut rest).await.unwrap(), "session");
    let start: SessionStart = codec::read_message(&mut rest).await.unwrap();

    assert_eq!(
        start,
        SessionStart {
            id: 1,
            name: "sh".into(),
            args: vec!["-c".into(), "cat; echo err >&2; exit 3".into()],
            ..SessionStart::default()
        }
    );
    assert_eq!(
        rest,
        b"hello golden vectors\n\xff\xc0\xc1\xff\x00\x00\x00\x01after the dark\n"
    );
    let mut written = BytesMut::new();
    codec::encode_command("session", &mut written).unwrap();
    codec::encode_message(&start, &mut written).unwrap();
    written.extend_from_slice(rest);
    assert_eq!(written, sent);

    let mut answered = &recording.from_server.streams[&5][..];
    codec::read_ack(&mut answered).await.unwrap();
    codec::read_ack(&mut answered).await.unwrap();
    assert_eq!(answered, b"hello golden vectors\nafter the dark\n");
}

#[tokio::test]
async fn the_stderr_stream_is_read_and_written_byte_for_byte() {
    let recording = recording::open();
    let sent = &recording.from_client.streams[&7];
    let mut rest = &sent[..];
    assert_eq!(codec::read_command(&mut rest).await.unwrap(), "stderr");
    let start: StderrStart = codec::read_message(&mut rest).await.unwrap();

    assert_eq!((&start, rest), (&StderrStart { id: 1 }, &[][..]));
    let mut written = BytesMut::new();
    codec::encode_command("stderr", &mut written).unwrap();
    codec::encode_message(&start, &mut written).unwrap();
    assert_eq!(written, sent);

    let mut answered = &recording.from_server.streams[&7][..];
    codec::read_ack(&mut answered).await.unwrap();
    codec::read_ack(&mut answered).await.unwrap();
    // The command wrote `err` there; the recorded server ended the stream without it.
    assert_eq!(answered, b"");
}

#[test]
fn the_recording_shows_a_move_to_a_new_path_and_an_orderly_end() {
    let recording = recording::open();
    assert_eq!(recording.client_serials.first(), Some(&1));
    assert_eq!(recording.client_serials.last(), Some(&2));
    assert_eq!(recording.server_serials, [1, 2]);
    assert_eq!(
        recording.from_client.fins,
        [(5, 2), (5, 1), (7, 1), (5, 0), (3, 2), (3, 0)]
    );
    assert_eq!(recording.from_server.fins, [(5, 1), (5, 2), (7, 2)]);
}

#[test]
fn the_printed_lines_of_both_modes_are_read_and_written_byte_for_byte() {
    for file in [
        include_str!("vectors/kcp-info.json"),
        include_str!("vectors/quic-info.json"),
    ] {
        let recorded = recording::info(file);
        let raw = recorded["raw"].as_str().unwrap();
        let info = ServerInfo::find(raw.as_bytes()).unwrap();
        assert_eq!(std::str::from_utf8(&info.to_line()).unwrap(), raw);
        assert_eq!(info.port, recorded["info"]["Port"].as_u64().unwrap() as u16);
        assert_eq!(
            info.client_id,
            recorded["info"]["ClientID"].as_u64().unwrap()
        );
    }
}

#[test]
fn the_certificates_of_the_recorded_quic_line_are_pem() {
    let recorded = recording::info(include_str!("vectors/quic-info.json"));
    let info = ServerInfo::find(recorded["raw"].as_str().unwrap().as_bytes()).unwrap();
    assert!(
        info.server_cert()
            .unwrap()
            .starts_with(b"-----BEGIN CERTIFICATE-----\n")
    );
    assert!(
        info.client_cert()
            .unwrap()
            .ends_with(b"-----END CERTIFICATE-----\n")
    );
    assert!(
        info.client_key()
            .unwrap()
            .starts_with(b"-----BEGIN EC PRIVATE KEY-----\n")
    );
    assert_eq!(info.mode_of(&["KCP", "QUIC"]), Ok("QUIC"));
}

/// The events of a bus, fed byte by byte.
fn all_events(bytes: &[u8]) -> Vec<BusEvent> {
    let mut decoder = BusDecoder::new();
    let mut events = Vec::new();
    for byte in bytes {
        decoder.push(&[*byte]);
        events.extend(decoder.poll_event().unwrap());
    }
    events
}

fn encode_all(events: &[BusEvent], out: &mut BytesMut) {
    for event in events {
        event.encode(out).unwrap();
    }
}
