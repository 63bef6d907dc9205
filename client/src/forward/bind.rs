//! Which addresses a forward listens on.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, lookup_host};
use tssh_core::forward::listen_tcp;

use crate::settings::{AddressFamily, Settings};
use crate::ssh_config::{Forward, Listener, Target};

/// Why a forward is not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The system refuses.
    #[error("cannot listen on {address}: {reason}")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// What the system says, or what to do about it.
        reason: String,
    },
    /// The address to listen on has no address, or none of the wanted family.
    #[error("cannot listen on {host} port {port}: {reason}")]
    Unknown {
        /// As it was given.
        host: String,
        /// As it was given.
        port: u16,
        /// What the resolver says.
        reason: String,
    },
    /// A kind of forward that this version lacks.
    #[error("forwards from or to Unix sockets are not supported by this version: use ssh for {0}")]
    Unix(String),
}

/// Where a forward listens, and where it leads.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) host: String,
    pub(super) port: u16,
}

/// Listens for `forward`. An address that cannot be had is passed over as long as there is another.
pub(super) async fn bind(forward: &Forward, settings: &Settings) -> Result<Bound, BindError> {
    let unix = || BindError::Unix(format!("{} {}", forward.listener, forward.target));
    let Listener::Tcp {
        host: from,
        port: at,
    } = &forward.listener
    else {
        return Err(unix());
    };
    let (host, port) = match &forward.target {
        Target::Tcp { host, port } => (host.clone(), *port),
        Target::Unix(_) | Target::Socks => return Err(unix()),
    };
    let mut listeners = Vec::new();
    let mut refused = None;
    for address in addresses(from.as_deref(), *at, settings).await? {
        match listen_tcp(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => {
                let error = BindError::Refused {
                    address,
                    reason: reason(&error, address.port()),
                };
                tracing::debug!(%error, "an address of a forward is passed over");
                refused.get_or_insert(error);
            }
        }
    }
    match refused {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(Bound {
            listeners,
            host,
            port,
        }),
    }
}

/// As ssh: without an address loopback, or every one with `GatewayPorts`; empty or `*` is every one.
async fn addresses(
    host: Option<&str>,
    port: u16,
    settings: &Settings,
) -> Result<Vec<SocketAddr>, BindError> {
    let everywhere = match host {
        None => settings.gateway_ports,
        Some(host) => host.is_empty() || host == "*",
    };
    let found: Vec<SocketAddr> = if everywhere {
        vec![
            (Ipv4Addr::UNSPECIFIED, port).into(),
            (Ipv6Addr::UNSPECIFIED, port).into(),
        ]
    } else {
        match host.unwrap_or(LOOPBACK) {
            // Known without a resolver, and on both families whatever the hosts file says.
            LOOPBACK => vec![
                (Ipv4Addr::LOCALHOST, port).into(),
                (Ipv6Addr::LOCALHOST, port).into(),
            ],
            host => lookup_host((host, port))
                .await
                .map_err(|error| unknown(host, port, error.to_string()))?
                .collect(),
        }
    };
    let wanted = |address: &SocketAddr| match settings.address_family {
        AddressFamily::Any => true,
        AddressFamily::Inet => address.is_ipv4(),
        AddressFamily::Inet6 => address.is_ipv6(),
    };
    let found: Vec<_> = found
        .into_iter()
        .filter(wanted)
        .take(MAX_ADDRESSES)
        .collect();
    if found.is_empty() {
        let reason = "it has no address of the wanted family".to_owned();
        return Err(unknown(host.unwrap_or(LOOPBACK), port, reason));
    }
    Ok(found)
}

fn unknown(host: &str, port: u16, reason: String) -> BindError {
    BindError::Unknown {
        host: host.to_owned(),
        port,
        reason,
    }
}

fn reason(error: &io::Error, port: u16) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::AddrInUse {
        "another program listens there, end it or choose another port".to_owned()
    } else if kind == io::ErrorKind::AddrNotAvailable {
        "this machine has no such address".to_owned()
    } else if kind == io::ErrorKind::PermissionDenied && port < FIRST_FREE_PORT {
        format!("ports below {FIRST_FREE_PORT} are for root, choose another one")
    } else {
        error.to_string()
    }
}

const LOOPBACK: &str = "localhost";

/// Linux: `net.ipv4.ip_unprivileged_port_start`, as it usually is.
const FIRST_FREE_PORT: u16 = 1024;

/// A name may have any number.
const MAX_ADDRESSES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn where_a_forward_listens_is_as_ssh_has_it() {
        let loopback = &["127.0.0.1:8080", "[::1]:8080"][..];
        let everywhere = &["0.0.0.0:8080", "[::]:8080"][..];
        let only = |family, gateway_ports| Settings {
            address_family: family,
            gateway_ports,
            ..Settings::default()
        };
        let usual = only(AddressFamily::Any, false);
        let gateway = only(AddressFamily::Any, true);
        let v4 = only(AddressFamily::Inet, false);
        let v6 = only(AddressFamily::Inet6, true);
        for (host, settings, expected) in [
            (None, &usual, loopback),
            (Some("localhost"), &usual, loopback),
            (Some("localhost"), &gateway, loopback),
            (None, &gateway, everywhere),
            (Some("*"), &usual, everywhere),
            (Some(""), &usual, everywhere),
            (Some("::1"), &usual, &["[::1]:8080"]),
            (Some("192.0.2.1"), &gateway, &["192.0.2.1:8080"]),
            (None, &v4, &["127.0.0.1:8080"]),
            (None, &v6, &["[::]:8080"]),
        ] {
            let found = addresses(host, 8080, settings).await.unwrap();
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{host:?}");
        }
        let error = addresses(Some("127.0.0.1"), 1, &v6).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot listen on 127.0.0.1 port 1: it has no address of the wanted family"
        );
    }

    #[tokio::test]
    async fn a_unix_socket_is_refused_with_a_word_on_what_to_use() {
        for spec in ["8080:/run/x", "/tmp/s:host:80"] {
            let forward = Forward::parse_local(spec).unwrap();
            let error = bind(&forward, &Settings::default()).await.unwrap_err();
            assert!(error.to_string().contains("use ssh for"), "{error}");
        }
    }
}
