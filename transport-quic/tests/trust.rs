//! Each side believes the other's certificate of this login, and nothing else.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tssh_conformance::{Air, DELAY, MTU, Weather, listening, soon};
use tssh_core::transport::{ErrorKind, Transport};
use tssh_core::wire::{Secret, ServerInfo};
use tssh_transport_quic::Quic;

#[tokio::test(start_paused = true)]
async fn a_server_of_another_login_is_refused() {
    let quic = Quic::default();
    let (client, server) = Air::new(Weather::fair(DELAY), 1).pipes(MTU);
    let (mut listener, mut offer) = listening(&quic, server).await;
    offer.server_cert = other_offer().await.server_cert;
    let attempt = async {
        let Err(error) = quic.connect(client, &offer).await else {
            panic!("the wrong server was believed");
        };
        error
    };
    let error = tokio::select! {
        error = soon(attempt) => error,
        _ = listener.accept() => panic!("the server took the connection for made"),
    };
    assert_eq!(
        (error.kind(), error.to_string()),
        (
            ErrorKind::Untrusted,
            "the peer's certificate is not the one that was agreed at login".into()
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_of_another_login_is_refused_and_the_right_one_still_gets_in() {
    let quic = Quic::default();
    let (client_pipe, server) = Air::new(Weather::fair(DELAY), 2).pipes(MTU);
    let (mut listener, offer) = listening(&quic, server).await;
    let other = other_offer().await;
    let mut wrong = offer.clone();
    wrong.client_cert.clone_from(&other.client_cert);
    wrong.client_key = other.client_key.clone();

    let attempts = async {
        // The client's side of the handshake ends before the server has seen the certificate.
        let client = quic.connect(client_pipe.clone(), &wrong).await.unwrap();
        let error = client.closed().await;
        assert_eq!(
            (error.kind(), error.to_string()),
            (
                ErrorKind::Untrusted,
                "the peer refused the certificate that was agreed at login".into()
            )
        );
        let mut stream = client.open().await.map(|stream| stream.reader);
        assert!(
            stream
                .as_mut()
                .is_err_and(|error| error.kind() == ErrorKind::Untrusted)
        );
        drop(client);
        quic.connect(client_pipe.clone(), &offer).await.unwrap()
    };
    let (client, server) = soon(async { tokio::join!(attempts, listener.accept()) }).await;
    let (client, server) = (client, server.unwrap());
    let mut near = client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = soon(server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');
}

#[tokio::test(start_paused = true)]
async fn a_garbled_offer_is_one_clear_error_and_no_attempt() {
    let good = other_offer().await;
    let cut = |hex: &str| {
        // Half of the certificate, in an envelope that is whole.
        let text = String::from_utf8(hex::decode(hex).unwrap()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let half: Vec<_> = [&lines[..4], &lines[lines.len() - 1..]].concat();
        hex::encode(half.join("\n"))
    };
    let garbage = hex::encode("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n");
    type Garble<'a> = Box<dyn Fn(&mut ServerInfo) + 'a>;
    let cases: Vec<(&str, Garble<'_>)> = vec![
        (
            "the server info has no ServerCert, which its mode needs",
            Box::new(|offer| offer.server_cert.clear()),
        ),
        (
            "ServerCert in the server info is not hexadecimal",
            Box::new(|offer| offer.server_cert.push('x')),
        ),
        (
            "ServerCert in the server info is not a whole PEM text: was it truncated?",
            Box::new(|offer| offer.server_cert.truncate(200)),
        ),
        (
            "ServerCert in the server info holds no certificate",
            Box::new(|offer| offer.server_cert.clone_from(&garbage)),
        ),
        (
            "ServerCert in the server info is not a whole certificate: was it truncated?",
            Box::new(|offer| offer.server_cert = cut(&offer.server_cert)),
        ),
        (
            "ClientCert and ClientKey in the server info do not belong together",
            Box::new(|offer| offer.client_cert = cut(&offer.client_cert)),
        ),
        (
            "ClientCert and ClientKey in the server info do not belong together",
            Box::new(|offer| offer.client_cert.clone_from(&offer.server_cert)),
        ),
        (
            "ClientKey in the server info is not hexadecimal",
            Box::new(|offer| offer.client_key = Secret::new("no".into())),
        ),
        (
            "ClientKey in the server info holds no private key: was it truncated?",
            Box::new(|offer| offer.client_key = Secret::new(offer.client_cert.clone())),
        ),
    ];
    for (wanted, garble) in cases {
        let mut offer = good.clone();
        garble(&mut offer);
        let (client, _server) = Air::new(Weather::fair(DELAY), 4).pipes(MTU);
        let asked = Instant::now();
        let Err(error) = Quic::default().connect(client, &offer).await else {
            panic!("connected in spite of: {wanted}");
        };
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::Misbehaved, wanted.into())
        );
        assert_eq!(asked.elapsed(), Duration::ZERO);
    }
}

async fn other_offer() -> ServerInfo {
    let (_, server) = Air::new(Weather::fair(DELAY), 5).pipes(MTU);
    listening(&Quic::default(), server).await.1
}
