//! Makes the byte stream to a host: TCP to one of its addresses, or a proxy command.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::error::LoginError;
use super::options::{AddressFamily, Options};
use super::stream::{ByteStream, ProcessStream};

/// A stream to a host and, where it is TCP, the two addresses.
pub(super) struct Dialled {
    pub(super) stream: Box<dyn ByteStream>,
    pub(super) addresses: Option<Addresses>,
    /// What else the resolver says of the name, in its order.
    pub(super) others: Vec<SocketAddr>,
}

/// The two ends of the TCP connection to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// This machine's end.
    pub local: SocketAddr,
    /// The server's end: the address that answered among all that the name has.
    pub remote: SocketAddr,
}

/// Cancel safe: dropping the future abandons the attempt and kills a proxy command.
pub(super) async fn dial(options: &Options) -> Result<Dialled, LoginError> {
    match &options.proxy_command {
        Some(command) => spawn_proxy(command),
        None => dial_tcp(options).await,
    }
}

async fn dial_tcp(options: &Options) -> Result<Dialled, LoginError> {
    let targets = resolve(&options.hostname, options.port, options.address_family).await?;
    let mut last = None;
    for attempt in 0..options.connection_attempts.max(1) {
        if attempt > 0 {
            sleep(BETWEEN_ATTEMPTS).await;
        }
        for &target in &targets {
            match dial_address(options, target).await {
                Ok(stream) => return finish(options, stream, &targets),
                Err(error) => {
                    tracing::debug!(%target, %error, "address did not answer");
                    last = Some(error);
                }
            }
        }
    }
    Err(last.unwrap_or_else(|| LoginError::Resolve {
        host: options.hostname.clone(),
        reason: "it has no address of the wanted family".into(),
    }))
}

fn finish(
    options: &Options,
    stream: TcpStream,
    targets: &[SocketAddr],
) -> Result<Dialled, LoginError> {
    let addresses = || {
        stream.set_nodelay(true)?;
        Ok(Addresses {
            local: stream.local_addr()?,
            remote: stream.peer_addr()?,
        })
    };
    let addresses = addresses().map_err(|error| refused(options, &error))?;
    let remote = addresses.remote.ip();
    let others = targets.iter().copied();
    Ok(Dialled {
        stream: Box::new(stream),
        addresses: Some(addresses),
        others: others.filter(|other| other.ip() != remote).collect(),
    })
}

async fn dial_address(options: &Options, target: SocketAddr) -> Result<TcpStream, LoginError> {
    let socket = if target.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    };
    let socket = socket.map_err(|error| refused(options, &error))?;
    if options.tcp_keep_alive {
        socket
            .set_keepalive(true)
            .map_err(|error| refused(options, &error))?;
    }
    if let Some(local) = local_address(options, target).await? {
        socket
            .bind(SocketAddr::new(local, 0))
            .map_err(|error| LoginError::Bind {
                from: local.to_string(),
                reason: error.to_string(),
            })?;
    }
    let connected = match options.connect_timeout {
        None => socket.connect(target).await,
        Some(limit) => timeout(limit, socket.connect(target))
            .await
            .map_err(|_| timed_out(options, limit))?,
    };
    connected.map_err(|error| refused(options, &error))
}

async fn local_address(
    options: &Options,
    target: SocketAddr,
) -> Result<Option<IpAddr>, LoginError> {
    let same_family = |ip: &IpAddr| ip.is_ipv4() == target.is_ipv4();
    let (from, found) = if let Some(address) = &options.bind_address {
        let candidates = resolve(address, 0, AddressFamily::Any).await?;
        (
            address,
            candidates.iter().map(SocketAddr::ip).find(same_family),
        )
    } else if let Some(interface) = &options.bind_interface {
        (
            interface,
            interface_addresses(interface)?
                .into_iter()
                .find(same_family),
        )
    } else {
        return Ok(None);
    };
    match found {
        Some(ip) => Ok(Some(ip)),
        None => Err(LoginError::Bind {
            from: from.clone(),
            reason: format!("it has no address of the family of {}", target.ip()),
        }),
    }
}

fn interface_addresses(interface: &str) -> Result<Vec<IpAddr>, LoginError> {
    let all = nix::ifaddrs::getifaddrs().map_err(|error| LoginError::Bind {
        from: interface.into(),
        reason: error.to_string(),
    })?;
    let of_interface = all.filter(|entry| entry.interface_name == interface);
    let ip = |entry: nix::ifaddrs::InterfaceAddress| {
        let address = entry.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    };
    // A link-local address needs a scope that `BindInterface` has no room for.
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    };
    Ok(of_interface.filter_map(ip).filter(usable).collect())
}

/// Asks the system's resolver and keeps its order (RFC 6724 is its business).
async fn resolve(
    host: &str,
    port: u16,
    family: AddressFamily,
) -> Result<Vec<SocketAddr>, LoginError> {
    let found = lookup_host((host, port))
        .await
        .map_err(|error| LoginError::Resolve {
            host: host.into(),
            reason: resolver_words(&error),
        })?;
    let wanted = |address: &SocketAddr| match family {
        AddressFamily::Any => true,
        AddressFamily::Inet => address.is_ipv4(),
        AddressFamily::Inet6 => address.is_ipv6(),
    };
    let mut addresses = Vec::new();
    for address in found.filter(wanted) {
        if !addresses.contains(&address) && addresses.len() < MAX_ADDRESSES {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn resolver_words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.strip_prefix("failed to lookup address information: ") {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

fn spawn_proxy(command: &str) -> Result<Dialled, LoginError> {
    let failed = |reason: String| LoginError::ProxyCommand {
        command: command.into(),
        reason,
    };
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let child = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()))
        .arg("-c")
        // Without `exec` a shell stays between us and the program, and killing it leaves the program.
        .arg(format!("exec {command}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let stream = ProcessStream::new(child).ok_or_else(|| failed("it has no pipes".into()))?;
    Ok(Dialled {
        stream: Box::new(stream),
        addresses: None,
        others: Vec::new(),
    })
}

fn refused(options: &Options, error: &io::Error) -> LoginError {
    LoginError::Connect {
        host: options.hostname.clone(),
        port: options.port,
        reason: os_words(error),
    }
}

/// What `strerror` says, without Rust's "(os error 111)".
fn os_words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => nix::errno::Errno::from_raw(code).desc().to_owned(),
        None => error.to_string(),
    }
}

pub(super) fn timed_out(options: &Options, limit: Duration) -> LoginError {
    LoginError::TimedOut {
        host: options.hostname.clone(),
        port: options.port,
        seconds: limit.as_secs(),
    }
}

/// As OpenSSH waits between rounds.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// A name with more addresses than this is not one that anybody wants tried to its end.
const MAX_ADDRESSES: usize = 64;
