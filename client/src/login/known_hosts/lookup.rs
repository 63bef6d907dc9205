//! Which lines are about a host, and what they say about a key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::line::{Line, Marker, key_type};

/// The lines of all files that are about one host.
#[derive(Debug, Default)]
pub(in crate::login) struct KnownHosts {
    lines: Vec<(Origin, About, Line)>,
}

/// Where a line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::login) struct Origin {
    pub(in crate::login) file: Arc<Path>,
    /// Counted from one.
    pub(in crate::login) line: usize,
}

/// Which of a host's names a line matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// The name with its port, as it is looked up first.
    Exact,
    /// The bare name; it vouches for a server on another port too, but cannot contradict it.
    WithoutPort,
}

/// The names that a host is looked up under, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::login) struct HostNames {
    /// What a new line would say: `host`, or `[host]:port` for a port other than 22.
    pub(in crate::login) exact: String,
    /// The name without the port, where `exact` has one.
    pub(in crate::login) bare: Option<String>,
}

/// What the files say about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::login) enum Verdict {
    /// Another key is known for this host, of whatever type.
    Changed(Origin, Vec<u8>),
    Known,
    /// Nothing is known.
    New,
    /// The key, or the authority that certified it, is revoked for this host.
    Revoked(Origin),
}

impl HostNames {
    pub(in crate::login) fn new(hostname: &str, port: u16, alias: Option<&str>) -> Self {
        if let Some(alias) = alias {
            return Self {
                exact: alias.to_lowercase(),
                bare: None,
            };
        }
        let host = hostname.to_lowercase();
        if port == SSH_PORT {
            return Self {
                exact: host,
                bare: None,
            };
        }
        Self {
            exact: format!("[{host}]:{port}"),
            bare: Some(host),
        }
    }
}

impl KnownHosts {
    /// Adds the lines of one file's `text` that are about `names`. A broken line is logged and
    /// passed over: it must not hide the good ones.
    pub(super) fn add(&mut self, file: &Arc<PathBuf>, text: &[u8], names: &HostNames) {
        let shared: Arc<Path> = Arc::from(file.as_path());
        for (index, bytes) in text.split(|&byte| byte == b'\n').enumerate() {
            let origin = || Origin {
                file: shared.clone(),
                line: index + 1,
            };
            match Line::parse(bytes) {
                Ok(None) => {}
                Ok(Some(line)) => {
                    if line.is_about(&names.exact) {
                        self.lines.push((origin(), About::Exact, line));
                    } else if names.bare.as_ref().is_some_and(|bare| line.is_about(bare)) {
                        self.lines.push((origin(), About::WithoutPort, line));
                    }
                }
                Err(error) => {
                    tracing::warn!(file = %shared.display(), line = index + 1, %error, "known_hosts line passed over");
                }
            }
        }
    }

    /// Judges a plain key.
    pub(in crate::login) fn judge(&self, key: &[u8]) -> Verdict {
        if let Some(origin) = self.revocation(key) {
            return Verdict::Revoked(origin.clone());
        }
        if self.of(Marker::Plain).any(|(_, _, line)| line.key == key) {
            return Verdict::Known;
        }
        let other = self
            .of(Marker::Plain)
            .find(|(_, about, _)| *about == About::Exact);
        match other {
            Some((origin, _, line)) => Verdict::Changed(origin.clone(), line.key.clone()),
            None => Verdict::New,
        }
    }

    /// The line that revokes `key` for this host.
    pub(in crate::login) fn revocation(&self, key: &[u8]) -> Option<&Origin> {
        self.of(Marker::Revoked)
            .find(|(_, _, line)| line.key == key)
            .map(|(origin, _, _)| origin)
    }

    /// Whether `key` may certify this host.
    pub(in crate::login) fn is_authority(&self, key: &[u8]) -> bool {
        self.authorities().any(|authority| authority == key)
    }

    /// Whether any key may certify this host.
    pub(in crate::login) fn has_authorities(&self) -> bool {
        self.authorities().next().is_some()
    }

    /// The types of the plain keys known for this host, which a server should be asked for first.
    pub(in crate::login) fn known_types(&self) -> Vec<&str> {
        self.of(Marker::Plain)
            .filter_map(|(_, _, line)| key_type(&line.key))
            .collect()
    }

    fn authorities(&self) -> impl Iterator<Item = &[u8]> {
        self.of(Marker::CertAuthority)
            .map(|(_, _, line)| line.key.as_slice())
    }

    fn of(&self, marker: Marker) -> impl Iterator<Item = &(Origin, About, Line)> {
        self.lines
            .iter()
            .filter(move |(_, _, line)| line.marker == marker)
    }
}

/// The port that known_hosts leaves out.
const SSH_PORT: u16 = 22;
