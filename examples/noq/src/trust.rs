//! A key and a certificate for each side, made for one login: each believes the other's, and nobody else's.

use std::error::Error;
use std::sync::Arc;

use noq::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, version};
use tssh_core::transport::{ErrorKind, TransportError};
use tssh_core::wire::ServerInfo;

/// The name in every certificate.
pub(crate) const NAME: &str = "tsshd";

/// Both as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Identity {
    pub(crate) fn new() -> Result<Self, TransportError> {
        let key = KeyPair::generate().map_err(useless)?;
        let mut params = CertificateParams::new(vec![NAME.into()]).map_err(useless)?;
        params.distinguished_name = DistinguishedName::new();
        let certificate = params.self_signed(&key).map_err(useless)?;
        Ok(Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

pub(crate) fn server(
    own: &Identity,
    client: &Identity,
) -> Result<QuicServerConfig, TransportError> {
    let trusted = roots(client.certificate.as_bytes())?;
    let verifier = WebPkiClientVerifier::builder_with_provider(trusted, provider())
        .build()
        .map_err(useless)?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13])
        .map_err(useless)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate(own.certificate.as_bytes())?],
            key(own.key.as_bytes())?,
        )
        .map_err(useless)?;
    // One connection for each login: nothing is resumed.
    config.send_tls13_tickets = 0;
    QuicServerConfig::try_from(config).map_err(useless)
}

pub(crate) fn client(offer: &ServerInfo) -> Result<QuicClientConfig, TransportError> {
    let trusted = roots(&offer.server_cert().map_err(useless)?)?;
    let own = certificate(&offer.client_cert().map_err(useless)?)?;
    let key = key(&offer.client_key().map_err(useless)?)?;
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13])
        .map_err(useless)?
        .with_root_certificates(trusted)
        .with_client_auth_cert(vec![own], key)
        .map_err(useless)?;
    QuicClientConfig::try_from(config).map_err(useless)
}

fn certificate(pem: &[u8]) -> Result<CertificateDer<'static>, TransportError> {
    CertificateDer::from_pem_slice(pem).map_err(useless)
}

fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TransportError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(useless)
}

fn roots(pem: &[u8]) -> Result<Arc<RootCertStore>, TransportError> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(pem)?).map_err(useless)?;
    Ok(Arc::new(roots))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn useless(cause: impl Error + Send + Sync + 'static) -> TransportError {
    let message = format!("the credentials of this login are of no use: {cause}");
    TransportError::new(ErrorKind::Misbehaved, message).because(cause)
}
