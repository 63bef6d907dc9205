//! Address and route messages of the kernel (rtnetlink).

use std::io;
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket,
};
use tokio::net::unix::pipe;

/// A socket in the multicast groups of links, addresses and routes.
#[derive(Debug)]
pub(super) struct Netlink {
    /// Only for its readiness and its `read`: a socket is no pipe.
    socket: pipe::Receiver,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
        Ok(Self {
            socket: pipe::Receiver::from_owned_fd_unchecked(socket)?,
        })
    }

    /// Waits for a message and swallows all that are there. Cancel safe.
    async fn changed(&mut self) -> io::Result<()> {
        let mut message = [0; 4096];
        loop {
            self.socket.readable().await?;
            let mut heard = false;
            loop {
                match self.socket.try_read(&mut message) {
                    Ok(length) => heard |= tells_of_a_path(&message[..length]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // The kernel dropped messages: something changed.
                    Err(error) if error.raw_os_error() == Some(nix::libc::ENOBUFS) => heard = true,
                    Err(error) => return Err(error),
                }
            }
            if heard {
                return Ok(());
            }
        }
    }
}

/// Waits for a change; for ever where there is no socket, or it broke.
pub(super) async fn changed(netlink: &mut Option<Netlink>) {
    if let Some(open) = netlink {
        match open.changed().await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "no more route messages"),
        }
        *netlink = None;
    }
    std::future::pending().await
}

/// Whether the first message is about an address, a route or a link (rtnetlink(7)); the rest of
/// a datagram is of the same kind.
fn tells_of_a_path(datagram: &[u8]) -> bool {
    let Some(kind) = datagram.get(4..6).and_then(|kind| kind.try_into().ok()) else {
        return false;
    };
    matches!(u16::from_ne_bytes(kind), 16 | 17 | 20 | 21 | 24 | 25)
}

/// RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

#[cfg(test)]
mod tests {
    use super::tells_of_a_path;

    #[test]
    fn addresses_routes_and_links_count_and_nothing_else() {
        let of_kind = |kind: u16| {
            let mut message = vec![0; 16];
            message[4..6].copy_from_slice(&kind.to_ne_bytes());
            message
        };
        for kind in [16, 17, 20, 21, 24, 25] {
            assert!(tells_of_a_path(&of_kind(kind)), "{kind}");
        }
        for kind in [0, 2, 3, 18, 28, 36] {
            assert!(!tells_of_a_path(&of_kind(kind)), "{kind}");
        }
        assert!(!tells_of_a_path(&[1, 2, 3]));
    }
}
