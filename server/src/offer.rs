//! Where the server listens, and what it tells the client of it.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use nix::ifaddrs::getifaddrs;
use tssh_core::auth::ProxyKey;
use tssh_core::ports::PortSpec;
use tssh_core::proxy::{MAX_LINKS, UdpLink};
use tssh_core::transport::Link;
use tssh_core::wire::{self, Extension, Secret, ServerInfo, feature};
use tssh_transport_tcp::{self as tcp, TcpListeners};

/// Which addresses may be listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Both, which is also what naming both means.
    Any,
    /// `--ipv4`.
    V4,
    /// `--ipv6`.
    V6,
}

impl Family {
    /// From the two options.
    pub fn from_options(ipv4: bool, ipv6: bool) -> Self {
        match (ipv4, ipv6) {
            (true, false) => Self::V4,
            (false, true) => Self::V6,
            (true, true) | (false, false) => Self::Any,
        }
    }

    /// Whether `address` is of it.
    pub fn permits(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Why the server listens nowhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// Every port is taken, or may not be used.
    #[error("no {} port of {ports} can be listened on: free one, or name others with --port", match carriers {
        Carriers::Tcp => "TCP",
        Carriers::UdpAndTcp => "UDP",
    })]
    NoPort {
        /// What was asked for.
        ports: String,
        /// And what to listen for.
        carriers: Carriers,
        /// The last answer of the system.
        source: Option<io::Error>,
    },
    /// No interface is up, or none of the family.
    #[error("this host has no {} address to listen on", match family {
        Family::Any => "network",
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    })]
    NoAddress {
        /// What was asked for.
        family: Family,
    },
    /// The kernel does not say which addresses there are.
    #[error("the addresses of this host cannot be listed")]
    Addresses(#[source] io::Error),
    /// The kernel's generator does not answer.
    #[error("the system gives no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// What is listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriers {
    /// `--tcp`.
    Tcp,
    /// Both at the same port; UDP alone where no port is free for both.
    UdpAndTcp,
}

/// Sockets of one port.
#[derive(Debug)]
pub struct Sockets {
    /// At most [`MAX_LINKS`]; none with [`Carriers::Tcp`].
    pub links: Vec<Arc<dyn Link>>,
    /// The same for TCP.
    pub tcp: Option<TcpListeners>,
    /// The port that they have in common.
    pub port: u16,
}

/// Listens on the address that the client's login came to and the others of its interface, or else on every
/// address of the host, all on one port of `ports`. `random` chooses where to begin. PROTOCOL.md, "Server info".
///
/// # Errors
///
/// When there is no port or no address.
pub fn listen(
    ports: &PortSpec,
    carriers: Carriers,
    family: Family,
    login: Option<IpAddr>,
    random: u64,
) -> Result<Sockets, OfferError> {
    if let Some(address) = login.filter(|address| family.permits(*address)) {
        let address = SocketAddr::new(address, 0);
        let beside = host_addresses().map_or_else(|_| Vec::new(), |all| beside(&all, address.ip()));
        let permitted = beside.into_iter().filter(|one| family.permits(one.ip()));
        let all: Vec<_> = std::iter::once(address).chain(permitted).collect();
        for addresses in [&all[..], &[address]] {
            if let Ok(sockets) = listen_on(addresses, ports, carriers, random) {
                return Ok(sockets);
            }
        }
    }
    let addresses: Vec<SocketAddr> = host_addresses()
        .map_err(OfferError::Addresses)?
        .into_iter()
        .map(|(_, address)| address)
        .filter(|address| family.permits(address.ip()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .take(MAX_LINKS)
        .collect();
    if addresses.is_empty() {
        return Err(OfferError::NoAddress { family });
    }
    listen_on(&addresses, ports, carriers, random).map_err(|source| OfferError::NoPort {
        ports: ports.to_string(),
        carriers,
        source,
    })
}

/// Who client and server are to the proxy, for one login.
#[derive(Debug)]
pub struct Identities {
    /// Seals authentication packets.
    pub key: ProxyKey,
    /// The same as the client is told it.
    pub told_key: Secret,
    /// `ClientID`; never 0.
    pub client: u64,
    /// `ServerID`; never 0.
    pub server: u64,
}

impl Identities {
    /// Fresh ones.
    ///
    /// # Errors
    ///
    /// [`OfferError::Randomness`].
    pub fn generate() -> Result<Self, OfferError> {
        let (key, bytes) = ProxyKey::generate().map_err(OfferError::Randomness)?;
        Ok(Self {
            key,
            told_key: Secret::hex(&*bytes),
            client: random()?.max(1),
            server: random()?.max(1),
        })
    }
}

/// What the server prints: versions, names and the proxy's key. The transport adds its own.
///
/// `mtu` is what was asked for: a Go client takes it for an order, and looks for no larger packets then.
pub fn server_info(sockets: &Sockets, mtu: Option<u16>, identities: &Identities) -> ServerInfo {
    let mut features = feature::ALWAYS.map(str::to_owned).to_vec();
    let tcp_alone = sockets.links.is_empty();
    if sockets.tcp.is_some() && !tcp_alone {
        features.extend([feature::ASK, feature::TCP_TOO].map(str::to_owned));
    }
    ServerInfo {
        server_version: wire::SERVER_VERSION.to_owned(),
        protocol: wire::PROTOCOL,
        port: sockets.port,
        proxy_mode: if tcp_alone { "TCP" } else { "" }.to_owned(),
        proxy_key: identities.told_key.clone(),
        client_id: identities.client,
        server_id: identities.server,
        mtu: mtu.unwrap_or_default(),
        extension: Some(Extension {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            features,
        }),
        ..ServerInfo::default()
    }
}

/// 64 bits of the system's randomness.
///
/// # Errors
///
/// When there are none.
pub fn random() -> Result<u64, OfferError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(OfferError::Randomness)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// The error is of the last port that was tried.
fn listen_on(
    addresses: &[SocketAddr],
    ports: &PortSpec,
    carriers: Carriers,
    random: u64,
) -> Result<Sockets, Option<io::Error>> {
    let mut last = None;
    // Where every port is taken for one of the two, UDP is worth more than a start that fails.
    for alone in [false, true] {
        if alone && carriers == Carriers::Tcp {
            break;
        }
        for port in ports.candidates(random) {
            match bind_port(addresses, port, carriers, alone) {
                Ok(sockets) => return Ok(sockets),
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                    return Err(Some(error));
                }
                Err(error) => last = Some(error),
            }
        }
    }
    Err(last)
}

fn bind_port(
    addresses: &[SocketAddr],
    port: u16,
    carriers: Carriers,
    alone: bool,
) -> io::Result<Sockets> {
    let tcp = |addresses| bind_all(addresses, port, tcp::listen).map(TcpListeners::new);
    if carriers == Carriers::Tcp {
        let (links, tcp) = (Vec::new(), Some(tcp(addresses)?));
        return Ok(Sockets { links, tcp, port });
    }
    let links = bind_all(addresses, port, |address| {
        let link: Arc<dyn Link> = Arc::new(UdpLink::bind(address)?);
        Ok(link)
    })?;
    if alone {
        let tcp = None;
        return Ok(Sockets { links, tcp, port });
    }
    let listening: Vec<_> = links.iter().filter_map(|link| link.local_addr()).collect();
    let tcp = match tcp(&listening) {
        Ok(listeners) => Some(listeners),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
        Err(error) => {
            tracing::debug!(%error, "not listening on TCP");
            None
        }
    };
    Ok(Sockets { links, tcp, port })
}

/// A port that one address has taken is taken. An address that cannot be used at all, such as one that is
/// just being checked for duplicates, is left out as long as another is there.
fn bind_all<T>(
    addresses: &[SocketAddr],
    port: u16,
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> io::Result<Vec<T>> {
    let mut bound = Vec::new();
    let mut unusable = None;
    for address in addresses {
        let mut address = *address;
        address.set_port(port);
        match bind(address) {
            Ok(one) => bound.push(one),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                tracing::debug!(%address, %error, "not listening here");
                unusable = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match unusable {
        Some(error) if bound.is_empty() => Err(error),
        _ => Ok(bound),
    }
}

/// All addresses, each with the name of its interface.
fn host_addresses() -> io::Result<Vec<(String, SocketAddr)>> {
    let found = getifaddrs()?.filter_map(|interface| {
        let (name, address) = (interface.interface_name, interface.address?);
        if let Some(v4) = address.as_sockaddr_in() {
            return Some((name, SocketAddr::new(v4.ip().into(), 0)));
        }
        let v6 = address.as_sockaddr_in6()?;
        let address = SocketAddrV6::new(v6.ip(), 0, 0, v6.scope_id());
        Some((name, address.into()))
    });
    Ok(found.collect())
}

/// What else the interface is called that has the address `login`: who logs in by IPv4 may come back by
/// IPv6. Not the addresses of other networks, which nobody may expect to be open.
fn beside(all: &[(String, SocketAddr)], login: IpAddr) -> Vec<SocketAddr> {
    let here = |(_, address): &&(String, SocketAddr)| address.ip() == login;
    let Some((interface, _)) = all.iter().find(here) else {
        return Vec::new();
    };
    let leads_here = |address: &IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    let others = all.iter().filter(|(name, _)| name == interface);
    let others = others.map(|(_, address)| *address);
    others
        .filter(|address| address.ip() != login && leads_here(&address.ip()))
        .take(MAX_BESIDE)
        .collect()
}

/// An interface may have many addresses; a client knows of a few.
const MAX_BESIDE: usize = 7;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::beside;

    #[test]
    fn beside_the_address_of_the_login_are_those_of_its_interface_alone() {
        let all = [
            ("lo", "127.0.0.1:0"),
            ("lo", "[::1]:0"),
            ("eth0", "198.51.100.1:0"),
            ("eth1", "10.0.0.1:0"),
            ("eth0", "[2001:db8::1]:0"),
            ("eth0", "[fe80::1]:0"),
            ("eth1", "[2001:db8:1::1]:0"),
        ]
        .map(|(name, address)| (name.to_owned(), at(address)));
        let found = |login: &str| beside(&all, at(login).ip());
        assert_eq!(found("198.51.100.1:0"), [at("[2001:db8::1]:0")]);
        assert_eq!(found("[2001:db8::1]:0"), [at("198.51.100.1:0")]);
        assert_eq!(found("127.0.0.1:0"), []);
        assert_eq!(found("203.0.113.1:0"), [], "translated on the way");
    }

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }
}
