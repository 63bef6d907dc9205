//! Where a client wants to be connected to, and whether it may.

use std::path::PathBuf;

use tssh_core::forward::Family;
use tssh_core::wire::{DialRequest, Printable};

use crate::settings::Settings;

/// Where a `dial` leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A TCP port.
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        port: u16,
        family: Family,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why a `dial` is not even tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("{0} is not a host and a port such as example.org:80 or [::1]:80")]
    BadAddress(Printable),
    #[error("a connection over {0} is not known, wanted tcp, tcp4, tcp6 or unix")]
    BadNet(Printable),
    #[error("sshd_config on the server permits no such forward: see {0} there")]
    Prohibited(&'static str),
}

impl Target {
    /// Understands a request.
    pub(crate) fn parse(request: &DialRequest) -> Result<Self, TargetError> {
        let family = match request.net.as_str() {
            "tcp" => Family::Any,
            "tcp4" => Family::V4,
            "tcp6" => Family::V6,
            "unix" if request.addr.is_empty() => {
                return Err(TargetError::BadAddress(Printable::default()));
            }
            "unix" => return Ok(Self::Unix(PathBuf::from(&request.addr))),
            _ => return Err(TargetError::BadNet(Printable::new(&request.net))),
        };
        let (host, port) = host_and_port(&request.addr)
            .ok_or_else(|| TargetError::BadAddress(Printable::new(&request.addr)))?;
        Ok(Self::Tcp { host, port, family })
    }

    /// Whether sshd would connect this user there.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), TargetError> {
        let (allowed, keyword) = match self {
            Self::Tcp { .. } => (settings.tcp_forwarding(), "AllowTcpForwarding"),
            Self::Unix(_) => (
                settings.stream_local_forwarding(),
                "AllowStreamLocalForwarding",
            ),
        };
        if settings.disable_forwarding {
            return Err(TargetError::Prohibited("DisableForwarding"));
        }
        if !allowed.permits_local() {
            return Err(TargetError::Prohibited(keyword));
        }
        match self {
            Self::Tcp { host, port, .. } if !settings.permit_open.permits(host, *port) => {
                Err(TargetError::Prohibited("PermitOpen"))
            }
            Self::Tcp { .. } | Self::Unix(_) => Ok(()),
        }
    }
}

/// Cuts `host:port` and `[v6]:port`. Without a host it is this machine, as for the deployed programs.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|&port| port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(inside) => inside.strip_suffix(']')?,
        None if host.contains([':', '[', ']']) => return None,
        None => host,
    };
    let host = match host {
        "" => "localhost",
        host => host,
    };
    Some((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Forwarding, Permit};

    #[test]
    fn words_become_targets_or_sentences() {
        let tcp = |host: &str, port, family| {
            let host = host.to_owned();
            Ok(Target::Tcp { host, port, family })
        };
        let bad = |addr: &str| Err(TargetError::BadAddress(Printable::new(addr)));
        for (net, addr, expected) in [
            ("tcp", "db:5432", tcp("db", 5432, Family::Any)),
            ("tcp4", "127.0.0.1:80", tcp("127.0.0.1", 80, Family::V4)),
            (
                "tcp6",
                "[fe80::1%eth0]:80",
                tcp("fe80::1%eth0", 80, Family::V6),
            ),
            ("tcp", ":80", tcp("localhost", 80, Family::Any)),
            ("unix", "/run/x", Ok(Target::Unix("/run/x".into()))),
            ("unix", "", bad("")),
            ("tcp", "db", bad("db")),
            ("tcp", "db:0", bad("db:0")),
            ("tcp", "db:65536", bad("db:65536")),
            ("tcp", "db:http", bad("db:http")),
            ("tcp", "::1:80", bad("::1:80")),
            ("tcp", "[::1:80", bad("[::1:80")),
            (
                "udp",
                "db:53",
                Err(TargetError::BadNet(Printable::new("udp"))),
            ),
        ] {
            assert_eq!(Target::parse(&request(net, addr)), expected, "{net} {addr}");
        }
    }

    #[test]
    fn what_sshd_would_refuse_is_refused_by_the_name_of_its_keyword() {
        let usual = Settings::default();
        let with = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings
        };
        let only_db = with(|s| s.permit_open = Permit::Only(vec!["db:5432".into()]));
        for (settings, net, addr, refused_by) in [
            (&usual, "tcp", "db:1", None),
            (&usual, "unix", "/x", None),
            (
                &with(|s| s.allow_tcp_forwarding = Forwarding::No),
                "tcp",
                "db:1",
                Some("AllowTcpForwarding"),
            ),
            (
                &with(|s| s.allow_tcp_forwarding = Forwarding::Remote),
                "tcp",
                "db:1",
                Some("AllowTcpForwarding"),
            ),
            (
                &with(|s| s.allow_tcp_forwarding = Forwarding::Local),
                "tcp",
                "db:1",
                None,
            ),
            (
                &with(|s| s.allow_tcp_forwarding = Forwarding::No),
                "unix",
                "/x",
                None,
            ),
            (
                &with(|s| s.allow_stream_local_forwarding = Forwarding::Remote),
                "unix",
                "/x",
                Some("AllowStreamLocalForwarding"),
            ),
            (
                &with(|s| s.disable_forwarding = true),
                "tcp",
                "db:1",
                Some("DisableForwarding"),
            ),
            (&only_db, "tcp", "db:5432", None),
            (&only_db, "tcp", "db:5433", Some("PermitOpen")),
            (&only_db, "tcp", "127.0.0.1:5432", Some("PermitOpen")),
            (
                &with(|s| s.permit_open = Permit::None),
                "tcp",
                "db:5432",
                Some("PermitOpen"),
            ),
        ] {
            let target = Target::parse(&request(net, addr)).unwrap();
            let expected =
                refused_by.map_or(Ok(()), |keyword| Err(TargetError::Prohibited(keyword)));
            assert_eq!(
                target.check(settings),
                expected,
                "{net} {addr} {refused_by:?}"
            );
        }
    }

    fn request(net: &str, addr: &str) -> DialRequest {
        DialRequest {
            net: net.to_owned(),
            addr: addr.to_owned(),
            ..DialRequest::default()
        }
    }
}
