//! Forwarded connections and UDP flows.
//!
//! PROTOCOL.md, "Forwarding".

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::message::message;

message! {
    /// Where the server is to connect to (`dial`, `dial-udp`).
    pub struct DialRequest {
        /// `tcp`, `tcp4`, `tcp6` or `unix`; for UDP `udp`, `udp4`, `udp6` or `unixgram`.
        "Net" net: String,
        /// `host:port`, `[v6]:port` or a path.
        "Addr" addr: String,
        /// How long to try; zero: as long as the system does.
        "Timeout" timeout: Duration,
    }
}

message! {
    /// The answer to `dial`, sent as a reply (`codec::write_reply`).
    pub struct DialReply {
        /// The address that the server reached; none for Unix sockets.
        "RemoteAddr" remote_addr: Option<RemoteAddr>,
    }
}

message! {
    /// An IP address and port in the form of Go's `net.TCPAddr`. All three fields are always written.
    pub struct RemoteAddr (all fields) {
        /// As text.
        "IP" ip: String,
        /// TCP port.
        "Port" port: u16,
        /// The scope of a link-local IPv6 address, such as `eth0`.
        "Zone" zone: String,
    }
}

impl RemoteAddr {
    /// The address without its zone, or `None` when `ip` is no IP address.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.ip.parse().ok()?;
        Some(SocketAddr::new(ip, self.port))
    }
}

impl From<SocketAddr> for RemoteAddr {
    fn from(addr: SocketAddr) -> Self {
        Self {
            ip: addr.ip().to_canonical().to_string(),
            port: addr.port(),
            zone: String::new(),
        }
    }
}

message! {
    /// The answer to `dial-udp`, sent as a reply (`codec::write_reply`). The client then sends [`UdpReady`].
    pub struct DialUdpReply {
        /// The flow's ID, which every datagram of it carries. UDP IDs start at 1.
        "ID" id: u64,
    }
}

message! {
    /// The client is ready for the flow's packets: `{}`.
    pub struct UdpReady {}
}

message! {
    /// Where the server is to listen (`listen`, `listen-udp`).
    pub struct ListenRequest {
        /// As in [`DialRequest::net`].
        "Net" net: String,
        /// `host:port`, `:port` or a path.
        "Addr" addr: String,
    }
}

message! {
    /// From the server on a listening stream: this connection waits. From the client on an `accept` or
    /// `accept-udp` stream: it is claimed.
    pub struct Accept {
        /// Starts at 0 for connections (so the first message is `{}`), at 1 for UDP flows.
        "ID" id: u64,
    }
}
