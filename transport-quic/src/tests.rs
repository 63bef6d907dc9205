//! The form of a session's certificates, and what makes one worthless.

use std::time::{Duration, SystemTime};

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateSec1KeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, Error};

use crate::tls::{Identity, PinnedClient, PinnedServer};

#[test]
fn a_key_is_written_as_go_reads_it_sec1_with_the_curve_named() {
    let pem = hex::decode(identity().key_hex().expose()).unwrap();
    let text = std::str::from_utf8(&pem).unwrap();
    assert!(
        text.starts_with("-----BEGIN EC PRIVATE KEY-----\n"),
        "{text}"
    );
    assert!(text.ends_with("\n-----END EC PRIVATE KEY-----\n"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 64), "{text}");

    // RFC 5915: version 1, 32 bytes of key, [0] the curve, [1] the public key.
    let key = PrivateSec1KeyDer::from_pem_slice(&pem).unwrap();
    let der = key.secret_sec1_der();
    assert_eq!(der.len(), 121);
    assert_eq!(der[..7], [0x30, 0x77, 2, 1, 1, 4, 32]);
    assert_eq!(
        der[39..51],
        [0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]
    );
    assert_eq!(der[51..57], [0xa1, 0x44, 3, 0x42, 0, 4]);
}

#[test]
fn a_certificate_says_what_the_protocol_wants() {
    let pem = hex::decode(identity().certificate_hex()).unwrap();
    let certificate = CertificateDer::from_pem_slice(&pem).unwrap();
    let has = |what: &[u8]| certificate.windows(what.len()).any(|part| part == what);
    // Version 3, serial 1, ECDSA with SHA-256, and an empty issuer.
    assert!(has(&[
        0xa0, 3, 2, 1, 2, 2, 1, 1, 0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2, 0x30, 0
    ]));
    // The name, as a DNS name.
    assert!(has(b"\x82\x05tsshd"));
    // Key usage: digitalSignature. Extended: server and client authentication.
    assert!(has(&[0x55, 0x1d, 15, 1, 1, 0xff, 4, 4, 3, 2, 7, 0x80]));
    assert!(has(&[
        6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2
    ]));
    // No basic constraints.
    assert!(!has(&[0x55, 0x1d, 19]));
}

#[test]
fn a_certificate_is_believed_whatever_the_clock_says() {
    let identity = identity();
    let cert = identity.certificate();
    let server = PinnedServer::new(cert.clone()).unwrap();
    let client = PinnedClient::new(cert.clone()).unwrap();
    let dates = [
        Duration::ZERO,
        NOW - 25 * HOUR,
        NOW - 23 * HOUR,
        NOW + 364 * 24 * HOUR,
        NOW + 366 * 24 * HOUR,
        2 * NOW,
    ];
    for at in dates.map(UnixTime::since_unix_epoch) {
        let verify = |name: &'static str| {
            let name = ServerName::try_from(name).unwrap();
            server.verify_server_cert(cert, &[], &name, &[], at).err()
        };
        assert_eq!(verify("tsshd"), None, "{at:?}");
        assert_eq!(client.verify_client_cert(cert, &[], at).err(), None);
        // A wrong date excuses nothing else.
        assert!(
            matches!(
                verify("sshd"),
                Some(Error::InvalidCertificate(
                    CertificateError::NotValidForNameContext { .. }
                ))
            ),
            "{at:?}"
        );
    }
}

#[test]
fn another_certificate_of_the_same_form_is_not_believed() {
    let (expected, other) = (identity(), identity());
    let at = UnixTime::since_unix_epoch(NOW);
    let name = ServerName::try_from("tsshd").unwrap();
    let server = PinnedServer::new(expected.certificate().clone()).unwrap();
    let client = PinnedClient::new(expected.certificate().clone()).unwrap();
    let refused = Error::from(CertificateError::ApplicationVerificationFailure);
    assert_eq!(
        server
            .verify_server_cert(other.certificate(), &[], &name, &[], at)
            .err(),
        Some(refused.clone())
    );
    assert_eq!(
        client
            .verify_client_cert(other.certificate(), &[], at)
            .err(),
        Some(refused)
    );
}

#[test]
fn a_client_without_a_certificate_is_not_let_in() {
    let client = PinnedClient::new(identity().certificate().clone()).unwrap();
    assert!(client.offer_client_auth() && client.client_auth_mandatory());
}

#[test]
fn another_name_is_not_believed() {
    let identity = identity();
    let server = PinnedServer::new(identity.certificate().clone()).unwrap();
    let name = ServerName::try_from("sshd").unwrap();
    let at = UnixTime::since_unix_epoch(NOW);
    let verdict = server.verify_server_cert(identity.certificate(), &[], &name, &[], at);
    assert!(verdict.is_err());
}

fn identity() -> Identity {
    Identity::new(SystemTime::UNIX_EPOCH + NOW).unwrap()
}

/// Some day in 2026.
const NOW: Duration = Duration::from_secs(1_790_000_000);
const HOUR: Duration = Duration::from_secs(3600);
