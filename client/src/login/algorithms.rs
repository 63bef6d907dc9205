//! Turns `ssh_config`'s lists of algorithms into the lists the SSH library negotiates with.

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};
use russh::{Preferred, cipher, compression, kex, mac};

use super::error::LoginError;
use super::known_hosts::{KnownHosts, matches_pattern};
use super::options::Options;

/// What to offer to the host of `options`, given what is known of its keys.
///
/// # Errors
///
/// A list that leaves nothing to offer.
pub(super) fn preferred(options: &Options, known: &KnownHosts) -> Result<Preferred, LoginError> {
    let lists = &options.algorithms;
    let kex = choose("KexAlgorithms", lists.kex.as_deref(), KEX, |name| {
        kex::Name::try_from(name).ok()
    })?;
    let kex = kex
        .into_iter()
        .chain(KEX_EXTENSIONS.iter().copied())
        .collect::<Vec<_>>();
    let ciphers = choose("Ciphers", lists.ciphers.as_deref(), CIPHERS, |name| {
        cipher::Name::try_from(name)
            .ok()
            .filter(|name| !UNSAFE.contains(&name.as_ref()))
    })?;
    let macs = choose("MACs", lists.macs.as_deref(), MACS, |name| {
        mac::Name::try_from(name)
            .ok()
            .filter(|name| !UNSAFE.contains(&name.as_ref()))
    })?;
    let (certificates, keys) = host_keys(options, known)?;
    let compression: &'static [compression::Name] = if options.compression {
        COMPRESSED
    } else {
        UNCOMPRESSED
    };
    Ok(Preferred {
        kex: Cow::Owned(kex),
        key: Cow::Owned(keys),
        host_key_certificates: Cow::Owned(certificates),
        cipher: Cow::Owned(ciphers),
        mac: Cow::Owned(macs),
        compression: Cow::Borrowed(compression),
    })
}

/// Whether `PubkeyAcceptedAlgorithms` allows the algorithm `name`, and `RequiredRSASize` the key.
///
/// # Errors
///
/// Why not, in words for the user.
pub(super) fn accept_user_key(
    options: &Options,
    key: &PublicKey,
    name: &str,
) -> Result<(), String> {
    let list = options.algorithms.user_keys.as_deref();
    let is_listed = names("PubkeyAcceptedAlgorithms", list, USER_KEYS)
        .iter()
        .any(|pattern| matches_pattern(pattern, name));
    if !is_listed {
        return Err(format!("{name} is not in PubkeyAcceptedAlgorithms"));
    }
    accept_size(options.required_rsa_size, key)
}

/// Whether `key` has the bits that `RequiredRSASize` wants; keys of other kinds always do.
///
/// # Errors
///
/// Why not, in words for the user.
pub(super) fn accept_size(required: u32, key: &PublicKey) -> Result<(), String> {
    match key.key_data().rsa().map(|rsa| rsa.key_size()) {
        Some(bits) if bits < required => Err(format!(
            "its RSA key has {bits} bits, and RequiredRSASize wants {required}"
        )),
        _ => Ok(()),
    }
}

/// Whether `CASignatureAlgorithms` allows an authority to sign by the algorithm `name`.
pub(super) fn accepts_authority(list: Option<&str>, name: &str) -> bool {
    names("CASignatureAlgorithms", list, SIGNATURES)
        .iter()
        .any(|pattern| matches_pattern(pattern, name))
}

/// Certificate types and plain types for the host. Types already known come first, so that a
/// server with several keys shows the one that can be recognised; certificates are asked for only
/// where an authority is known for the host.
fn host_keys(
    options: &Options,
    known: &KnownHosts,
) -> Result<(Vec<Algorithm>, Vec<Algorithm>), LoginError> {
    let list = options.algorithms.host_keys.as_deref();
    let option = "HostKeyAlgorithms";
    let plain = |name: &str| match Algorithm::new(name) {
        Ok(Algorithm::Other(_)) | Err(_) => None,
        Ok(algorithm) => Some(algorithm),
    };
    let mut keys = choose(option, list, HOST_KEYS, plain);
    let certificates = match known.has_authorities() {
        false => Vec::new(),
        true => match list {
            None => HOST_KEYS.iter().filter_map(|name| plain(name)).collect(),
            Some(_) => names(option, list, HOST_KEYS)
                .iter()
                .filter(|name| name.contains("-cert-v01@"))
                .filter_map(|name| certified(name))
                .collect(),
        },
    };
    if !certificates.is_empty() && keys.is_err() {
        // Only certificates are wanted, which the library offers beside plain keys alone.
        keys = Ok(certificates.clone());
    }
    let mut keys = keys?;
    if !options.algorithms.host_keys_are_ordered {
        let known = known.known_types();
        keys.sort_by_key(|algorithm| !known.contains(&family(algorithm)));
    }
    Ok((certificates, keys))
}

/// The plain algorithm under a certificate algorithm's name.
fn certified(name: &str) -> Option<Algorithm> {
    let rsa = |hash| Some(Algorithm::Rsa { hash: Some(hash) });
    match name {
        "rsa-sha2-512-cert-v01@openssh.com" => rsa(HashAlg::Sha512),
        "rsa-sha2-256-cert-v01@openssh.com" => rsa(HashAlg::Sha256),
        _ => Algorithm::new_certificate(name).ok(),
    }
}

/// The key type that an algorithm signs with: three algorithms share RSA keys (RFC 8332).
fn family(algorithm: &Algorithm) -> &str {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library adds variants at will"
    )]
    match algorithm {
        Algorithm::Rsa { .. } => "ssh-rsa",
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        } => "ecdsa-sha2-nistp256",
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP384,
        } => "ecdsa-sha2-nistp384",
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP521,
        } => "ecdsa-sha2-nistp521",
        other => other.as_str(),
    }
}

fn choose<T: PartialEq>(
    option: &'static str,
    list: Option<&str>,
    defaults: &[&str],
    known: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, LoginError> {
    let mut chosen = Vec::new();
    for name in names(option, list, defaults) {
        match known(&name) {
            Some(algorithm) if !chosen.contains(&algorithm) => chosen.push(algorithm),
            Some(_) => {}
            None => tracing::debug!(option, name, "algorithm passed over"),
        }
    }
    if chosen.is_empty() {
        return Err(LoginError::Algorithms {
            option,
            list: list.unwrap_or_default().to_owned(),
        });
    }
    Ok(chosen)
}

/// Applies the list operators of ssh_config(5) to `defaults`.
fn names(option: &str, list: Option<&str>, defaults: &[&str]) -> Vec<String> {
    let owned = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let Some(list) = list else {
        return owned(defaults);
    };
    let split = |list: &str| {
        list.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    tracing::trace!(option, list, "algorithm list");
    match list.split_at_checked(1) {
        Some(("+", rest)) => [owned(defaults), split(rest)].concat(),
        Some(("^", rest)) => [split(rest), owned(defaults)].concat(),
        Some(("-", rest)) => {
            let gone = split(rest);
            let kept = |name: &String| !gone.iter().any(|pattern| matches_pattern(pattern, name));
            owned(defaults).into_iter().filter(kept).collect()
        }
        _ => split(list),
    }
}

/// Best first: post-quantum, then curves, then finite fields.
const KEX: &[&str] = &[
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
];

/// Extension negotiation (RFC 8308) and strict key exchange, which are not up to the user.
const KEX_EXTENSIONS: &[kex::Name] = &[
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// AES-GCM first: every processor this runs on for a living has instructions for it.
const CIPHERS: &[&str] = &[
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
];

const MACS: &[&str] = &[
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512",
    "hmac-sha2-256",
];

const HOST_KEYS: &[&str] = &[
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// As OpenSSH's default: everything but SHA-1.
const USER_KEYS: &[&str] = &[
    "ssh-ed25519*",
    "sk-ssh-ed25519*",
    "ecdsa-sha2-*",
    "sk-ecdsa-sha2-*",
    "rsa-sha2-512*",
    "rsa-sha2-256*",
];

/// As OpenSSH's default: everything but SHA-1.
const SIGNATURES: &[&str] = &[
    "ssh-ed25519",
    "ecdsa-sha2-*",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-*",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// Names that the library knows and that protect nothing.
const UNSAFE: &[&str] = &["none", "clear"];

const COMPRESSED: &[compression::Name] = &[
    compression::ZLIB_LEGACY,
    compression::ZLIB,
    compression::NONE,
];
const UNCOMPRESSED: &[compression::Name] = &[compression::NONE, compression::ZLIB_LEGACY];
