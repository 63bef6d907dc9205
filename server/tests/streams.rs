//! What a client may open, in which order, and what becomes of one that misbehaves.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod peer;

use std::time::Duration;

use peer::{Peer, Setup, command, hello, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_core::transport::Connection;
use tssh_core::wire::{Alive, BusEvent, BusHello, ErrorLine, WireError, codec};
use tssh_server::connection::Outcome;
use tssh_server::limits::MAX_OPENING_STREAMS;

#[tokio::test]
async fn alive_is_echoed_as_it_came() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        bus.send(alive(1_700_000_000_123)).await;
        assert_eq!(bus.event().await, Some(alive(1_700_000_000_123)));
    })
    .await;
}

#[tokio::test]
async fn the_client_is_told_of_the_log() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let line = BusEvent::Error(ErrorLine {
            code: 0,
            text: "a warning".to_owned(),
        });
        peer.log.send(line.clone()).await.unwrap();
        assert_eq!(bus.event().await, Some(line));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_event_and_a_malformed_one_are_passed_over() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        bus.send(BusEvent::Unknown("from-the-future".to_owned()))
            .await;
        bus.stream
            .write_all(b"\x06resize\x00\x00\x00\x04oops")
            .await
            .unwrap();
        bus.send(alive(1)).await;
        assert_eq!(bus.event().await, Some(alive(1)));
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_too_long_ends_the_connection() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        bus.stream
            .write_all(b"\x05alive\x00\x20\x00\x00")
            .await
            .unwrap();
        assert_eq!(peer.outcome().await, Outcome::Lost);
    })
    .await;
}

#[tokio::test]
async fn a_second_bus_is_refused_and_the_first_goes_on() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let error = peer.greet_with(hello()).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            "the server refuses: the bus is up already: a connection has one"
        );
        bus.send(alive(2)).await;
        assert_eq!(bus.event().await, Some(alive(2)));
    })
    .await;
}

#[tokio::test]
async fn a_greeting_that_is_garbage_leaves_room_for_a_better_one() {
    soon(async {
        let peer = Peer::connect();
        let mut stream = peer.say("bus").await;
        codec::read_ack(&mut stream).await.unwrap();
        stream.write_all(b"\x00\x00\x00\x03[1]").await.unwrap();
        assert!(matches!(
            codec::read_ack(&mut stream).await,
            Err(WireError::Refused { .. })
        ));
        peer.greet().await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_is_too_old_is_told_so() {
    soon(async {
        let peer = Peer::connect();
        let old = BusHello {
            client_version: "0.1.5".to_owned(),
            protocol: 0,
            ..hello()
        };
        let error = peer.greet_with(old).await.err().unwrap();
        assert!(error.to_string().contains("upgrade"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_session_that_comes_before_the_bus_waits_for_it() {
    soon(async {
        let peer = Peer::connect();
        let mut early = peer.say("session").await;
        codec::write_message(&mut early, &command(1, &["echo", "early"]))
            .await
            .unwrap();
        let _bus = peer.greet().await;
        codec::read_ack(&mut early).await.unwrap();
        codec::read_ack(&mut early).await.unwrap();
        let mut output = String::new();
        early.read_to_string(&mut output).await.unwrap();
        assert_eq!(output, "early\n");
    })
    .await;
}

#[tokio::test]
async fn without_a_bus_everything_else_is_refused_in_time() {
    soon(async {
        let setup = Setup {
            timeout: Duration::from_millis(300),
            ..Setup::default()
        };
        let peer = Peer::connect_to(setup);
        let mut session = peer.say("session").await;
        // The connection ends at the same moment, and may take the refusal along.
        let error = codec::read_ack(&mut session).await.unwrap_err();
        assert!(!matches!(error, WireError::Json(_)), "{error}");
        assert_eq!(peer.outcome().await, Outcome::NotGreeted);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_not_waited_for() {
    soon(async {
        let setup = Setup {
            timeout: Duration::from_millis(100),
            ..Setup::default()
        };
        assert_eq!(Peer::connect_to(setup).outcome().await, Outcome::NotGreeted);
    })
    .await;
}

#[tokio::test]
async fn forwards_that_this_version_lacks_are_refused_as_prohibited() {
    soon(async {
        let peer = Peer::connect();
        let _bus = peer.greet().await;
        for name in ["listen", "accept", "dial-udp", "listen-udp", "accept-udp"] {
            let mut stream = peer.say(name).await;
            let Err(WireError::Refused { code, reason }) = codec::read_ack(&mut stream).await
            else {
                panic!("{name} was not refused");
            };
            assert_eq!(code, WireError::PROHIBITED);
            assert_eq!(
                reason.to_string(),
                format!("{name} is not supported by this version of tsshd")
            );
        }
    })
    .await;
}

#[tokio::test]
async fn words_that_are_no_command_are_refused_one_by_one() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        for bytes in [
            b"\x05hello".as_slice(),
            b"\x00",
            b"\x03\x01\x02\x03",
            b"\xff",
        ] {
            let mut stream = peer.connection.open().await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream.writer.shutdown().await.unwrap();
            let answer = codec::read_ack(&mut stream).await;
            assert!(answer.is_err(), "{bytes:?}");
        }
        bus.send(alive(3)).await;
        assert_eq!(bus.event().await, Some(alive(3)));
    })
    .await;
}

#[tokio::test]
async fn a_start_message_over_the_limit_is_refused_before_it_is_read() {
    soon(async {
        let peer = Peer::connect();
        let _bus = peer.greet().await;
        let mut stream = peer.say("session").await;
        codec::read_ack(&mut stream).await.unwrap();
        stream.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
        let error = codec::read_ack(&mut stream).await.unwrap_err().to_string();
        assert!(
            error.contains("message of 4294967295 bytes is over the limit of 1048576"),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn streams_that_say_nothing_give_way_to_others_in_time() {
    soon(async {
        let setup = Setup {
            timeout: Duration::from_millis(300),
            ..Setup::default()
        };
        let peer = Peer::connect_to(setup);
        let _bus = peer.greet().await;
        let mut silent = Vec::new();
        for _ in 0..MAX_OPENING_STREAMS {
            silent.push(peer.connection.open().await.unwrap());
        }
        let mut session = peer.start(command(1, &["echo", "served"])).await.unwrap();
        assert_eq!(session.rest().await, "served\n");
        for mut stream in silent {
            assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_is_silent_for_its_alive_timeout_is_gone() {
    soon(async {
        let peer = Peer::connect();
        let greeting = BusHello {
            alive_timeout: Duration::from_millis(400),
            heartbeat_timeout: Duration::from_millis(200),
            ..hello()
        };
        let _bus = peer.greet_with(greeting).await.unwrap();
        peer.air.darken();
        assert_eq!(peer.outcome().await, Outcome::Gone);
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_bus_is_the_end_of_the_connection() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        bus.stream.writer.shutdown().await.unwrap();
        assert_eq!(peer.outcome().await, Outcome::Closed);
    })
    .await;
}

#[tokio::test]
async fn a_transport_that_ends_is_a_connection_lost() {
    soon(async {
        let peer = Peer::connect();
        let _bus = peer.greet().await;
        peer.connection.close().await;
        assert_eq!(peer.outcome().await, Outcome::Lost);
    })
    .await;
}

fn alive(time_ms: i64) -> BusEvent {
    BusEvent::Alive(Alive { time_ms })
}
