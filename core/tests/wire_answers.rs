//! Commands and answers: the exact bytes, and how they are written.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tssh_core::wire::{
    BusWelcome, Command, DialReply, DialUdpReply, Message, RemoteAddr, StderrStart, WireError,
    codec,
};

#[tokio::test]
async fn yes_has_this_exact_form_and_carries_the_reply_in_the_same_object() {
    let yes = br#"{"Msg":"_TSSHD_NO_ERROR_"}"#;
    let mut written = Vec::new();
    codec::write_ack(&mut written).await.unwrap();
    assert_eq!(written, [&[0, 0, 0, 26], &yes[..]].concat());
    codec::read_ack(&mut &written[..]).await.unwrap();

    let welcome = BusWelcome { next_session_id: 1 };
    reply_both_ways(&welcome, r#"{"Msg":"_TSSHD_NO_ERROR_","NextSessionID":1}"#).await;
    let over_ipv6 = RemoteAddr {
        ip: "fe80::1".into(),
        port: 22,
        zone: "eth0".into(),
    };
    reply_both_ways(
        &DialReply {
            remote_addr: Some(over_ipv6),
        },
        r#"{"Msg":"_TSSHD_NO_ERROR_","RemoteAddr":{"IP":"fe80::1","Port":22,"Zone":"eth0"}}"#,
    )
    .await;
    let over_ipv4 = RemoteAddr::from(
        "[::ffff:127.0.0.1]:80"
            .parse::<std::net::SocketAddr>()
            .unwrap(),
    );
    assert_eq!(
        over_ipv4.socket_addr(),
        Some("127.0.0.1:80".parse().unwrap())
    );
    reply_both_ways(
        &DialReply {
            remote_addr: Some(over_ipv4),
        },
        r#"{"Msg":"_TSSHD_NO_ERROR_","RemoteAddr":{"IP":"127.0.0.1","Port":80,"Zone":""}}"#,
    )
    .await;
    reply_both_ways(&DialReply::default(), r#"{"Msg":"_TSSHD_NO_ERROR_"}"#).await;
    reply_both_ways(
        &DialUdpReply { id: 1 },
        r#"{"Msg":"_TSSHD_NO_ERROR_","ID":1}"#,
    )
    .await;
}

#[tokio::test]
async fn no_has_this_exact_form_and_is_an_error_for_who_waits() {
    let mut written = Vec::new();
    codec::write_refusal(&mut written, WireError::PROHIBITED, "not here")
        .await
        .unwrap();
    assert_eq!(written, with_length(r#"{"Code":101,"Msg":"not here"}"#));

    let answer = codec::read_reply::<BusWelcome, _>(&mut &written[..])
        .await
        .unwrap_err();
    assert_eq!(answer.to_string(), "the server refuses: not here");
    assert!(matches!(
        answer,
        WireError::Refused {
            code: WireError::PROHIBITED,
            ..
        }
    ));

    let silent = codec::read_ack(&mut &with_length("{}")[..])
        .await
        .unwrap_err();
    assert_eq!(silent.to_string(), "the server refuses: (nothing)");
}

#[tokio::test]
async fn a_command_and_its_message_travel_in_one_write() {
    let mut wire = writer::Writes::default();
    codec::write_command_and_message(&mut wire, "exit", &StderrStart { id: 1 })
        .await
        .unwrap();
    assert_eq!(wire.writes, [with_command("exit", r#"{"ID":1}"#)]);
}

#[tokio::test]
async fn every_command_is_its_word_behind_a_length() {
    let words = Command::ALL.map(Command::as_str);
    assert_eq!(
        words,
        [
            "accept",
            "accept-udp",
            "bus",
            "dial",
            "dial-udp",
            "listen",
            "listen-udp",
            "session",
            "stderr"
        ]
    );
    for command in Command::ALL {
        let mut written = Vec::new();
        codec::write_command(&mut written, command.as_str())
            .await
            .unwrap();
        assert_eq!(written[0] as usize, written.len() - 1);
        let word = codec::read_command(&mut &written[..]).await.unwrap();
        assert_eq!(word.parse::<Command>().unwrap(), command);
    }
}

async fn reply_both_ways<T: Message>(reply: &T, json: &str) {
    let mut written = Vec::new();
    codec::write_reply(&mut written, reply).await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&written),
        String::from_utf8_lossy(&with_length(json))
    );
    assert_eq!(
        codec::read_reply::<T, _>(&mut &written[..]).await.unwrap(),
        *reply
    );
}

fn with_length(json: &str) -> Vec<u8> {
    [&(json.len() as u32).to_be_bytes(), json.as_bytes()].concat()
}

fn with_command(name: &str, json: &str) -> Vec<u8> {
    [&[name.len() as u8], name.as_bytes(), &with_length(json)].concat()
}

/// A writer that remembers where one write ended and the next began.
mod writer {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::AsyncWrite;

    #[derive(Default)]
    pub(crate) struct Writes {
        pub(crate) writes: Vec<Vec<u8>>,
    }

    impl AsyncWrite for Writes {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.writes.push(bytes.to_vec());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
}
