//! A UDP socket as a link: batches by GSO, GRO and `recvmmsg` where the system has them.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use quinn_udp::{UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::transport::{Link, RecvMeta, Transmit};

/// A UDP socket, connected (a client's, one peer) or not (a server's, any peer).
#[derive(Debug)]
pub struct UdpLink {
    socket: UdpSocket,
    state: UdpSocketState,
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

    fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        // Straight to the system: the runtime takes a new socket for full until its reactor has
        // looked at it, and the first claim of a new path would be lost.
        match self
            .state
            .try_send(UdpSockRef::from(&self.socket), transmit)
        {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // The runtime is to know that it is full.
                self.socket.try_io(Interest::WRITABLE, || Err(error))
            }
            sent => sent,
        }
    }

    fn from_socket(socket: Socket) -> io::Result<Self> {
        let socket = UdpSocket::from_std(socket.into())?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let local = socket.local_addr()?;
        Ok(Self {
            socket,
            state,
            local,
        })
    }
}

impl Link for UdpLink {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.send(transmit) {
            Err(error) if is_about_offload(&error) && has_segments(transmit) => {
                // Some devices refuse what the kernel offers, at the first batch or at a later one
                // (quinn-udp makes no batches from here on): the packets go one by one.
                packets(transmit).try_for_each(|packet| self.send(&packet))
            }
            // One packet is too large for an interface; others may pass.
            Err(error) if error.raw_os_error() == Some(MESSAGE_TOO_LONG) => {
                tracing::debug!(
                    bytes = transmit.contents.len(),
                    "too large for the interface"
                );
                Ok(())
            }
            sent => sent,
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_send_ready(cx)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            std::task::ready!(self.socket.poll_recv_ready(cx))?;
            let received = self.socket.try_io(Interest::READABLE, || {
                self.state.recv(UdpSockRef::from(&self.socket), bufs, meta)
            });
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Some(self.local)
    }

    fn max_send_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_recv_segments(&self) -> usize {
        self.state.gro_segments()
    }
}

fn has_segments(transmit: &Transmit<'_>) -> bool {
    transmit
        .segment_size
        .is_some_and(|segment| segment < transmit.contents.len())
}

/// The packets of a batch, each by itself.
fn packets<'a>(batch: &'a Transmit<'a>) -> impl Iterator<Item = Transmit<'a>> {
    let segment = batch.segment_size.unwrap_or(batch.contents.len());
    batch
        .contents
        .chunks(segment.max(1))
        .map(|contents| Transmit {
            destination: batch.destination,
            ecn: batch.ecn,
            contents,
            segment_size: None,
            src_ip: batch.src_ip,
        })
}

#[cfg(unix)]
fn is_about_offload(error: &io::Error) -> bool {
    use nix::libc::{EINVAL, EIO};
    matches!(error.raw_os_error(), Some(EINVAL | EIO))
}

#[cfg(not(unix))]
fn is_about_offload(_: &io::Error) -> bool {
    false
}

/// A non-blocking socket bound to `local`, with room for a burst and marked for low delay.
fn open(local: SocketAddr) -> io::Result<Socket> {
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
    socket.bind(&local.into())?;
    Ok(socket)
}

/// PROTOCOL.md, "The path": 1 MiB each way.
const SOCKET_BUFFER: usize = 1 << 20;

/// PROTOCOL.md, "The path": DSCP 46 (expedited forwarding), in the upper six bits of the field.
const DSCP_EF: u32 = 46 << 2;

#[cfg(unix)]
const MESSAGE_TOO_LONG: i32 = nix::libc::EMSGSIZE;

/// `WSAEMSGSIZE`.
#[cfg(not(unix))]
const MESSAGE_TOO_LONG: i32 = 10040;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::IoSliceMut;

    use super::{Link, RecvMeta, Transmit, UdpLink};

    #[tokio::test]
    async fn a_batch_that_the_kernel_refuses_goes_out_packet_by_packet() {
        let any = "127.0.0.1:0".parse().unwrap();
        let (near, far) = (UdpLink::bind(any).unwrap(), UdpLink::bind(any).unwrap());
        // More segments than any kernel takes in one call.
        let contents = (0..2000_u16)
            .map(|at| (at / 4 % 251) as u8)
            .collect::<Vec<_>>();
        near.try_send(&transmit(&far, &contents, Some(4))).unwrap();
        let mut received = Vec::new();
        while received.len() < contents.len() {
            let mut buffer = vec![0; 1 << 16];
            let mut meta = [RecvMeta::default()];
            let mut bufs = [IoSliceMut::new(&mut buffer)];
            poll_fn(|cx| far.poll_recv(cx, &mut bufs, &mut meta))
                .await
                .unwrap();
            received.extend_from_slice(&buffer[..meta[0].len]);
        }
        assert_eq!(received, contents);
    }

    #[tokio::test]
    async fn a_packet_too_large_for_any_interface_is_lost_and_the_link_goes_on() {
        let any = "127.0.0.1:0".parse().unwrap();
        let (near, far) = (UdpLink::bind(any).unwrap(), UdpLink::bind(any).unwrap());
        let huge = vec![1; 70_000];
        near.try_send(&transmit(&far, &huge, None)).unwrap();
        near.try_send(&transmit(&far, &[7; 20], None)).unwrap();
        let mut buffer = vec![0; 1 << 16];
        let mut meta = [RecvMeta::default()];
        let mut bufs = [IoSliceMut::new(&mut buffer)];
        poll_fn(|cx| far.poll_recv(cx, &mut bufs, &mut meta))
            .await
            .unwrap();
        assert_eq!(meta[0].len, 20);
    }

    fn transmit<'a>(to: &UdpLink, contents: &'a [u8], segment: Option<usize>) -> Transmit<'a> {
        Transmit {
            destination: to.local_addr().unwrap(),
            ecn: None,
            contents,
            segment_size: segment,
            src_ip: None,
        }
    }
}
