//! The links that this machine makes to a server: UDP sockets, and TCP connections or a `ProxyCommand`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tssh_core::proxy::UdpLink;
use tssh_core::proxy::client::{Binder, Interface, UdpBinder};
use tssh_core::transport::Link;
use tssh_core::wire::ServerInfo;
use tssh_transport_tcp::{LARGEST_KCP, LARGEST_QUIC, connect, connect_from, spawn};

/// Sockets of this machine, one new local port each.
#[derive(Debug)]
pub struct Sockets {
    /// The largest packet in bytes that the server takes over TCP.
    largest: u16,
    /// The program that connects in place of TCP, and its arguments.
    proxy: Option<Vec<String>>,
    from: Origin,
}

/// Origin where on this machine connections are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// As the system routes them, and where that fails over other interfaces too.
    #[default]
    Anywhere,
    /// Origin these addresses alone (`BindAddress`), of which one has the server's family.
    Addresses(Vec<IpAddr>),
    /// Over the interface of this name alone (`BindInterface`).
    Interface(String),
}

impl Origin {
    /// What `BindAddress` and `BindInterface` say; the first goes before the other, as in `ssh`.
    ///
    /// # Errors
    ///
    /// When the name in `BindAddress` has no address.
    pub async fn new(address: Option<&str>, interface: Option<&str>) -> io::Result<Self> {
        Ok(match (address, interface) {
            (Some(name), _) => {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Self::Addresses(found.map(|address| address.ip()).collect())
            }
            (None, Some(name)) => Self::Interface(name.to_owned()),
            (None, None) => Self::Anywhere,
        })
    }
}

impl Sockets {
    /// For the server of `info`, and packets of at most `mtu` bytes. `proxy` is a program that connects in
    /// place of TCP, with its arguments.
    pub fn new(info: &ServerInfo, mtu: u16, proxy: Option<Vec<String>>) -> Self {
        let usual = match info.mode.as_str() {
            "KCP" => LARGEST_KCP,
            _ => LARGEST_QUIC,
        };
        Self {
            largest: usual.max(info.mtu).max(mtu),
            proxy,
            from: Origin::Anywhere,
        }
    }

    /// Connects from there and from nowhere else.
    #[must_use]
    pub fn from(self, from: Origin) -> Self {
        Self { from, ..self }
    }

    /// The address to connect to `server` from, if the user said from where. Looked up each time: an interface gets others.
    fn local(&self, server: SocketAddr) -> io::Result<Option<IpAddr>> {
        let addresses = match &self.from {
            Origin::Anywhere => return Ok(None),
            Origin::Addresses(addresses) => addresses.clone(),
            Origin::Interface(name) => interface(name)?.addresses,
        };
        let same_family = |address: &IpAddr| address.is_ipv4() == server.is_ipv4();
        let found = addresses.into_iter().find(same_family);
        found.map(Some).ok_or_else(|| not_here(&self.from, server))
    }
}

impl Binder for Sockets {
    fn connect(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        match (&self.from, self.local(server)?) {
            (Origin::Interface(name), _) => UdpBinder.connect_over(server, &interface(name)?),
            (_, Some(local)) => Ok(Arc::new(UdpLink::connect(
                SocketAddr::new(local, 0),
                server,
            )?)),
            (_, None) => UdpBinder.connect(server),
        }
    }

    fn connect_over(&self, server: SocketAddr, interface: &Interface) -> io::Result<Arc<dyn Link>> {
        UdpBinder.connect_over(server, interface)
    }

    fn interfaces(&self) -> Vec<Interface> {
        match self.from {
            Origin::Anywhere => UdpBinder.interfaces(),
            Origin::Addresses(_) | Origin::Interface(_) => Vec::new(),
        }
    }

    fn connect_stream(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        Ok(match &self.proxy {
            Some(words) => Arc::new(spawn(words, server, self.largest)?),
            None => match self.local(server)? {
                Some(local) => Arc::new(connect_from(local, server, self.largest)?),
                None => Arc::new(connect(server, self.largest)?),
            },
        })
    }

    fn has_address(&self, address: IpAddr) -> bool {
        UdpBinder.has_address(address)
    }
}

/// The interface of this name, as it is now.
fn interface(name: &str) -> io::Result<Interface> {
    let all = UdpBinder.interfaces();
    all.into_iter().find(|one| one.name == name).ok_or_else(|| {
        let kind = io::ErrorKind::AddrNotAvailable;
        io::Error::new(kind, format!("the interface {name} has no address now"))
    })
}

fn not_here(from: &Origin, server: SocketAddr) -> io::Error {
    let family = if server.is_ipv4() { "IPv4" } else { "IPv6" };
    let text = match from {
        Origin::Interface(name) => format!("the interface {name} has no address of {family} now"),
        Origin::Addresses(_) | Origin::Anywhere => {
            format!("no address of BindAddress is one of {family}")
        }
    };
    io::Error::new(io::ErrorKind::AddrNotAvailable, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_bound_to_an_address_leaves_from_there_or_not_at_all() {
        let server = SocketAddr::from(([127, 0, 0, 1], 9));
        let local =
            |link: io::Result<Arc<dyn Link>>| link.map(|link| link.local_addr().unwrap().ip());
        let here = sockets(&["::1", "127.0.0.2"]);
        let from = "127.0.0.2".parse::<IpAddr>().unwrap();
        assert_eq!(local(here.connect(server)).unwrap(), from);
        assert_eq!(local(here.connect_stream(server)).unwrap(), from);
        assert_eq!(here.interfaces(), []);

        // TEST-NET-1 (RFC 5737), and another family.
        for elsewhere in [sockets(&["192.0.2.1"]), sockets(&["::1"])] {
            let kind = |link: io::Result<Arc<dyn Link>>| link.unwrap_err().kind();
            let missing = io::ErrorKind::AddrNotAvailable;
            assert_eq!(kind(elsewhere.connect(server)), missing);
            assert_eq!(kind(elsewhere.connect_stream(server)), missing);
        }
    }

    #[tokio::test]
    async fn what_is_bound_to_an_interface_that_is_not_there_goes_over_no_other() {
        let server = SocketAddr::from(([127, 0, 0, 1], 9));
        let gone = sockets(&[]).from(Origin::Interface("no such one".to_owned()));
        for link in [gone.connect(server), gone.connect_stream(server)] {
            let error = link.unwrap_err();
            assert_eq!(
                error.to_string(),
                "the interface no such one has no address now"
            );
        }
    }

    fn sockets(addresses: &[&str]) -> Sockets {
        let addresses = addresses.iter().map(|one| one.parse().unwrap()).collect();
        Sockets::new(&ServerInfo::default(), 0, None).from(Origin::Addresses(addresses))
    }
}
