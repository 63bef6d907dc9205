//! A socket that wakes us for what we wait for, and for nothing else.
//!
//! A descriptor watched for writing wakes its reactor for each packet that the kernel has sent:
//! most of what an idle connection would wake for.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use socket2::{SockRef, Socket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A socket watched for reading, and for writing only while it is full.
#[derive(Debug)]
pub(super) struct Watched {
    socket: AsyncFd<UdpSocket>,
    /// A second descriptor of the socket: a reactor takes each only once. It is made early because
    /// a full socket without one could only be tried again and again.
    twin: Arc<UdpSocket>,
    room: Mutex<Room>,
}

#[derive(Debug)]
enum Room {
    Awaited(AsyncFd<Arc<UdpSocket>>),
    Expected,
    Lacking,
}

impl Watched {
    /// Registers a non-blocking socket with the current runtime.
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        let twin = Arc::new(socket.try_clone()?);
        Ok(Self {
            socket: watch(socket, Interest::READABLE)?,
            twin,
            room: Mutex::new(Room::Expected),
        })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get_ref().local_addr()
    }

    /// Sends, and remembers a `WouldBlock`.
    pub(super) fn try_send(&self, send: impl FnOnce(&Socket) -> io::Result<()>) -> io::Result<()> {
        // Straight to the system: a socket that waited for its reactor first would lose the first
        // claim of a new path.
        let sent = send(&SockRef::from(self.socket.get_ref()));
        if let Err(error) = &sent
            && error.kind() == io::ErrorKind::WouldBlock
        {
            let mut room = self.room();
            if matches!(*room, Room::Expected) {
                *room = Room::Lacking;
            }
        }
        sent
    }

    /// Ready unless the last send found no room and none was made since.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut room = self.room();
        if matches!(*room, Room::Lacking) {
            // Room that was made in the meantime is reported at once.
            *room = Room::Awaited(watch(self.twin.clone(), Interest::WRITABLE)?);
        }
        if let Room::Awaited(writer) = &*room {
            ready!(writer.poll_write_ready(cx))?.retain_ready();
            *room = Room::Expected;
        }
        Poll::Ready(Ok(()))
    }

    /// Receives when there is something; `receive` may be called several times.
    pub(super) fn poll_recv<T>(
        &self,
        cx: &mut Context<'_>,
        mut receive: impl FnMut(&Socket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            let mut guard = ready!(self.socket.poll_read_ready(cx))?;
            let received = guard.try_io(|socket| receive(&SockRef::from(socket.get_ref())));
            if let Ok(received) = received {
                return Poll::Ready(received);
            }
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(
    deprecated,
    reason = "the replacement is unsafe for types that may change their descriptor; std's socket keeps one for its life"
)]
fn watch<T: AsRawFd>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(socket, interest)
}
