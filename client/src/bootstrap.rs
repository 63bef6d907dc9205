//! Starts `tsshd` over the ordinary login and takes its one-time keys.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use tssh_core::ports::PortSpec;
use tssh_core::wire::{InfoError, Printable, Scanner, ServerInfo, feature};

use crate::login::{AddressFamily, Event, Login, LoginError, Options, Program, Request};
use crate::settings::{Settings, UdpProxyMode};
use crate::ssh_config::ConfigError;

/// A started server.
#[derive(Debug)]
pub struct Offer {
    /// What it printed.
    pub info: ServerInfo,
    /// Where it can be reached, the best address first; never empty. The unspecified address where only a
    /// `ProxyCommand` knows.
    pub servers: Vec<SocketAddr>,
}

/// Why there is no server to continue with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// The address behind a proxy is not known here.
    #[error(
        "{host} was reached through a proxy and has no address here to send UDP to: {reason}; \
         give one with HostName, or stay on SSH with --tcp"
    )]
    Address {
        /// The host as configured.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// What was printed is no server info.
    #[error(transparent)]
    Info(#[from] InfoError),
    /// The login itself.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The program is no program.
    #[error("{path} on {host} cannot be executed: name the program itself with --tsshd-path")]
    NotExecutable {
        /// What was to be run.
        path: String,
        /// Where.
        host: String,
    },
    /// There is no such program.
    #[error("{path} was not found on {host}: install tsshd there, or name it with --tsshd-path")]
    Missing {
        /// What was to be run.
        path: String,
        /// Where.
        host: String,
    },
    /// The proxy leads to one port alone.
    #[error(
        "UdpProxyMode TCP goes through the ProxyCommand, which does not say to which port: write %p in \
         it, which stands for the port of tsshd then"
    )]
    ProxyPort,
    /// The settings.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// It never said anything.
    #[error("{path} on {host} printed no server info within {} s: does its shell start-up wait for input?", waited.as_secs())]
    Silent {
        /// What was run.
        path: String,
        /// Where.
        host: String,
        /// For how long.
        waited: Duration,
    },
}

/// Runs `tsshd` on the host of `login`, and waits for its line.
///
/// Cancel safe: a server without a client ends by itself.
///
/// # Errors
///
/// See [`BootstrapError`].
pub async fn start(
    login: &Login,
    options: &Options,
    settings: &Settings,
    debug: bool,
    env: Vec<(String, String)>,
) -> Result<Offer, BootstrapError> {
    let by_process = settings.proxy_words(1)?.is_some();
    let tcp = settings.udp_proxy_mode == UdpProxyMode::Tcp;
    if tcp && settings.proxy_command.is_some() && !by_process {
        return Err(BootstrapError::ProxyPort);
    }
    let program = settings
        .tsshd_path
        .clone()
        .unwrap_or_else(|| "tsshd".to_owned());
    let command = command_line(&program, settings, debug);
    tracing::debug!(command, "starting the server");
    let request = Request {
        program: Program::Command(command.into_bytes()),
        // No terminal: nothing wraps, no start-up file takes itself for interactive, and the server's
        // sessions inherit no terminal that is gone.
        pty: None,
        env,
    };
    let mut channel = login.start(&request).await?;
    let read = read_info(&mut channel.reader);
    let host = &settings.hostname;
    let info = match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(info)) => info,
        Ok(Err(Failure::NotFound)) => {
            return Err(BootstrapError::Missing {
                path: program,
                host: host.clone(),
            });
        }
        Ok(Err(Failure::NotExecutable)) => {
            return Err(BootstrapError::NotExecutable {
                path: program,
                host: host.clone(),
            });
        }
        Ok(Err(Failure::Info(error))) => return Err(error.into()),
        Ok(Err(Failure::Login(error))) => return Err(error.into()),
        Err(_) => {
            let (path, host) = (program, host.clone());
            return Err(BootstrapError::Silent {
                path,
                host,
                waited: PATIENCE,
            });
        }
    };
    let servers = match addresses(login, options, &info).await {
        Ok(servers) => servers,
        Err(error) => {
            let extension = info.extension.as_ref();
            let takes_tcp = extension.is_some_and(|ours| ours.offers(feature::TCP_TOO));
            if !by_process || !(info.is_tcp()? || takes_tcp) {
                return Err(error);
            }
            vec![SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), info.port)]
        }
    };
    Ok(Offer { info, servers })
}

enum Failure {
    NotExecutable,
    NotFound,
    Info(InfoError),
    Login(LoginError),
}

async fn read_info(reader: &mut crate::login::ChannelReader) -> Result<ServerInfo, Failure> {
    let mut scanner = Scanner::new();
    // Start-up files write here too, but never the server info.
    let mut complaint = Vec::new();
    let mut status = 0;
    while let Some(event) = reader.next().await.map_err(Failure::Login)? {
        match event {
            Event::Stdout(bytes) => {
                if let Some(info) = scanner.push(&bytes).map_err(Failure::Info)? {
                    return Ok(info);
                }
            }
            Event::Stderr(bytes) => {
                let room = MAX_COMPLAINT
                    .saturating_sub(complaint.len())
                    .min(bytes.len());
                complaint.extend_from_slice(&bytes[..room]);
            }
            Event::ExitStatus(code) => status = code,
            Event::ExitSignal { .. } | Event::Finished => {}
        }
    }
    scanner.finish().map_err(|error| match (status, error) {
        // POSIX, "Exit Status for Commands": found but not executable, and not found.
        (126, _) => Failure::NotExecutable,
        (127, _) => Failure::NotFound,
        (_, InfoError::Empty) if !complaint.trim_ascii().is_empty() => {
            let complaint = String::from_utf8_lossy(complaint.trim_ascii());
            Failure::Info(InfoError::Garbage(Printable::new(&complaint)))
        }
        (_, error) => Failure::Info(error),
    })
}

fn command_line(program: &str, settings: &Settings, debug: bool) -> String {
    use crate::settings::{AddressFamily, UdpMode};
    let mut words = vec![program.to_owned()];
    if settings.udp_mode == UdpMode::Kcp {
        words.push("--kcp".to_owned());
    }
    match settings.address_family {
        AddressFamily::Any => {}
        AddressFamily::Inet => words.push("--ipv4".to_owned()),
        AddressFamily::Inet6 => words.push("--ipv6".to_owned()),
    }
    if settings.udp_proxy_mode == UdpProxyMode::Tcp {
        words.push("--tcp".to_owned());
    }
    if settings.udp_mtu != DEFAULT_MTU {
        words.push(format!("--mtu {}", settings.udp_mtu));
    }
    if settings.tsshd_port != PortSpec::default() {
        words.push(format!("--port {}", settings.tsshd_port));
    }
    if let Some(limit) = settings.connect_timeout
        && !limit.is_zero()
        && limit != DEFAULT_CONNECT_TIMEOUT
    {
        words.push(format!("--connect-timeout {}", limit.as_secs().max(1)));
    }
    if debug {
        words.push("--debug".to_owned());
    }
    words.join(" ")
}

/// PROTOCOL.md, "Server info": what a server waits that is told nothing.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The address that answered the login, and the others of its name; behind a proxy, what the resolver
/// says of it.
async fn addresses(
    login: &Login,
    options: &Options,
    info: &ServerInfo,
) -> Result<Vec<SocketAddr>, BootstrapError> {
    let port = info.port;
    if let Some(addresses) = login.addresses() {
        // Others listen on the address of the login alone.
        let others = match info.offers(feature::CANDIDATES) {
            true => login.other_addresses(),
            false => &[],
        };
        let others = others.iter().take(MAX_OTHERS).copied();
        let all = std::iter::once(addresses.remote).chain(others);
        return Ok(all.map(|address| at_port(address, port)).collect());
    }
    let fits = |ip: &IpAddr| match options.address_family {
        AddressFamily::Any => true,
        AddressFamily::Inet => ip.is_ipv4(),
        AddressFamily::Inet6 => ip.is_ipv6(),
    };
    let unknown = |reason: String| BootstrapError::Address {
        host: options.hostname.clone(),
        reason,
    };
    let found = tokio::net::lookup_host((options.hostname.as_str(), port)).await;
    let found = found.map_err(|error| unknown(error.to_string()))?;
    let servers: Vec<_> = found.filter(|address| fits(&address.ip())).collect();
    if servers.is_empty() {
        return Err(unknown(
            "the name has no address of the wanted family".to_owned(),
        ));
    }
    Ok(servers)
}

/// Another port of the host at `address`. A link-local address keeps its interface.
fn at_port(address: SocketAddr, port: u16) -> SocketAddr {
    match (address, address.ip().to_canonical()) {
        (SocketAddr::V6(v6), IpAddr::V6(_)) => {
            SocketAddrV6::new(*v6.ip(), port, 0, v6.scope_id()).into()
        }
        (_, ip) => SocketAddr::new(ip, port),
    }
}

/// Of a name with many addresses only so many are tried beside the one that answered.
const MAX_OTHERS: usize = 3;

/// `UdpMTU` when nobody says otherwise.
pub const DEFAULT_MTU: u16 = 1400;

/// Enough for the sentence that says why there is no server info.
const MAX_COMPLAINT: usize = 4096;

/// A login shell may be slow, a second factor slower, but those are over when this begins.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_keeps_its_interface_and_a_mapped_one_is_ipv4() {
        let link_local = SocketAddrV6::new("fe80::1".parse().unwrap(), 22, 5, 3);
        let kept = SocketAddrV6::new("fe80::1".parse().unwrap(), 61001, 0, 3);
        assert_eq!(at_port(link_local.into(), 61001), kept.into());
        for address in ["[::ffff:192.0.2.1]:22", "192.0.2.1:22"] {
            let moved = at_port(address.parse().unwrap(), 61001);
            assert_eq!(moved, "192.0.2.1:61001".parse().unwrap());
        }
    }
}
