//! How a connection ends: by a word to the peer, or without one.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::io::ErrorKind as IoErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tssh_conformance::{Air, Couple, DELAY, Direction, MTU, Weather, listening, soon};
use tssh_core::transport::{ErrorKind, Transport, TransportError};
use tssh_core::wire::{Secret, ServerInfo};
use tssh_transport_kcp::Kcp;

#[tokio::test(start_paused = true)]
async fn closing_tells_the_peer_and_ends_its_streams() {
    let rig = Couple::fair(&Kcp::default(), 1).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');

    let asked = Instant::now();
    rig.client.close().await;
    // It waits until the peer has heard.
    assert_eq!(asked.elapsed().as_millis() / 10, 2 * DELAY.as_millis() / 10);
    let cause = soon(rig.server.closed()).await;
    assert_eq!(
        described(&cause),
        (ErrorKind::Closed, "the peer closed the connection")
    );

    let error = far.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), IoErrorKind::ConnectionAborted);
    let cause = rig.client.closed().await;
    assert_eq!(
        described(&cause),
        (ErrorKind::Closed, "the connection was closed")
    );
}

#[tokio::test(start_paused = true)]
async fn closing_waits_no_longer_than_three_round_trips_for_a_peer_that_is_gone() {
    let rig = Couple::fair(&Kcp::default(), 7).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');
    sleep(Duration::from_secs(1)).await;
    drop(rig.server);
    let asked = Instant::now();
    rig.client.close().await;
    let most = 6 * DELAY + Duration::from_millis(50);
    assert!(asked.elapsed() <= most, "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_nobody_answers_gives_up_after_thirty_seconds() {
    let air = Air::new(Weather::fair(DELAY), 8);
    let (client, server) = air.pipes(MTU);
    let (_listener, offer) = listening(&Kcp::default(), server).await;
    air.set_dark(true);
    let asked = Instant::now();
    let client = Kcp::default().connect(client, &offer).await.unwrap();
    let mut stream = client.open().await.unwrap();
    let error = client.closed().await;
    assert_eq!(
        described(&error),
        (ErrorKind::TimedOut, "the peer did not answer within 30 s")
    );
    assert_eq!(asked.elapsed().as_secs(), 30);
    let read = stream.read_u8().await.unwrap_err();
    assert_eq!(read.kind(), IoErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_the_secret_is_not_answered() {
    let air = Air::new(Weather::fair(DELAY), 9);
    let (client, server) = air.pipes(MTU);
    let (mut listener, mut offer) = listening(&Kcp::default(), server.clone()).await;
    offer.pass = Secret::hex(&[7; 48]);
    let client = Kcp::default().connect(client, &offer).await.unwrap();
    let accepted = timeout(Duration::from_secs(29), listener.accept()).await;
    assert!(accepted.is_err());
    assert_eq!(
        (air.sent(Direction::Back), server.activity().heard_at()),
        (0, None)
    );
    assert_eq!(client.closed().await.kind(), ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_takes_the_place_of_one_that_said_nothing() {
    let air = Air::new(Weather::fair(DELAY), 10);
    let (client_pipe, server_pipe) = air.pipes(MTU);
    let (mut listener, offer) = listening(&Kcp::default(), server_pipe).await;
    let first = Kcp::default()
        .connect(client_pipe.clone(), &offer)
        .await
        .unwrap();
    let server = soon(listener.accept()).await.unwrap();
    drop(first);
    let client = Kcp::default().connect(client_pipe, &offer).await.unwrap();
    let mut near = client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = soon(server.accept()).await.unwrap();
    assert_eq!(soon(far.read_u8()).await.unwrap(), b'x');
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
    let (_listener, offer) = listening(&Kcp::default(), server.clone()).await;
    assert_eq!(offer.mode, "KCP");
    let (pass, salt) = (offer.pass().unwrap(), offer.salt().unwrap());
    assert_ne!(pass, salt);
    let (_other, another) = listening(&Kcp::default(), server).await;
    assert_ne!(another.pass().unwrap(), pass);
}

#[tokio::test(start_paused = true)]
async fn an_offer_without_secrets_is_refused_in_a_sentence() {
    let air = Air::new(Weather::fair(DELAY), 12);
    let (client, _) = air.pipes(MTU);
    let Err(error) = Kcp::default().connect(client, &ServerInfo::default()).await else {
        panic!("connected with nothing");
    };
    assert_eq!(
        described(&error),
        (
            ErrorKind::Misbehaved,
            "the server info has no Pass, which its mode needs"
        )
    );
}

/// More streams that nobody reads than there can be forwards use up what may wait; behind it stands the goodbye.
#[tokio::test(start_paused = true)]
async fn a_goodbye_that_waited_for_a_reader_is_heard_by_whoever_waits_for_the_end() {
    let rig = Couple::fair(&Kcp::default(), 13).await;
    let mut streams = Vec::new();
    loop {
        let mut near = rig.client.open().await.unwrap();
        let filled = async { while near.write_all(&[0; 65536]).await.is_ok() {} };
        assert!(timeout(Duration::from_secs(20), filled).await.is_err());
        let Ok(far) = timeout(Duration::from_secs(60), rig.server.accept()).await else {
            break;
        };
        let mut far = far.unwrap();
        // The first read opens the window.
        far.read_u8().await.unwrap();
        let filled = async { while near.write_all(&[0; 65536]).await.is_ok() {} };
        assert!(timeout(Duration::from_secs(20), filled).await.is_err());
        streams.push((near, far));
    }
    assert!((256..400).contains(&streams.len()), "{}", streams.len());
    rig.client.close().await;
    let mut closed = Box::pin(rig.server.closed());
    assert!(timeout(Duration::from_secs(60), &mut closed).await.is_err());
    for (_, far) in &mut streams {
        let mut sink = vec![0; 4 << 20];
        assert!(far.read(&mut sink).await.is_ok());
    }
    assert_eq!(soon(closed).await.kind(), ErrorKind::Closed);
}

fn described(error: &TransportError) -> (ErrorKind, &str) {
    let text: &'static str = Box::leak(error.to_string().into_boxed_str());
    (error.kind(), text)
}
