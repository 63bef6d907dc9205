//! How a connection ends, beyond what every transport owes (`conformance.rs`): in which words, and after how long.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod rig;

use std::io::ErrorKind as IoErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tssh_conformance::{Air, Direction, Weather};
use tssh_core::transport::{ErrorKind, Transport, TransportError};
use tssh_core::wire::ServerInfo;
use tssh_transport_quic::Quic;

use rig::{DELAY, MTU, Rig, listening, soon};

#[tokio::test(start_paused = true)]
async fn closing_tells_the_peer_and_ends_its_streams() {
    let rig = Rig::fair(1).await;
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
async fn closing_waits_no_longer_than_a_second_for_a_path_without_room() {
    let (client_pipe, _server_pipe, rig) = {
        let rig = Rig::fair(4).await;
        (rig.client_pipe.clone(), rig.server_pipe.clone(), rig)
    };
    let mut table = (*client_pipe.table()).clone();
    table.dark = true;
    client_pipe.publish(table);
    let mut stream = rig.client.open().await.unwrap();
    for _ in 0..20 {
        stream.write_all(&[0; 1400]).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    let asked = Instant::now();
    rig.client.close().await;
    assert!(
        asked.elapsed() <= Duration::from_millis(1001),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_dropped_says_nothing_and_leaves_no_task() {
    let idle = Handle::current().metrics().num_alive_tasks();
    let rig = Rig::fair(5).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');
    sleep(Duration::from_secs(1)).await;
    let sent = rig.air.sent(Direction::There);

    drop(rig.client);
    // Whoever still holds a stream learns of it.
    let error = soon(near.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), IoErrorKind::ConnectionAborted);
    assert_eq!(
        near.write_all(b"y").await.unwrap_err().kind(),
        IoErrorKind::ConnectionAborted
    );
    drop(near);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.air.sent(Direction::There), sent);
    assert!(
        timeout(Duration::from_secs(60), rig.server.closed())
            .await
            .is_err()
    );

    drop(rig.server);
    drop(far);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), idle);
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
async fn a_handshake_waits_out_an_outage_of_hours() {
    let air = Air::new(Weather::fair(DELAY), 9);
    let (client_pipe, server_pipe) = air.pipes(MTU);
    let (mut listener, offer) = listening(&Quic::default(), server_pipe.clone()).await;
    air.set_dark(true);
    let outage = async {
        sleep(Duration::from_secs(4)).await;
        client_pipe.clock().stop();
        sleep(Duration::from_secs(8 * 3600)).await;
        air.set_dark(false);
        client_pipe.clock().start(Duration::from_secs(4));
    };
    let quic = Quic::default();
    let (client, server, ()) = tokio::join!(
        quic.connect(client_pipe.clone(), &offer),
        listener.accept(),
        outage
    );
    client.unwrap();
    server.unwrap();
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
