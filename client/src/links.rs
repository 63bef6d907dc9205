//! The links that this machine makes to a server: UDP sockets, and TCP connections or a `ProxyCommand`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tssh_core::proxy::client::{Binder, Interface, UdpBinder};
use tssh_core::transport::Link;
use tssh_core::wire::ServerInfo;
use tssh_transport_tcp::{LARGEST_KCP, LARGEST_QUIC, connect, spawn};

/// Sockets of this machine, one new local port each.
#[derive(Debug)]
pub struct Sockets {
    /// The largest packet in bytes that the server takes over TCP.
    largest: u16,
    /// The program that connects in place of TCP, and its arguments.
    proxy: Option<Vec<String>>,
    /// The user said from where to connect.
    bound: bool,
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
            bound: false,
        }
    }

    /// The user said from where to connect (`BindAddress`, `BindInterface`): no other interface is tried.
    #[must_use]
    pub fn bound(self, bound: bool) -> Self {
        Self { bound, ..self }
    }
}

impl Binder for Sockets {
    fn connect(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        UdpBinder.connect(server)
    }

    fn connect_over(&self, server: SocketAddr, interface: &Interface) -> io::Result<Arc<dyn Link>> {
        UdpBinder.connect_over(server, interface)
    }

    fn interfaces(&self) -> Vec<Interface> {
        match self.bound {
            true => Vec::new(),
            false => UdpBinder.interfaces(),
        }
    }

    fn connect_stream(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        Ok(match &self.proxy {
            Some(words) => Arc::new(spawn(words, server, self.largest)?),
            None => Arc::new(connect(server, self.largest)?),
        })
    }

    fn has_address(&self, address: IpAddr) -> bool {
        UdpBinder.has_address(address)
    }
}
