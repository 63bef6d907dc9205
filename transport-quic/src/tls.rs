//! Certificates made for one session, and whom each side trusts: exactly the other's.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::client::Resumption;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer, ServerName, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName as RustlsName, Error as TlsError,
    RootCertStore, SignatureScheme,
};
use tssh_core::transport::{ErrorKind, TransportError};
use tssh_core::wire::{InfoError, Secret, ServerInfo};
use zeroize::Zeroizing;

/// The name in every certificate (PROTOCOL.md, "QUIC mode").
pub(crate) const SERVER_NAME: &str = "tsshd";

/// A key pair and its certificate, made for one session. The key is wiped when dropped.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: Zeroizing<Vec<u8>>,
}

impl Identity {
    /// Makes a new one, valid from a day ago for a year from `now` on.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub(crate) fn new(now: SystemTime) -> Result<Self, TransportError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(no_key)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(no_key)?;
        let sec1 = pair.private_key().as_der().map_err(no_key)?;
        let key = Zeroizing::new(sec1.as_ref().to_vec());
        let signer = KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(pkcs8.as_ref()),
            &PKCS_ECDSA_P256_SHA256,
        )
        .map_err(no_certificate)?;
        let certificate = params(now)
            .and_then(|params| params.self_signed(&signer))
            .map_err(no_certificate)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            key,
        })
    }

    /// The certificate as PEM in hexadecimal, as `ServerInfo` has it.
    pub(crate) fn certificate_hex(&self) -> String {
        hex::encode(&*pem("CERTIFICATE", &self.certificate))
    }

    /// The private key as PEM in hexadecimal, as `ServerInfo` has it.
    pub(crate) fn key_hex(&self) -> Secret {
        Secret::hex(pem("EC PRIVATE KEY", &self.key).as_bytes())
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    fn into_parts(self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivateSec1KeyDer::from(self.key.to_vec());
        (vec![self.certificate], key.into())
    }
}

/// The server's TLS: shows `own`, admits nobody but the holder of `client`.
///
/// # Errors
///
/// When a certificate is of no use.
pub(crate) fn server(own: Identity, client: &Identity) -> Result<QuicServerConfig, TransportError> {
    let verifier = PinnedClient::new(client.certificate().clone())?;
    let (chain, key) = own.into_parts();
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    // One connection per session: nothing is ever resumed.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    QuicServerConfig::try_from(config).map_err(unusable)
}

/// The client's TLS, from what the server handed over at login.
///
/// # Errors
///
/// When a certificate or the key is missing or garbled.
pub(crate) fn client(offer: &ServerInfo) -> Result<QuicClientConfig, TransportError> {
    let trusted = certificate("ServerCert", offer.server_cert())?;
    let own = certificate("ClientCert", offer.client_cert())?;
    let key = offer.client_key().map_err(garbled)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|cause| {
        garbled("ClientKey in the server info holds no private key: was it truncated?")
            .because(cause)
    })?;
    let verifier = PinnedServer::new(trusted)?;
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(vec![own], key)
        .map_err(|cause| {
            garbled("ClientCert and ClientKey in the server info do not belong together")
                .because(cause)
        })?;
    config.resumption = Resumption::disabled();
    QuicClientConfig::try_from(config).map_err(unusable)
}

/// A pinned certificate's signatures are checked as any other's.
macro_rules! signatures_as_inner {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, TlsError> {
            self.inner.verify_tls12_signature(message, cert, dss)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, TlsError> {
            self.inner.verify_tls13_signature(message, cert, dss)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.inner.supported_verify_schemes()
        }
    };
}

/// Believes one certificate, byte for byte, whatever the clock says.
#[derive(Debug)]
pub(crate) struct PinnedServer {
    trusted: CertificateDer<'static>,
    inner: Arc<WebPkiServerVerifier>,
}

impl PinnedServer {
    pub(crate) fn new(trusted: CertificateDer<'static>) -> Result<Self, TransportError> {
        let roots = roots("ServerCert", &trusted)?;
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(unusable)?;
        Ok(Self { trusted, inner })
    }
}

impl ServerCertVerifier for PinnedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        is_pinned(&self.trusted, end_entity)?;
        // Name and purpose.
        at_any_time(now, |now| {
            self.inner.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            )
        })
    }

    signatures_as_inner! {}
}

/// Believes one certificate, byte for byte, whatever the clock says.
#[derive(Debug)]
pub(crate) struct PinnedClient {
    trusted: CertificateDer<'static>,
    inner: Arc<dyn ClientCertVerifier>,
}

impl PinnedClient {
    pub(crate) fn new(trusted: CertificateDer<'static>) -> Result<Self, TransportError> {
        let roots = roots("ClientCert", &trusted)?;
        let inner = WebPkiClientVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(unusable)?;
        Ok(Self { trusted, inner })
    }
}

impl ClientCertVerifier for PinnedClient {
    fn root_hint_subjects(&self) -> &[RustlsName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        is_pinned(&self.trusted, end_entity)?;
        at_any_time(now, |now| {
            self.inner
                .verify_client_cert(end_entity, intermediates, now)
        })
    }

    signatures_as_inner! {}
}

fn is_pinned(trusted: &CertificateDer<'_>, found: &CertificateDer<'_>) -> Result<(), TlsError> {
    if trusted.as_ref() == found.as_ref() {
        Ok(())
    } else {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }
}

/// Verifies a pinned certificate as if it were valid now. It was made for this login and came by it, a moment ago:
/// if the dates do not fit, one of the two clocks is wrong, and that is no reason to believe somebody else.
fn at_any_time<T>(
    now: UnixTime,
    verify: impl Fn(UnixTime) -> Result<T, TlsError>,
) -> Result<T, TlsError> {
    let verdict = verify(now);
    let nearest = match &verdict {
        Err(TlsError::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        })) => *not_before,
        Err(TlsError::InvalidCertificate(CertificateError::ExpiredContext {
            not_after, ..
        })) => *not_after,
        Ok(_) | Err(_) => return verdict,
    };
    verify(nearest)
}

/// PROTOCOL.md, "QUIC mode".
fn params(now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(vec![SERVER_NAME.into()])?;
    params.not_before = (now - DAY).into();
    params.not_after = (now + 365 * DAY).into();
    params.serial_number = Some(SerialNumber::from(1u64));
    params.distinguished_name = DistinguishedName::new();
    // With CA:TRUE webpki refuses it as the certificate of a peer.
    params.is_ca = IsCa::NoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    Ok(params)
}

const DAY: Duration = Duration::from_secs(24 * 3600);

/// RFC 7468: 64 characters a line.
fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(BASE64.encode(der));
    // Room for all, so that no reallocation leaves a copy of a secret.
    let mut text = Zeroizing::new(String::with_capacity(body.len() * 2 + 128));
    for part in ["-----BEGIN ", label, "-----\n"] {
        text.push_str(part);
    }
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, left) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = left;
    }
    for part in ["-----END ", label, "-----\n"] {
        text.push_str(part);
    }
    text
}

fn certificate(
    field: &'static str,
    pem: Result<Vec<u8>, InfoError>,
) -> Result<CertificateDer<'static>, TransportError> {
    let pem = pem.map_err(garbled)?;
    CertificateDer::from_pem_slice(&pem).map_err(|cause| {
        garbled(format!("{field} in the server info holds no certificate")).because(cause)
    })
}

fn roots(
    field: &'static str,
    trusted: &CertificateDer<'static>,
) -> Result<Arc<RootCertStore>, TransportError> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).map_err(|cause| {
        garbled(format!(
            "{field} in the server info is not a whole certificate: was it truncated?"
        ))
        .because(cause)
    })?;
    Ok(Arc::new(roots))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn garbled(message: impl ToString) -> TransportError {
    TransportError::new(ErrorKind::Misbehaved, message.to_string())
}

fn no_key(_: aws_lc_rs::error::Unspecified) -> TransportError {
    TransportError::new(
        ErrorKind::Unsupported,
        "no key for this session can be made",
    )
}

fn no_certificate(cause: rcgen::Error) -> TransportError {
    let message = "no certificate for this session can be made";
    TransportError::new(ErrorKind::Unsupported, message).because(cause)
}

fn unusable(cause: impl std::error::Error + Send + Sync + 'static) -> TransportError {
    let message = "a certificate of this session is of no use";
    TransportError::new(ErrorKind::Misbehaved, message).because(cause)
}
