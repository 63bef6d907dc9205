//! The line of a server, found in what logins print.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tssh_core::wire::{BusHello, InfoError, MAX_OUTPUT, Scanner, Secret, ServerInfo};

#[test]
fn what_is_no_server_info_is_not_repeated_where_it_could_be_a_key() {
    let key = "a".repeat(64);
    let mut said = String::new();
    for output in [
        format!("\x07\"ProxyKey\":\"{key}\""),
        format!("\x07{{\"Port\":\"{key}\"}}"),
        format!("\x07{{\"{key}}}"),
        format!("\x07{{\"ProxyKey\":\"{key}"),
    ] {
        let why = ServerInfo::find(output.as_bytes()).unwrap_err();
        said += &format!("{why} {why:?}\n");
    }
    assert!(!said.contains("aaaaaaaa"), "{said}");
}

const GOOD: &str = r#"{"ServerVer":"0.1.8","ProtoVer":1,"Port":61001,"Mode":"QUIC"}"#;

#[test]
fn the_line_is_found_in_any_noise() {
    let good = ServerInfo::from_json(GOOD.as_bytes()).unwrap();
    let wrapped = format!("{}\r\n{}", &GOOD[..20], &GOOD[20..]);
    for output in [
        GOOD.to_owned(),
        format!("\x07{GOOD}\r\n"),
        format!("Welcome {{friend}}!\r\n\x07\x07{GOOD}\n"),
        format!("\x1b]0;title\x07\x1b[?2004l\x1b[1;31mhi\x1b[0m\x07{GOOD}\n"),
        format!("\x1b]0;unterminated title\x07{GOOD}\n"),
        format!("\x1b]0;unterminated title\r\n\x07{GOOD}\n"),
        format!("{{x}} \x1b]0;unterminated title\x07{GOOD}\n"),
        format!("\x07\x1b[0m{wrapped}\x1b[K\r\n"),
        format!("\x07{GOOD}\r\nbye\x07"),
        format!("\x07{GOOD}\n\x1b]0;title\x07"),
        format!("\x1b(B\x1b=\x1bP1$r0m\x1b\\\x07{GOOD}\n\x1b"),
        format!("\x07{GOOD}\nlogout\x07{{not json}}"),
    ] {
        assert_eq!(
            ServerInfo::find(output.as_bytes()),
            Ok(good.clone()),
            "{output:?}"
        );
    }
}

#[test]
fn the_line_is_taken_as_soon_as_it_is_whole() {
    let good = ServerInfo::from_json(GOOD.as_bytes()).unwrap();
    let output = format!("motd {{x}}\r\n\x07{GOOD}\r\n");
    let mut scanner = Scanner::new();
    let (last, before) = output.as_bytes().split_last().unwrap();
    for byte in before {
        assert_eq!(scanner.push(&[*byte]), Ok(None));
    }
    assert_eq!(scanner.push(&[*last]), Ok(Some(good)));
}

#[test]
fn a_login_that_never_stops_printing_is_cut_off() {
    let mut scanner = Scanner::new();
    scanner.push(b"\x07").unwrap();
    let mut last = Ok(None);
    for _ in 0..=MAX_OUTPUT / 4 {
        last = scanner.push(b"{}}\n");
        if last.is_err() {
            break;
        }
    }
    assert_eq!(last, Err(InfoError::TooMuch(MAX_OUTPUT)));
}

#[test]
fn output_without_a_server_info_is_one_clear_sentence() {
    for (output, sentence) in [
        (
            "",
            "tsshd printed nothing where its server info was wanted: is it installed and in PATH?",
        ),
        (
            "\r\n\x07 ",
            "tsshd printed nothing where its server info was wanted: is it installed and in PATH?",
        ),
        (
            "bash: tsshd: command\r\n not found\r\n",
            "tsshd printed `bash: tsshd: command not found` where its server info was wanted",
        ),
        (
            "\x07{\"ServerVer\":\"0.1",
            "the server info of tsshd is truncated after 17 bytes: was the login cut off?",
        ),
        (
            "\x07{\"a\":{\"b\":1}",
            "the server info of tsshd is truncated after 12 bytes: was the login cut off?",
        ),
        (
            "\x07{garbage}",
            "the server info of tsshd is not JSON at byte 2: did something else print into it?",
        ),
        (
            "\x07{\"Port\":70000}",
            "a field in the server info of tsshd has an unusable value at byte 13: is it another version?",
        ),
        (
            "\x07{\"ServerVer\":\"0.1.5\"}",
            "version 0.1.5 is too old, 0.1.6 or newer is wanted: upgrade the program on the other side",
        ),
        (
            "\x07{}",
            "version (nothing) is too old, 0.1.6 or newer is wanted: upgrade the program on the other side",
        ),
        (
            "\x07{\"ServerVer\":\"new\"}",
            "version new is not three numbers with dots, such as 0.1.8",
        ),
    ] {
        let why = ServerInfo::find(output.as_bytes()).unwrap_err();
        assert_eq!(why.to_string(), sentence, "{output:?}");
    }
}

#[test]
fn a_server_before_protocol_1_is_accepted_from_0_1_6() {
    let info = ServerInfo::from_json(br#"{"ServerVer":"0.1.6","Port":61001}"#).unwrap();
    assert_eq!(info.common_protocol(), Ok(0));
    let info =
        ServerInfo::from_json(br#"{"ServerVer":"9.0.0","ProtoVer":7,"Port":61001}"#).unwrap();
    assert_eq!(info.common_protocol(), Ok(1));
    let hello = BusHello {
        client_version: "0.1.5".into(),
        ..BusHello::default()
    };
    assert!(hello.common_protocol().is_err());
}

#[test]
fn a_bad_key_is_one_clear_sentence() {
    let with = |key: &str| ServerInfo {
        proxy_key: Secret::new(key.into()),
        ..Default::default()
    };
    for (key, sentence) in [
        ("", "the server info has no ProxyKey, which its mode needs"),
        ("xyz", "ProxyKey in the server info is not hexadecimal"),
        ("abc", "ProxyKey in the server info is not hexadecimal"),
        (
            "abcd",
            "ProxyKey in the server info has 2 bytes, 32 are wanted",
        ),
    ] {
        assert_eq!(with(key).proxy_key().unwrap_err().to_string(), sentence);
    }
    assert_eq!(*with(&"0f".repeat(32)).proxy_key().unwrap(), [0x0f; 32]);
}

#[test]
fn a_truncated_certificate_is_one_clear_sentence() {
    let whole = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for length in 1..whole.len() - 1 {
        let server_cert = hex::encode(&whole[..length]);
        let info = ServerInfo {
            server_cert,
            ..ServerInfo::default()
        };
        assert_eq!(
            info.server_cert().unwrap_err().to_string(),
            "ServerCert in the server info is not a whole PEM text: was it truncated?"
        );
    }
    let info = ServerInfo {
        server_cert: hex::encode(whole),
        ..ServerInfo::default()
    };
    assert_eq!(info.server_cert().unwrap(), whole.as_bytes());
}

#[test]
fn an_unknown_mode_is_one_clear_sentence() {
    let info = ServerInfo {
        mode: "SMOKE".into(),
        proxy_mode: "BIRD".into(),
        ..Default::default()
    };
    assert_eq!(
        info.mode_of(&["QUIC", "KCP"]).unwrap_err().to_string(),
        "the server speaks SMOKE, this program speaks QUIC or KCP"
    );
    assert_eq!(
        info.is_tcp().unwrap_err().to_string(),
        "the server listens in proxy mode BIRD, this program knows TCP and UDP"
    );
}

#[test]
fn a_port_or_an_mtu_that_cannot_be_is_one_clear_sentence() {
    for (text, sentence) in [
        (
            r#"{"ServerVer":"0.1.8"}"#,
            "the server info names port 0, where nobody listens: is it another version?",
        ),
        (
            r#"{"ServerVer":"0.1.8","Port":61001,"MTU":65535}"#,
            "the server info has an MTU of 65535, 1200 to 9000 are wanted",
        ),
    ] {
        let refused = ServerInfo::from_json(text.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), sentence);
    }
}
