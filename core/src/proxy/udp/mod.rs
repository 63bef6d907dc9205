//! A UDP socket as a link: batches by GSO, GRO and `recvmmsg` where the system has them.
//!
//! | want to change…                              | look in                        |
//! |----------------------------------------------|--------------------------------|
//! | what the system is given and may refuse      | `batches.rs`                   |
//! | the control messages of a batch              | `control.rs`                   |
//! | what wakes us                                | `watch.rs`, `watch_portable.rs` |
//!
//! Not here: where packets go (`pipe.rs`).

mod batches;
#[cfg(target_os = "linux")]
mod control;
#[cfg(test)]
mod tests;
#[cfg(unix)]
mod watch;
#[cfg(not(unix))]
#[path = "watch_portable.rs"]
mod watch;

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use socket2::{Domain, Protocol, Socket, Type};

use self::batches::Batches;
use self::watch::Watched;
use crate::transport::{Link, RecvMeta, Transmit};

/// A UDP socket, connected (a client's, one peer) or not (a server's, any peer).
#[derive(Debug)]
pub struct UdpLink {
    socket: Watched,
    batches: Batches,
    local: SocketAddr,
}

impl UdpLink {
    /// Binds `local`; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// What the system says of the socket or the address.
    pub fn bind(local: SocketAddr) -> io::Result<Self> {
        Self::from_socket(open(local)?)
    }

    /// Binds a new port of `local` and connects it to `peer`, so that an ICMP refusal is heard.
    ///
    /// # Errors
    ///
    /// What the system says; `NetworkUnreachable` when there is no route to `peer`.
    pub fn connect(local: SocketAddr, peer: SocketAddr) -> io::Result<Self> {
        let socket = open(local)?;
        socket.connect(&peer.into())?;
        Self::from_socket(socket)
    }

    /// The same over the interface with this name, which may have several addresses: on Linux it
    /// chooses, elsewhere `local` decides.
    ///
    /// # Errors
    ///
    /// As [`UdpLink::connect`].
    pub fn connect_over(interface: &str, local: SocketAddr, peer: SocketAddr) -> io::Result<Self> {
        let socket = new_socket(local)?;
        let local = match bind_device(&socket, interface) {
            Ok(()) => SocketAddr::new(unspecified(local), 0),
            Err(error) => {
                tracing::debug!(%error, "the system does not let us choose an interface");
                local
            }
        };
        socket.bind(&local.into())?;
        socket.connect(&peer.into())?;
        Self::from_socket(socket)
    }

    fn from_socket(socket: Socket) -> io::Result<Self> {
        let batches = Batches::new(&socket)?;
        let socket = Watched::new(socket.into())?;
        let local = socket.local_addr()?;
        Ok(Self {
            socket,
            batches,
            local,
        })
    }
}

impl Link for UdpLink {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket
            .try_send(|socket| self.batches.send(socket, transmit))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_writable(cx)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.socket
            .poll_recv(cx, |socket| self.batches.recv(socket, bufs, meta))
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Some(self.local)
    }

    fn max_send_segments(&self) -> usize {
        self.batches.max_send_segments()
    }

    fn max_recv_segments(&self) -> usize {
        self.batches.max_recv_segments()
    }
}

/// A non-blocking socket bound to `local`.
fn open(local: SocketAddr) -> io::Result<Socket> {
    let socket = new_socket(local)?;
    socket.bind(&local.into())?;
    Ok(socket)
}

/// A non-blocking socket of the family of `local`, with room for a burst and marked for low delay.
fn new_socket(local: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Wishes: a kernel that grants less serves as well, only worse.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    if local.is_ipv4() {
        let _ = socket.set_tos_v4(DSCP_EF);
    } else {
        let _ = socket.set_only_v6(true);
        let _ = socket.set_tclass_v6(DSCP_EF);
    }
    Ok(socket)
}

/// Without it the route is that of any other socket, only with a foreign source. Open to everybody since
/// Linux 5.7; before, a route for the source may do.
#[cfg(target_os = "linux")]
fn bind_device(socket: &Socket, interface: &str) -> io::Result<()> {
    socket.bind_device(Some(interface.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn bind_device(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn unspecified(like: SocketAddr) -> IpAddr {
    match like {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// PROTOCOL.md, "The path": 1 MiB each way.
const SOCKET_BUFFER: usize = 1 << 20;

/// PROTOCOL.md, "The path": DSCP 46 (expedited forwarding), in the upper six bits of the field.
const DSCP_EF: u32 = 46 << 2;
