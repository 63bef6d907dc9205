//! One line of a known_hosts file.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) marker: Marker,
    hosts: Hosts,
    /// The public key as RFC 4253 section 6.6 encodes it.
    pub(super) key: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    CertAuthority,
    Plain,
    Revoked,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
    Patterns(Vec<String>),
}

/// Why a line is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineError {
    #[error("the hashed host name is not |1|salt|hash")]
    BadHash,
    #[error("the key is not base64 of a public key")]
    BadKey,
    #[error("the marker is neither @cert-authority nor @revoked")]
    BadMarker,
    #[error("it ends before the key")]
    TooShort,
    #[error("the key is of another type than the line says")]
    WrongType,
}

impl Line {
    /// Reads one line; `None` is a comment or a blank line.
    pub(super) fn parse(line: &[u8]) -> Result<Option<Self>, LineError> {
        let text = String::from_utf8_lossy(line);
        let mut words = text
            .split([' ', '\t', '\r', '\n'])
            .filter(|word| !word.is_empty());
        let Some(mut first) = words.next() else {
            return Ok(None);
        };
        if first.starts_with('#') {
            return Ok(None);
        }
        let mut marker = Marker::Plain;
        if first.starts_with('@') {
            marker = match first {
                "@cert-authority" => Marker::CertAuthority,
                "@revoked" => Marker::Revoked,
                _ => return Err(LineError::BadMarker),
            };
            first = words.next().ok_or(LineError::TooShort)?;
        }
        let hosts = Hosts::parse(first)?;
        let named = words.next().ok_or(LineError::TooShort)?;
        let key = words.next().ok_or(LineError::TooShort)?;
        let key = STANDARD.decode(key).map_err(|_| LineError::BadKey)?;
        let found = key_type(&key).ok_or(LineError::BadKey)?;
        if found != named {
            return Err(LineError::WrongType);
        }
        Ok(Some(Self { marker, hosts, key }))
    }

    /// Whether the line is about `name`, which is in lower case and may be `[host]:port`.
    pub(super) fn is_about(&self, name: &str) -> bool {
        match &self.hosts {
            Hosts::Hashed { salt, hash } => {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
                hmac::verify(&key, name.as_bytes(), hash).is_ok()
            }
            Hosts::Patterns(patterns) => matches_patterns(patterns, name),
        }
    }
}

impl Hosts {
    fn parse(word: &str) -> Result<Self, LineError> {
        let Some(hashed) = word.strip_prefix('|') else {
            return Ok(Self::Patterns(
                word.split(',').map(str::to_lowercase).collect(),
            ));
        };
        let parts = hashed
            .strip_prefix("1|")
            .and_then(|rest| rest.split_once('|'));
        let (salt, hash) = parts.ok_or(LineError::BadHash)?;
        let decode = |part| STANDARD.decode(part).map_err(|_| LineError::BadHash);
        let (salt, hash) = (decode(salt)?, decode(hash)?);
        if hash.len() != SHA1_LEN || salt.is_empty() {
            return Err(LineError::BadHash);
        }
        Ok(Self::Hashed { salt, hash })
    }
}

/// The host field of a line that hides `name`.
pub(super) fn hashed_field(name: &str, salt: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    let hash = hmac::sign(&key, name.as_bytes());
    format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hash))
}

/// The type name that an encoded public key begins with.
pub(super) fn key_type(key: &[u8]) -> Option<&str> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let name = std::str::from_utf8(rest.get(..length)?).ok()?;
    let printable = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    printable.then_some(name)
}

/// How OpenSSH names a key type to people: `ED25519`, `RSA`.
pub(in crate::login) fn type_label(key: &[u8]) -> Cow<'_, str> {
    match key_type(key) {
        Some("ssh-ed25519") => "ED25519".into(),
        Some("ssh-rsa") => "RSA".into(),
        Some("ssh-dss") => "DSA".into(),
        Some("sk-ssh-ed25519@openssh.com") => "ED25519-SK".into(),
        Some("sk-ecdsa-sha2-nistp256@openssh.com") => "ECDSA-SK".into(),
        Some(name) if name.starts_with("ecdsa-sha2-") => "ECDSA".into(),
        Some(name) => name.into(),
        None => "unknown".into(),
    }
}

/// A list matches if one of its patterns does and no `!pattern` does.
fn matches_patterns(patterns: &[String], name: &str) -> bool {
    let mut matched = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches_pattern(pattern, name) => return false,
            Some(_) => {}
            None => matched |= matches_pattern(pattern, name),
        }
    }
    matched
}

/// `*` is any run of characters, `?` any one. Time grows with the product of the two lengths.
pub(in crate::login) fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut after_star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                after_star = Some((p + 1, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                // Let the last star swallow one character more, and try again from there.
                let Some((star, from)) = after_star else {
                    return false;
                };
                after_star = Some((star, from + 1));
                (p, n) = (star, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// HMAC-SHA1, the one hash that the format knows.
const SHA1_LEN: usize = 20;
