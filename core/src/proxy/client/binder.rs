//! UDP sockets of this machine as links to a server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use super::interface;
use super::{Binder, Interface};
use crate::proxy::UdpLink;
use crate::transport::Link;

/// UDP sockets of this machine, one new local port each.
#[derive(Debug)]
pub struct UdpBinder;

impl Binder for UdpBinder {
    fn connect(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        let any = match server.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Ok(Arc::new(UdpLink::connect(SocketAddr::new(any, 0), server)?))
    }

    fn connect_over(&self, server: SocketAddr, interface: &Interface) -> io::Result<Arc<dyn Link>> {
        let same_family = |address: &&IpAddr| address.is_ipv4() == server.is_ipv4();
        let local = interface.addresses.iter().find(same_family);
        let local = local.ok_or(io::ErrorKind::AddrNotAvailable)?;
        let local = SocketAddr::new(*local, 0);
        Ok(Arc::new(UdpLink::connect_over(
            &interface.name,
            local,
            server,
        )?))
    }

    fn interfaces(&self) -> Vec<Interface> {
        interface::of_this_machine()
    }

    fn has_address(&self, address: IpAddr) -> bool {
        UdpSocket::bind((address, 0)).is_ok()
    }
}
