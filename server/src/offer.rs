//! Where the server listens, and what it tells the client of it.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use nix::ifaddrs::getifaddrs;
use tssh_core::auth::ProxyKey;
use tssh_core::ports::PortSpec;
use tssh_core::proxy::{MAX_LINKS, UdpLink};
use tssh_core::transport::Link;
use tssh_core::wire::{self, Extension, Secret, ServerInfo, feature};

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
    #[error("no UDP port of {ports} can be listened on: free one, or name others with --port")]
    NoPort {
        /// What was asked for.
        ports: String,
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

/// Sockets of one port.
#[derive(Debug)]
pub struct Sockets {
    /// At most [`MAX_LINKS`], never none.
    pub links: Vec<Arc<dyn Link>>,
    /// The port that they have in common.
    pub port: u16,
}

/// Listens on the address that the client's login came to, or else on every address of the host, all on
/// one port of `ports`. `random` chooses where to begin. PROTOCOL.md, "Bootstrap".
///
/// # Errors
///
/// When there is no port or no address.
pub fn listen(
    ports: &PortSpec,
    family: Family,
    login: Option<IpAddr>,
    random: u64,
) -> Result<Sockets, OfferError> {
    if let Some(address) = login.filter(|address| family.permits(*address)) {
        let address = SocketAddr::new(address, 0);
        if let Ok(sockets) = listen_on(&[address], ports, random) {
            return Ok(sockets);
        }
    }
    let addresses: Vec<SocketAddr> = host_addresses()
        .map_err(OfferError::Addresses)?
        .into_iter()
        .filter(|address| family.permits(address.ip()))
        .take(MAX_LINKS)
        .collect();
    if addresses.is_empty() {
        return Err(OfferError::NoAddress { family });
    }
    listen_on(&addresses, ports, random).map_err(|source| OfferError::NoPort {
        ports: ports.to_string(),
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
pub fn server_info(port: u16, mtu: u16, identities: &Identities) -> ServerInfo {
    ServerInfo {
        server_version: wire::SERVER_VERSION.to_owned(),
        protocol: wire::PROTOCOL,
        port,
        proxy_key: identities.told_key.clone(),
        client_id: identities.client,
        server_id: identities.server,
        mtu,
        extension: Some(Extension {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            features: [feature::CONFIRM, feature::PIPELINE]
                .map(str::to_owned)
                .to_vec(),
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
    random: u64,
) -> Result<Sockets, Option<io::Error>> {
    let mut last = None;
    for port in ports.candidates(random) {
        match bind_all(addresses, port) {
            Ok(links) => return Ok(Sockets { links, port }),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                return Err(Some(error));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last)
}

/// A port that one address has taken is taken. An address that cannot be used at all, such as one that is
/// just being checked for duplicates, is left out as long as another is there.
fn bind_all(addresses: &[SocketAddr], port: u16) -> io::Result<Vec<Arc<dyn Link>>> {
    let mut links: Vec<Arc<dyn Link>> = Vec::new();
    let mut unusable = None;
    for address in addresses {
        let mut address = *address;
        address.set_port(port);
        match UdpLink::bind(address) {
            Ok(link) => links.push(Arc::new(link)),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                tracing::debug!(%address, %error, "not listening here");
                unusable = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match unusable {
        Some(error) if links.is_empty() => Err(error),
        _ => Ok(links),
    }
}

fn host_addresses() -> io::Result<Vec<SocketAddr>> {
    let found = getifaddrs()?.filter_map(|interface| {
        let address = interface.address?;
        if let Some(v4) = address.as_sockaddr_in() {
            return Some(SocketAddr::new(v4.ip().into(), 0));
        }
        let v6 = address.as_sockaddr_in6()?;
        Some(SocketAddrV6::new(v6.ip(), 0, 0, v6.scope_id()).into())
    });
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}
