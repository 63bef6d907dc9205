//! Whether a host certificate vouches for the host (OpenSSH's PROTOCOL.certkeys).

use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, HashAlg, PublicKey, PublicKeyBase64 as _};

use super::algorithms::accepts_authority;
use super::known_hosts::{KnownHosts, matches_pattern};
use super::prompt::printable;

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

/// Checks everything that makes `certificate` good for `host` at `now`, but revocation. `signed_by`
/// are the `CASignatureAlgorithms`.
///
/// # Errors
///
/// Why it is not good, in words for the user.
pub(super) fn check(
    certificate: &Certificate,
    known: &KnownHosts,
    host: &str,
    now: u64,
    signed_by: Option<&str>,
) -> Result<(), String> {
    if !known.is_authority(&authority(certificate)) {
        return Err("no authority known for this host signed it".into());
    }
    // Nothing that it says is looked at, or repeated, before the authority is known to have said it.
    let fingerprint = certificate.signature_key().fingerprint(HashAlg::Sha256);
    let some_time = certificate.valid_after();
    if certificate.validate_at(some_time, [&fingerprint]).is_err() {
        return Err("its signature is wrong, or it is valid at no time".into());
    }
    if certificate.cert_type() != CertType::Host {
        return Err("it is a user's certificate, not a host's".into());
    }
    let algorithm = certificate.signature().algorithm();
    if !accepts_authority(signed_by, algorithm.as_str()) {
        let name = algorithm.as_str();
        return Err(format!(
            "it is signed by {name}, which is not in CASignatureAlgorithms"
        ));
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
        let principals = printable(&principals.join(", ")).replace(['\n', '\t'], "?");
        return Err(format!("it is for {principals}, not for {host}"));
    }
    if certificate.critical_options().iter().next().is_some() {
        return Err("it has critical options, which host certificates do not know".into());
    }
    Ok(())
}

fn encoded(key: &KeyData) -> Vec<u8> {
    PublicKey::new(key.clone(), "").public_key_bytes()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use tempfile::TempDir;

    use super::*;
    use crate::login::known_hosts::{HostNames, load};

    #[test]
    fn what_a_certificate_says_is_not_repeated_before_its_signature_is_checked() {
        let (known, mut bytes) = signed_for("other.example");
        let reason = checked(&known, &bytes).unwrap_err();
        assert_eq!(reason, "it is for other.example, not for host.example");

        let at = memchr::memmem::find(&bytes, b"other.example").unwrap();
        bytes[at..][..13].copy_from_slice(b"evil2.example");
        let reason = checked(&known, &bytes).unwrap_err();
        assert!(reason.starts_with("its signature is wrong"), "{reason}");
    }

    #[test]
    fn a_principal_cannot_drive_the_terminal() {
        let (known, bytes) = signed_for("a\u{1b}]0;title\u{7}\nb\u{9b}31m");
        let reason = checked(&known, &bytes).unwrap_err();
        assert_eq!(reason, "it is for a?]0;title??b?31m, not for host.example");
    }

    #[test]
    fn an_authority_signs_only_by_what_is_allowed() {
        let (known, bytes) = signed_for("host.example");
        for (list, reason) in [
            (None, Ok(())),
            (Some("ssh-ed25519"), Ok(())),
            (
                Some("rsa-sha2-512,ecdsa-sha2-nistp256"),
                Err("it is signed by ssh-ed25519, which is not in CASignatureAlgorithms".into()),
            ),
        ] {
            let certificate = Certificate::from_bytes(&bytes).unwrap();
            let checked = check(&certificate, &known, "host.example", unix_now(), list);
            assert_eq!(checked, reason, "{list:?}");
        }
    }

    fn checked(known: &KnownHosts, bytes: &[u8]) -> Result<(), String> {
        let certificate = Certificate::from_bytes(bytes).unwrap();
        check(&certificate, known, "host.example", unix_now(), None)
    }

    /// What knows the authority, and a certificate for `principal` by it.
    fn signed_for(principal: &str) -> (KnownHosts, Vec<u8>) {
        let dir = TempDir::new().unwrap();
        let keygen = |arguments: &[&str]| {
            let mut command = Command::new("ssh-keygen");
            command.arg("-q").args(arguments).current_dir(dir.path());
            assert!(command.status().unwrap().success(), "{arguments:?}");
        };
        for name in ["ca", "host"] {
            keygen(&["-t", "ed25519", "-N", "", "-f", name]);
        }
        keygen(&["-h", "-s", "ca", "-I", "id", "-n", principal, "host.pub"]);
        let authority = fs::read_to_string(dir.path().join("ca.pub")).unwrap();
        let known_hosts = dir.path().join("known_hosts");
        fs::write(&known_hosts, format!("@cert-authority * {authority}")).unwrap();
        let names = HostNames::new("host.example", 22, None);
        let text = fs::read_to_string(dir.path().join("host-cert.pub")).unwrap();
        let encoded = text.split(' ').nth(1).unwrap();
        (
            load([&known_hosts], &names),
            STANDARD.decode(encoded).unwrap(),
        )
    }
}
