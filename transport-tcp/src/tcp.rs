//! TCP connections as links: their options, how they are made, and when they have room.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncWrite as _, Interest};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::link::{Outlet, StreamLink};

/// A TCP connection as a link.
pub type TcpLink = StreamLink<OwnedReadHalf, Unhurried>;

/// Begins a connection to `server`, and returns at once. The link is writable when it stands; its
/// local address is known before.
///
/// # Errors
///
/// What the system says at once: `NetworkUnreachable` when there is no route.
pub fn connect(server: SocketAddr, largest: u16) -> io::Result<TcpLink> {
    begin(open(server)?, server, largest)
}

/// The same from the address `local` of this machine, which is of the server's family.
///
/// # Errors
///
/// As [`connect`]; `AddrNotAvailable` when this machine does not have `local` now.
pub fn connect_from(local: IpAddr, server: SocketAddr, largest: u16) -> io::Result<TcpLink> {
    let socket = open(server)?;
    socket.bind(&SocketAddr::new(local, 0).into())?;
    begin(socket, server, largest)
}

fn begin(socket: Socket, server: SocketAddr, largest: u16) -> io::Result<TcpLink> {
    set_options(&SockRef::from(&socket), server);
    match socket.connect(&server.into()) {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {}
        Err(error) => return Err(error),
    }
    let stream = TcpStream::from_std(socket.into())?;
    let local = stream.local_addr().ok();
    Ok(link(stream, server, local, largest))
}

/// A connection that was accepted from `peer`.
pub(crate) fn accepted(stream: TcpStream, peer: SocketAddr, largest: u16) -> TcpLink {
    set_options(&SockRef::from(&stream), peer);
    let local = stream.local_addr().ok();
    link(stream, peer, local, largest)
}

/// A non-blocking socket of the family of `address`.
pub(crate) fn open(address: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn link(stream: TcpStream, peer: SocketAddr, local: Option<SocketAddr>, largest: u16) -> TcpLink {
    let (reader, writer) = stream.into_split();
    let writer = Unhurried {
        writer,
        stands: false,
    };
    StreamLink::new(reader, writer, peer, local, largest)
}

/// None of these is worth a connection: each only makes it better.
fn set_options(socket: &SockRef<'_>, peer: SocketAddr) {
    // A key is not to wait for the answer to the one before.
    let _ = socket.set_tcp_nodelay(true);
    let alive = TcpKeepalive::new()
        .with_time(IDLE)
        .with_interval(PROBE)
        .with_retries(PROBES);
    let _ = socket.set_tcp_keepalive(&alive);
    let _ = match peer {
        SocketAddr::V4(_) => socket.set_tos_v4(DSCP_EF),
        SocketAddr::V6(_) => socket.set_tclass_v6(DSCP_EF),
    };
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    limit_segments(socket);
}

/// Keeps both directions at segments that pass wherever our packets pass.
///
/// A path that became narrower and does not say so would swallow the larger ones for ever.
pub(crate) fn limit_segments(socket: &SockRef<'_>) {
    #[cfg(unix)]
    let _ = socket.set_tcp_mss(SEGMENT);
    #[cfg(not(unix))]
    let _ = socket;
}

/// Writes to a TCP connection while little is left unsent in the kernel.
///
/// The kernel takes megabytes if it is let. A key typed behind them would wait until they are sent,
/// and the transport above would never learn that the path is full.
#[derive(Debug)]
pub struct Unhurried {
    writer: OwnedWriteHalf,
    /// The connection was seen to stand.
    stands: bool,
}

impl Outlet for Unhurried {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.writer.as_ref();
        loop {
            ready!(stream.poll_write_ready(cx))?;
            // The kernel has more room than it is to be given, so the runtime would wait for nothing. It is
            // asked within, where room that comes at the same moment on another thread is not overlooked.
            let asked = stream.try_io(Interest::WRITABLE, || match has_room(stream)? {
                true => Ok(()),
                false => Err(io::ErrorKind::WouldBlock.into()),
            });
            match asked {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if !self.stands {
            // A connection that failed counts as writable too.
            if let Some(error) = stream.take_error()? {
                return Poll::Ready(Err(error));
            }
            stream.peer_addr()?;
            self.stands = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        std::pin::Pin::new(&mut self.writer).poll_write(cx, bytes)
    }
}

/// Whether less than [`UNSENT`] waits in the kernel.
#[cfg(unix)]
fn has_room(stream: &TcpStream) -> io::Result<bool> {
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    let mut asked = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut asked, PollTimeout::ZERO) {
        Ok(ready) => Ok(ready > 0),
        Err(nix::errno::Errno::EINTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
fn has_room(_: &TcpStream) -> io::Result<bool> {
    Ok(true)
}

#[cfg(unix)]
fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32)
}

#[cfg(not(unix))]
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// PROTOCOL.md, "The path": DSCP 46 (expedited forwarding), in the upper six bits of the field.
const DSCP_EF: u32 = 46 << 2;

/// A peer that vanished is noticed by the heartbeat; this frees what is left of its connection.
const IDLE: Duration = Duration::from_secs(15);

/// Between two probes of an idle connection.
const PROBE: Duration = Duration::from_secs(5);

/// Probes without an answer that end it.
const PROBES: u32 = 3;

/// With headers 1140 bytes over IPv4 and 1160 over IPv6: a VPN in a VPN that takes 1168 lets them pass.
#[cfg(unix)]
const SEGMENT: u32 = 1100;

/// Bytes that the kernel may hold and has not sent yet: some ten packets.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 16 << 10;

#[cfg(all(test, target_os = "linux"))]
#[path = "tcp_tests.rs"]
mod tests;
