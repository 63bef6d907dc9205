//! The exact bytes of every message, as PROTOCOL.md gives them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use tssh_core::wire::{
    Accept, AgentRequest, Alive, BusDecoder, BusEvent, BusHello, Channel, DebugLine, DialRequest,
    Discard, ErrorLine, Exit, Extension, ListenRequest, LocalCommand, Message, Nothing, Quit,
    Rekey, Resize, Secret, ServerInfo, ServerItem, ServerStatus, SessionStart, SessionStatus,
    Setting, StderrStart, UdpReady, ViewRequest, X11Request, codec,
};

#[tokio::test]
async fn a_hello_has_this_exact_form() {
    let hello = BusHello {
        client_version: "0.1.8".into(),
        protocol: 1,
        alive_timeout: Duration::from_secs(86_520),
        interval: Duration::from_millis(1333),
        heartbeat_timeout: Duration::from_secs(4),
        session_name: "work".into(),
        extension: Some(Extension {
            version: "0.1.0".into(),
            features: vec!["pipeline".into()],
        }),
    };
    both_ways(
        &hello,
        concat!(
            r#"{"ClientVer":"0.1.8","ProtoVer":1,"AliveTimeout":86520000000000,"#,
            r#""IntervalTime":1333000000,"HeartbeatTimeout":4000000000,"SessionName":"work","#,
            r#""Tssh":{"Version":"0.1.0","Features":["pipeline"]}}"#
        ),
    )
    .await;
}

#[tokio::test]
async fn a_session_start_has_this_exact_form() {
    let envs = [("TERM", "xterm"), ("LANG", "C")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let start = SessionStart {
        id: 7,
        pty: true,
        shell: true,
        name: "n".into(),
        args: vec!["a b".into(), String::new()],
        cols: 80,
        rows: 24,
        envs: BTreeMap::from(envs),
        x11: Some(X11Request {
            channel_type: "x11".into(),
            single_connection: true,
            auth_protocol: "MIT-MAGIC-COOKIE-1".into(),
            auth_cookie: Secret::hex(&[0xab, 0xcd]),
            screen_number: 2,
        }),
        agent: Some(AgentRequest {
            channel_type: "auth-agent@openssh.com".into(),
        }),
        subsystem: "sftp".into(),
        attach: true,
        stderr_id: 9,
        shell_command: b"ls\xff".into(),
        term_modes: vec![53, 0, 0, 0, 1, 0],
    };
    both_ways(
        &start,
        concat!(
            r#"{"ID":7,"Pty":true,"Shell":true,"Name":"n","Args":["a b",""],"Cols":80,"Rows":24,"#,
            r#""Envs":{"LANG":"C","TERM":"xterm"},"X11":{"ChannelType":"x11","#,
            r#""SingleConnection":true,"AuthProtocol":"MIT-MAGIC-COOKIE-1","AuthCookie":"abcd","#,
            r#""ScreenNumber":2},"Agent":{"ChannelType":"auth-agent@openssh.com"},"Subs":"sftp","#,
            r#""Attach":true,"ErrID":9,"ShellCommand":"bHP/","TermModes":"NQAAAAEA"}"#
        ),
    )
    .await;
}

#[tokio::test]
async fn the_small_messages_have_these_exact_forms() {
    both_ways(&StderrStart { id: 3 }, r#"{"ID":3}"#).await;
    both_ways(&Accept { id: 0 }, "{}").await;
    both_ways(&Accept { id: u64::MAX }, r#"{"ID":18446744073709551615}"#).await;
    both_ways(&UdpReady {}, "{}").await;
    both_ways(&Nothing {}, "{}").await;
    both_ways(&ViewRequest { id: 4 }, r#"{"ID":4}"#).await;
    both_ways(
        &DialRequest {
            net: "tcp".into(),
            addr: "[::1]:80".into(),
            timeout: Duration::from_secs(10),
        },
        r#"{"Net":"tcp","Addr":"[::1]:80","Timeout":10000000000}"#,
    )
    .await;
    both_ways(
        &ListenRequest {
            net: "unix".into(),
            addr: "/tmp/s".into(),
        },
        r#"{"Net":"unix","Addr":"/tmp/s"}"#,
    )
    .await;
}

#[tokio::test]
async fn the_control_socket_has_these_exact_forms() {
    let status = ServerStatus {
        started_at: 1_795_250_821,
        name: "work".into(),
        sessions: vec![
            SessionStatus {
                id: 1,
                title: "vim".into(),
            },
            SessionStatus {
                id: 2,
                title: String::new(),
            },
        ],
    };
    let json = r#"{"Time":1795250821,"Name":"work","Sessions":[{"ID":1,"Title":"vim"},{"ID":2}]}"#;
    both_ways(&status, json).await;
    both_ways(
        &ServerItem {
            pid: 42,
            info: "{}".into(),
        },
        r#"{"Pid":42,"Info":"{}"}"#,
    )
    .await;
    for command in [LocalCommand::Attach, LocalCommand::Info, LocalCommand::View] {
        assert_eq!(command.as_str().parse::<LocalCommand>().unwrap(), command);
    }
}

#[test]
fn every_event_has_this_exact_form() {
    let table: [(BusEvent, &str, &str); 12] = [
        (
            BusEvent::Alive(Alive { time_ms: -5 }),
            "alive",
            r#"{"Time":-5}"#,
        ),
        (
            BusEvent::Channel(Channel {
                channel_type: "x11".into(),
                id: 0,
            }),
            "channel",
            r#"{"ChannelType":"x11"}"#,
        ),
        (
            BusEvent::Debug(DebugLine {
                text: "a<b".into(),
                time_ms: 9,
            }),
            "debug",
            r#"{"Msg":"a\u003cb","Time":9}"#,
        ),
        (
            BusEvent::Discard(Discard {
                marker: vec![0xff, 0xc0, 0xc1, 0xff, 0, 0, 0, 1],
                input: b"ls".into(),
                output_lines: 3,
                output_bytes: 4,
            }),
            "discard",
            concat!(
                r#"{"DiscardMarker":"/8DB/wAAAAE=","DiscardedInput":"bHM=","#,
                r#""DiscardedOutputLines":3,"DiscardedOutputBytes":4}"#
            ),
        ),
        (
            BusEvent::Error(ErrorLine {
                code: 0,
                text: "no".into(),
            }),
            "error",
            r#"{"Msg":"no"}"#,
        ),
        (
            BusEvent::Exit(Exit {
                id: 1,
                ..Exit::default()
            }),
            "exit",
            r#"{"ID":1}"#,
        ),
        (
            BusEvent::Exit(Exit {
                id: 1,
                code: Exit::BY_SIGNAL,
                signal: "KILL".into(),
            }),
            "exit",
            r#"{"ID":1,"ExitCode":-1,"ExitSignal":"KILL"}"#,
        ),
        (
            BusEvent::Quit(Quit {
                reason: "bye".into(),
            }),
            "quit",
            r#"{"Msg":"bye"}"#,
        ),
        (
            BusEvent::Rekey(Rekey {
                public_key: vec![4; 3],
            }),
            "rekey",
            r#"{"PubKey":"BAQE"}"#,
        ),
        (
            BusEvent::Resize(Resize {
                id: 1,
                cols: 2,
                rows: 3,
                redraw: true,
                marker: vec![0],
            }),
            "resize",
            r#"{"ID":1,"Cols":2,"Rows":3,"Redraw":true,"Marker":"AA=="}"#,
        ),
        (
            BusEvent::Setting(Setting {
                keep_pending_input: Some(false),
                keep_pending_output: None,
            }),
            "setting",
            r#"{"KeepPendingInput":false}"#,
        ),
        (BusEvent::Unknown("novelty".into()), "novelty", "{}"),
    ];
    for (event, name, json) in table {
        let mut written = BytesMut::new();
        event.encode(&mut written).unwrap();
        assert_eq!(&written[..], with_command(name, json));
        assert_eq!(decode_all(&written), [event]);
    }
    let mut written = BytesMut::new();
    BusEvent::Close.encode(&mut written).unwrap();
    assert_eq!(&written[..], b"\x05close");
    assert_eq!(decode_all(&written), [BusEvent::Close]);
}

#[tokio::test]
async fn strings_are_escaped_as_go_does() {
    let text = "<a href=\"x\">&\u{2028}\u{2029}\u{8}\u{c}\n\r\t\u{1}\u{7f}é\\</a>";
    both_ways(
        &Quit {
            reason: text.into(),
        },
        concat!(
            r#"{"Msg":"\u003ca href=\"x\"\u003e\u0026\u2028\u2029\b\f\n\r\t\u0001"#,
            "\u{7f}é",
            r#"\\\u003c/a\u003e"}"#
        ),
    )
    .await;
}

#[test]
fn the_line_of_a_server_of_ours_has_this_exact_form() {
    let mut info = ServerInfo {
        server_version: "0.1.8".into(),
        protocol: 1,
        port: 61001,
        mode: "MEM".into(),
        proxy_key: Secret::hex(&[0x0a; 32]),
        client_id: u64::MAX,
        server_id: 1,
        proxy_mode: "TCP".into(),
        mtu: 1400,
        extension: Some(Extension {
            version: "0.1.0".into(),
            features: vec![],
        }),
        ..ServerInfo::default()
    };
    info.extra
        .insert("MemToken".into(), serde_json::json!({"a": [1, "<"]}));
    let line = concat!(
        "\u{7}",
        r#"{"ServerVer":"0.1.8","ProtoVer":1,"Port":61001,"Mode":"MEM","ProxyKey":""#,
        "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
        r#"","ClientID":18446744073709551615,"ServerID":1,"ProxyMode":"TCP","MTU":1400,"#,
        r#""Tssh":{"Version":"0.1.0"},"MemToken":{"a":[1,"\u003c"]}}"#,
        "\n"
    );
    assert_eq!(std::str::from_utf8(&info.to_line()).unwrap(), line);
    assert_eq!(ServerInfo::find(line.as_bytes()), Ok(info));
}

async fn both_ways<T: Message>(message: &T, json: &str) {
    let mut written = Vec::new();
    codec::write_message(&mut written, message).await.unwrap();
    let text = String::from_utf8_lossy(&written[4..]);
    assert_eq!(text, json);
    assert_eq!(written, with_length(json));
    let mut rest = &written[..];
    assert_eq!(
        codec::read_message::<T, _>(&mut rest).await.unwrap(),
        *message
    );
    assert_eq!(rest, b"");
}

fn decode_all(bytes: &[u8]) -> Vec<BusEvent> {
    let mut decoder = BusDecoder::new();
    decoder.push(bytes);
    std::iter::from_fn(|| decoder.poll_event().unwrap()).collect()
}

fn with_length(json: &str) -> Vec<u8> {
    [&(json.len() as u32).to_be_bytes(), json.as_bytes()].concat()
}

fn with_command(name: &str, json: &str) -> Vec<u8> {
    [&[name.len() as u8], name.as_bytes(), &with_length(json)].concat()
}
