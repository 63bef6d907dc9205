//! What a careless or hostile peer may send, and what then must not happen.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Cursor, ErrorKind};

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tssh_core::wire::{
    Accept, Alive, BusDecoder, BusEvent, BusHello, DialRequest, Exit, MAX_MESSAGE, Quit,
    RemoteAddr, Resize, Secret, ServerInfo, SessionStart, Setting, WireError, X11Request, codec,
};

// --- messages ---

#[tokio::test]
async fn a_message_of_4_gib_is_refused_before_a_byte_of_it_is_read() {
    let mut wire = Cursor::new([&[0xff; 4][..], b"{}"].concat());
    let refused = codec::read_message::<Accept, _>(&mut wire)
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "message of 4294967295 bytes is over the limit of 1048576"
    );
    assert!(!refused.is_recoverable());
    assert_eq!(wire.position(), 4);
}

#[tokio::test]
async fn an_announced_megabyte_that_never_comes_costs_no_megabyte() {
    // The stream has only as much to give as the test put in: a reader that allocated by the peer's word
    // would be seen in the capacity that it asks of the stream.
    let wire = [&(MAX_MESSAGE as u32).to_be_bytes()[..], b"{\"ID\":"].concat();
    let mut asked = Asked {
        wire: Cursor::new(wire),
        most: 0,
    };
    let cut = codec::read_message::<Accept, _>(&mut asked)
        .await
        .unwrap_err();
    assert!(matches!(cut, WireError::Io(why) if why.kind() == ErrorKind::UnexpectedEof));
    assert!(
        asked.most <= 64 * 1024,
        "asked for {} bytes at once",
        asked.most
    );
}

#[tokio::test]
async fn the_longest_message_passes_and_one_byte_more_does_not() {
    let room = MAX_MESSAGE - r#"{"Msg":""}"#.len();
    let mut out = BytesMut::new();
    codec::encode_message(
        &Quit {
            reason: "x".repeat(room),
        },
        &mut out,
    )
    .unwrap();
    assert_eq!(out.len(), 4 + MAX_MESSAGE);
    assert_eq!(
        codec::read_message::<Quit, _>(&mut &out[..])
            .await
            .unwrap()
            .reason
            .len(),
        room
    );

    let mut out = BytesMut::from(&b"before"[..]);
    let refused = codec::encode_message(
        &Quit {
            reason: "x".repeat(room + 1),
        },
        &mut out,
    );
    assert!(matches!(refused, Err(WireError::TooLong(length)) if length == MAX_MESSAGE as u64 + 1));
    assert_eq!(&out[..], b"before");
}

#[tokio::test]
async fn a_reader_takes_no_byte_behind_its_message() {
    let mut wire = Cursor::new(b"\x03bus\0\0\0\x02{}raw".to_vec());
    assert_eq!(codec::read_command(&mut wire).await.unwrap(), "bus");
    assert_eq!(
        codec::read_message::<BusHello, _>(&mut wire).await.unwrap(),
        BusHello::default()
    );
    let mut rest = String::new();
    wire.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "raw");
}

#[test]
fn names_match_without_regard_to_case_and_unknown_ones_are_ignored() {
    let text = r#" {"iD":1,"COLS":2,"rows":3,"New":{"ID":[9]},"Redraw":true} "#;
    let resize = Resize {
        id: 1,
        cols: 2,
        rows: 3,
        redraw: true,
        marker: vec![],
    };
    assert_eq!(read::<Resize>(text).unwrap(), resize);
}

#[test]
fn null_is_zero_and_the_last_of_two_names_wins() {
    assert_eq!(read::<Exit>("null").unwrap(), Exit::default());
    let text = r#"{"ID":null,"ExitCode":1,"exitcode":2,"ExitSignal":null}"#;
    assert_eq!(
        read::<Exit>(text).unwrap(),
        Exit {
            code: 2,
            ..Exit::default()
        }
    );
    let text = r#"{"Args":null,"Envs":{"A":null},"X11":null,"ShellCommand":null,"TermModes":""}"#;
    let start = SessionStart {
        envs: [("A".into(), String::new())].into(),
        ..Default::default()
    };
    assert_eq!(read::<SessionStart>(text).unwrap(), start);
    let text = r#"{"KeepPendingInput":null,"KeepPendingOutput":false}"#;
    let setting = Setting {
        keep_pending_input: None,
        keep_pending_output: Some(false),
    };
    assert_eq!(read::<Setting>(text).unwrap(), setting);
}

#[test]
fn bytes_that_are_not_utf_8_become_replacement_characters() {
    let quit: Quit = read_bytes(b"{\"Msg\":\"a\xffb\"}").unwrap();
    assert_eq!(
        quit,
        Quit {
            reason: "a\u{fffd}b".into()
        }
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_one_clear_sentence() {
    for (text, wanted) in [
        (r#"{"Timeout":-1}"#, "duration of -1 ns is below zero"),
        (r#"{"Timeout":1.5}"#, "floating point"),
        (r#"{"Net":7}"#, "invalid type: integer `7`"),
        ("[1]", "invalid type: sequence, expected an object"),
        ("", "EOF"),
        (r#"{"Net":"tcp"} {}"#, "trailing characters"),
    ] {
        let why = read::<DialRequest>(text).unwrap_err();
        let sentence = why.to_string();
        assert!(
            sentence.starts_with("message is not the JSON that was wanted: "),
            "{sentence}"
        );
        assert!(sentence.contains(wanted), "{sentence}");
        assert!(why.is_recoverable());
    }
}

#[test]
fn a_peers_words_cannot_move_the_users_cursor() {
    let text = r#"{"Code":0,"Msg":"\u001b[2Jgone\r\n\u202eevil\u0007"}"#;
    let mut wire = BytesMut::new();
    wire.extend_from_slice(&(text.len() as u32).to_be_bytes());
    wire.extend_from_slice(text.as_bytes());
    let refused = block_on(codec::read_ack(&mut &wire[..])).unwrap_err();
    assert_eq!(refused.to_string(), "the server refuses: [2Jgone evil");

    let long = WireError::Refused {
        code: 0,
        reason: tssh_core::wire::Printable::new(&"é".repeat(MAX_MESSAGE)),
    };
    assert!(long.to_string().len() < 600);
}

#[test]
fn a_remote_address_that_is_none_is_no_address() {
    let text = r#"{"ip":"not an ip","PORT":80}"#;
    assert_eq!(read::<RemoteAddr>(text).unwrap().socket_addr(), None);
    assert!(read::<RemoteAddr>(r#"{"Port":65536}"#).is_err());
}

// --- commands ---

#[tokio::test]
async fn a_command_that_is_no_word_is_refused() {
    for wire in [&b"\0"[..], b"\x02\x1b[", b"\x02\xc3\xa9", b"\x03a b"] {
        let refused = codec::read_command(&mut &wire[..]).await.unwrap_err();
        assert!(matches!(refused, WireError::BadCommand(_)), "{refused}");
    }
    let cut = codec::read_command(&mut &b"\x05bus"[..]).await.unwrap_err();
    assert!(matches!(cut, WireError::Io(why) if why.kind() == ErrorKind::UnexpectedEof));
    for name in ["", "two words", &"x".repeat(256)] {
        let mut out = BytesMut::new();
        assert!(codec::encode_command(name, &mut out).is_err());
        assert_eq!(out.len(), 0);
    }
}

#[test]
fn a_command_of_another_version_is_named_in_the_error() {
    let unknown = "teleport".parse::<tssh_core::wire::Command>().unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "command \"teleport\" is unknown to this version"
    );
}

// --- the bus ---

#[test]
fn an_unknown_event_is_skipped_and_named() {
    let mut wire = BytesMut::new();
    wire.extend_from_slice(b"\x05weird\x00\x00\x00\x09[1,2,{}]!");
    BusEvent::Alive(Alive { time_ms: 1 })
        .encode(&mut wire)
        .unwrap();
    let mut decoder = BusDecoder::new();
    decoder.push(&wire);
    assert_eq!(
        decoder.poll_event().unwrap(),
        Some(BusEvent::Unknown("weird".into()))
    );
    assert_eq!(
        decoder.poll_event().unwrap(),
        Some(BusEvent::Alive(Alive { time_ms: 1 }))
    );
    assert_eq!(decoder.poll_event().unwrap(), None);
}

#[test]
fn an_event_whose_message_is_nonsense_does_not_end_the_bus() {
    let mut decoder = BusDecoder::new();
    decoder.push(b"\x04exit\x00\x00\x00\x03{]}\x05close");
    assert!(decoder.poll_event().unwrap_err().is_recoverable());
    assert_eq!(decoder.poll_event().unwrap(), Some(BusEvent::Close));
}

#[test]
fn an_event_over_the_limit_ends_the_bus_for_good() {
    for name in [&b"\x04exit"[..], b"\x05weird"] {
        let mut decoder = BusDecoder::new();
        decoder.push(name);
        decoder.push(&[0, 0x10, 0, 1]);
        let over = decoder.poll_event().unwrap_err();
        assert!(matches!(over, WireError::TooLong(length) if length == MAX_MESSAGE as u64 + 1));
        decoder.push(b"\x05close");
        assert!(matches!(decoder.poll_event(), Err(WireError::OutOfStep)));
    }
}

#[tokio::test]
async fn a_bus_read_in_a_select_loses_nothing_when_another_arm_wins() {
    let (mut near, mut far) = tokio::io::duplex(1024);
    let mut wire = BytesMut::new();
    BusEvent::Alive(Alive { time_ms: 7 })
        .encode(&mut wire)
        .unwrap();
    let (first, second) = wire.split_at(9);

    let mut decoder = BusDecoder::new();
    tokio::io::AsyncWriteExt::write_all(&mut far, first)
        .await
        .unwrap();
    tokio::select! {
        biased;
        event = decoder.read_event(&mut near) => panic!("half an event gave {event:?}"),
        () = std::future::ready(()) => {}
    }
    tokio::io::AsyncWriteExt::write_all(&mut far, second)
        .await
        .unwrap();
    let event = decoder.read_event(&mut near).await.unwrap();
    assert_eq!(event, Some(BusEvent::Alive(Alive { time_ms: 7 })));

    drop(far);
    assert_eq!(decoder.read_event(&mut near).await.unwrap(), None);
}

#[tokio::test]
async fn a_bus_that_ends_inside_an_event_is_an_error() {
    let mut decoder = BusDecoder::new();
    let cut = decoder
        .read_event(&mut &b"\x05alive\0\0"[..])
        .await
        .unwrap_err();
    assert!(matches!(cut, WireError::Io(why) if why.kind() == ErrorKind::UnexpectedEof));
}

// --- secrets ---

#[test]
fn nothing_secret_is_in_the_debug_form() {
    let mut info = ServerInfo {
        pass: Secret::new("5ec0".into()),
        salt: Secret::new("5ec1".into()),
        client_key: Secret::new("5ec2".into()),
        proxy_key: Secret::new("5ec3".into()),
        ..ServerInfo::default()
    };
    info.extra.insert("Token".into(), "5ec4".into());
    let cookie = X11Request {
        auth_cookie: Secret::new("5ec5".into()),
        ..Default::default()
    };
    let start = SessionStart {
        x11: Some(cookie),
        envs: [("LC_PIN".into(), "5ec6".into())].into(),
        ..SessionStart::default()
    };
    let typed = tssh_core::wire::Discard {
        input: b"5ec7".into(),
        ..Default::default()
    };
    let shown = format!("{info:?} {start:?} {typed:?}");
    assert!(!shown.contains("5ec"), "{shown}");
    assert!(shown.contains("Token") && shown.contains("LC_PIN") && shown.contains("4 bytes"));
}

// --- a command line ---

#[test]
fn a_command_line_is_for_the_users_shell_whoever_the_server_is() {
    let start = SessionStart::command(2, b"echo \xff | wc -c");
    assert_eq!(start.shell_command, b"echo \xff | wc -c");
    assert_eq!(start.name, "sh");
    assert_eq!(
        start.args,
        [
            "-c",
            r#"exec "${SHELL:-sh}" -c "$1""#,
            "sh",
            "echo \u{fffd} | wc -c"
        ]
    );
}

#[test]
fn no_argument_of_a_command_line_starts_as_go_rewrites_it() {
    let start = SessionStart::command(2, b"~/bin/backup --all");
    assert_eq!(start.args.last().unwrap(), " ~/bin/backup --all");
    assert_eq!(start.shell_command, b"~/bin/backup --all");
}

fn read<T: tssh_core::wire::Decode>(text: &str) -> Result<T, WireError> {
    read_bytes(text.as_bytes())
}

fn read_bytes<T: tssh_core::wire::Decode>(text: &[u8]) -> Result<T, WireError> {
    let wire = [&(text.len() as u32).to_be_bytes(), text].concat();
    block_on(codec::read_message(&mut &wire[..]))
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// A stream that remembers the largest buffer it was given to fill.
struct Asked {
    wire: Cursor<Vec<u8>>,
    most: usize,
}

impl tokio::io::AsyncRead for Asked {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        self.most = self.most.max(buf.remaining());
        std::pin::Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}
