//! How a connection ends, beyond what every transport owes (`conformance.rs`): in which words, and after how long.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::io::ErrorKind as IoErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tssh_conformance::{Air, Couple, DELAY, Direction, MTU, Weather, listening, soon};
use tssh_core::transport::{ErrorKind, Transport, TransportError};
use tssh_core::wire::ServerInfo;
use tssh_transport_quic::Quic;

#[tokio::test(start_paused = true)]
async fn closing_tells_the_peer_and_ends_its_streams() {
    let rig = Couple::fair(&Quic::default(), 1).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');

    let asked = Instant::now();
    rig.client.close().await;
    assert_eq!(asked.elapsed(), Duration::ZERO);
    let cause = soon(rig.server.closed()).await;
    assert_eq!(
        described(&cause),
        (ErrorKind::Closed, "the peer closed the connection")
    );
    assert_eq!(asked.elapsed().as_millis() / 10, DELAY.as_millis() / 10);

    let error = far.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), IoErrorKind::ConnectionAborted);
    let cause = rig.client.closed().await;
    assert_eq!(
        described(&cause),
        (ErrorKind::Closed, "the connection was closed")
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_nobody_answers_gives_up_after_thirty_seconds() {
    let air = Air::new(Weather::fair(DELAY), 8);
    let (client, server) = air.pipes(MTU);
    let (_listener, offer) = listening(&Quic::default(), server).await;
    air.set_dark(true);
    let asked = Instant::now();
    let Err(error) = Quic::default().connect(client, &offer).await else {
        panic!("nobody answered, and yet it is connected");
    };
    assert_eq!(
        described(&error),
        (
            ErrorKind::TimedOut,
            "the peer did not finish the QUIC handshake within 30 s"
        )
    );
    assert_eq!(asked.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_does_not_wait_behind_one_that_was_given_up() {
    let air = Air::new(Weather::fair(DELAY), 10);
    let (client_pipe, server_pipe) = air.pipes(MTU);
    let (mut listener, offer) = listening(&Quic::default(), server_pipe).await;
    let quic = Quic::default();
    let accept = listener.accept();
    let attempts = async {
        air.change_one(Direction::Back, |weather| weather.dark = true);
        let first = quic.connect(client_pipe.clone(), &offer);
        assert!(timeout(Duration::from_secs(2), first).await.is_err());
        air.set_dark(false);
        let asked = Instant::now();
        let client = quic.connect(client_pipe.clone(), &offer).await.unwrap();
        assert!(
            asked.elapsed() < Duration::from_secs(1),
            "{:?}",
            asked.elapsed()
        );
        client
    };
    let (_client, server) = soon(async { tokio::join!(attempts, accept) }).await;
    server.unwrap();
    let Err(again) = listener.accept().await else {
        panic!("a listener accepted twice");
    };
    assert_eq!(
        described(&again),
        (
            ErrorKind::Closed,
            "this listener has accepted its only connection"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn the_offer_names_the_mode_and_holds_what_a_client_needs() {
    let air = Air::new(Weather::fair(DELAY), 11);
    let (_, server) = air.pipes(MTU);
    let mut offer = ServerInfo::default();
    let _listener = Quic::default().listen(server, &mut offer).await.unwrap();
    assert_eq!(offer.mode, "QUIC");
    assert!(
        offer
            .server_cert()
            .unwrap()
            .starts_with(b"-----BEGIN CERTIFICATE-----\n")
    );
    assert!(
        offer
            .client_cert()
            .unwrap()
            .starts_with(b"-----BEGIN CERTIFICATE-----\n")
    );
    assert!(
        offer
            .client_key()
            .unwrap()
            .starts_with(b"-----BEGIN EC PRIVATE KEY-----\n")
    );
}

fn described(error: &TransportError) -> (ErrorKind, &str) {
    let text: &'static str = Box::leak(error.to_string().into_boxed_str());
    (error.kind(), text)
}
