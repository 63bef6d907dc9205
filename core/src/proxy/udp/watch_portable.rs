//! A socket watched by tokio, for systems without descriptors.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use socket2::{SockRef, Socket};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// A socket watched for reading and writing.
#[derive(Debug)]
pub(super) struct Watched {
    socket: UdpSocket,
}

impl Watched {
    /// Registers a non-blocking socket with the current runtime.
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let socket = UdpSocket::from_std(socket)?;
        Ok(Self { socket })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends, and remembers a `WouldBlock`.
    pub(super) fn try_send(&self, send: impl FnOnce(&Socket) -> io::Result<()>) -> io::Result<()> {
        // Straight to the system: the runtime takes a new socket for full until its reactor has
        // looked at it, and the first claim of a new path would be lost.
        match send(&SockRef::from(&self.socket)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // The runtime is to know that it is full.
                self.socket.try_io(Interest::WRITABLE, || Err(error))
            }
            sent => sent,
        }
    }

    /// Ready unless the last send found no room and none was made since.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_send_ready(cx)
    }

    /// Receives when there is something; `receive` may be called several times.
    pub(super) fn poll_recv<T>(
        &self,
        cx: &mut Context<'_>,
        mut receive: impl FnMut(&Socket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            ready!(self.socket.poll_recv_ready(cx))?;
            let received = self
                .socket
                .try_io(Interest::READABLE, || receive(&SockRef::from(&self.socket)));
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }
}
