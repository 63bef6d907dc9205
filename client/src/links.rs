//! The links that this machine makes to a server: UDP sockets and TCP connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tssh_core::proxy::client::{Binder, UdpBinder};
use tssh_core::transport::Link;
use tssh_core::wire::ServerInfo;
use tssh_transport_tcp::{LARGEST_KCP, LARGEST_QUIC, connect};

/// Sockets of this machine, one new local port each.
#[derive(Debug)]
pub struct Sockets {
    /// The largest packet in bytes that the server takes over TCP.
    largest: u16,
}

impl Sockets {
    /// For the server of `info`, and packets of at most `mtu` bytes.
    pub fn new(info: &ServerInfo, mtu: u16) -> Self {
        let usual = match info.mode.as_str() {
            "KCP" => LARGEST_KCP,
            _ => LARGEST_QUIC,
        };
        Self {
            largest: usual.max(info.mtu).max(mtu),
        }
    }
}

impl Binder for Sockets {
    fn connect(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        UdpBinder.connect(server)
    }

    fn connect_stream(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        Ok(Arc::new(connect(server, self.largest)?))
    }

    fn has_address(&self, address: IpAddr) -> bool {
        UdpBinder.has_address(address)
    }
}
