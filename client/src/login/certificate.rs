//! Whether a host certificate vouches for the host (OpenSSH's PROTOCOL.certkeys).

use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey, PublicKeyBase64 as _};

use super::known_hosts::{KnownHosts, matches_pattern};

/// Seconds since 1970, which is how certificates count.
#[expect(
    clippy::disallowed_methods,
    reason = "certificates are good by the wall clock"
)]
pub(super) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The key of the authority that signed `certificate`, encoded.
pub(super) fn authority(certificate: &Certificate) -> Vec<u8> {
    encoded(certificate.signature_key())
}

/// Checks everything that makes `certificate` good for `host` at `now`, but revocation.
///
/// # Errors
///
/// Why it is not good, in words for the user.
pub(super) fn check(
    certificate: &Certificate,
    known: &KnownHosts,
    host: &str,
    now: u64,
) -> Result<(), String> {
    if !known.is_authority(&authority(certificate)) {
        return Err("no authority known for this host signed it".into());
    }
    if certificate.cert_type() != CertType::Host {
        return Err("it is a user's certificate, not a host's".into());
    }
    if matches!(
        certificate.signature().algorithm(),
        Algorithm::Dsa | Algorithm::Rsa { hash: None }
    ) {
        return Err("it is signed with SHA-1".into());
    }
    if now < certificate.valid_after() {
        return Err("it is not valid yet".into());
    }
    if now >= certificate.valid_before() {
        return Err("it has expired".into());
    }
    let principals = certificate.valid_principals();
    let host = host.to_lowercase();
    let names_host = |principal: &String| matches_pattern(&principal.to_lowercase(), &host);
    if !principals.is_empty() && !principals.iter().any(names_host) {
        return Err(format!(
            "it is for {}, not for {host}",
            principals.join(", ")
        ));
    }
    if certificate.critical_options().iter().next().is_some() {
        return Err("it has critical options, which host certificates do not know".into());
    }
    let fingerprint = certificate.signature_key().fingerprint(HashAlg::Sha256);
    certificate
        .validate_at(now, [&fingerprint])
        .map_err(|_| "its signature is wrong".to_owned())
}

fn encoded(key: &KeyData) -> Vec<u8> {
    PublicKey::new(key.clone(), "").public_key_bytes()
}
