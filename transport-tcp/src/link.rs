//! A byte stream as a link: frames out, frames in, and never half a frame.

use std::fmt::{self, Debug, Formatter};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tssh_core::transport::{Link, RecvMeta, Transmit};

use crate::frame::Inbox;
use crate::outbox::{MAX_PACKETS, Outbox};

/// The writing half of a byte stream, which says when it has room.
pub trait Outlet: Send + 'static {
    /// Ready when bytes that are written now are not left lying about.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Writes some of `bytes`.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
}

/// Any writer that keeps nothing to itself: a pipe, one half of a stream in memory.
#[derive(Debug)]
pub struct Plain<W>(pub W);

impl<W: AsyncWrite + Unpin + Send + 'static> Outlet for Plain<W> {
    fn poll_room(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }
}

/// A byte stream to one peer, as a link. It holds at most one batch that is not written yet.
pub struct StreamLink<R, W> {
    reading: Mutex<Reading<R>>,
    writing: Mutex<Writing<W>>,
    wakers: Arc<Wakers>,
    /// The internal waker for everything that waits for room.
    room: Waker,
    peer: SocketAddr,
    local: Option<SocketAddr>,
    /// What ended writing; reading goes on until nothing is left.
    failed: OnceLock<(io::ErrorKind, String)>,
}

struct Reading<R> {
    stream: R,
    inbox: Inbox,
    ended: bool,
}

struct Writing<W> {
    outlet: W,
    outbox: Outbox,
}

impl<R, W> StreamLink<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: Outlet,
{
    /// A link that shows its peer as `peer`, and sends no packet of more than `largest` bytes.
    pub fn new(
        stream: R,
        outlet: W,
        peer: SocketAddr,
        local: Option<SocketAddr>,
        largest: u16,
    ) -> Self {
        let wakers = Arc::new(Wakers::default());
        Self {
            reading: Mutex::new(Reading {
                stream,
                inbox: Inbox::new(),
                ended: false,
            }),
            writing: Mutex::new(Writing {
                outlet,
                outbox: Outbox::new(largest),
            }),
            room: wakers.clone().into(),
            wakers,
            peer,
            local,
            failed: OnceLock::new(),
        }
    }

    /// What writes, for tests.
    #[cfg(test)]
    pub(crate) fn with_outlet<T>(&self, look: impl FnOnce(&W) -> T) -> T {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        look(&writing.outlet)
    }

    fn fail(&self, error: &io::Error) -> io::Error {
        let failure = || (error.kind(), error.to_string());
        let (kind, text) = self.failed.get_or_init(failure);
        io::Error::new(*kind, text.clone())
    }

    fn failure(&self) -> Option<io::Error> {
        let (kind, text) = self.failed.get()?;
        Some(io::Error::new(*kind, text.clone()))
    }

    /// Ready when nothing waits to be written.
    fn poll_flush(&self, writing: &mut Writing<W>) -> Poll<io::Result<()>> {
        let mut cx = Context::from_waker(&self.room);
        while !writing.outbox.is_empty() {
            match writing.outlet.poll_write(&mut cx, writing.outbox.pending()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => {
                    let error = io::ErrorKind::WriteZero.into();
                    return Poll::Ready(Err(self.fail(&error)));
                }
                Poll::Ready(Ok(written)) => writing.outbox.handle_written(written),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.fail(&error))),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_room(&self, writing: &mut Writing<W>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failure() {
            return Poll::Ready(Err(error));
        }
        std::task::ready!(self.poll_flush(writing))?;
        let mut cx = Context::from_waker(&self.room);
        let room = std::task::ready!(writing.outlet.poll_room(&mut cx));
        Poll::Ready(room.map_err(|error| self.fail(&error)))
    }

    /// Fills `bufs` with what has arrived, one packet each, and returns how many.
    fn unpack(
        &self,
        reading: &mut Reading<R>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> usize {
        let mut filled = 0;
        while filled < bufs.len().min(meta.len()) && !reading.ended {
            let packet = match reading.inbox.next() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(why) => {
                    reading.ended = true;
                    self.fail(&io::Error::new(io::ErrorKind::InvalidData, why));
                    break;
                }
            };
            let Some(buf) = bufs[filled].get_mut(..packet.len()) else {
                tracing::debug!(bytes = packet.len(), "a packet larger than any of ours");
                continue;
            };
            buf.copy_from_slice(packet);
            meta[filled] = RecvMeta::default();
            meta[filled].addr = self.peer;
            meta[filled].len = packet.len();
            meta[filled].stride = packet.len();
            filled += 1;
        }
        filled
    }
}

impl<R, W> Link for StreamLink<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: Outlet,
{
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let mut writing = lock(&self.writing);
        match self.poll_room(&mut writing) {
            Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
            Poll::Ready(room) => room?,
        }
        let segment = transmit.segment_size.unwrap_or(transmit.contents.len());
        let lost = writing.outbox.push(transmit.contents, segment);
        if lost > 0 {
            tracing::debug!(bytes = lost, "too large for a frame");
        }
        match self.poll_flush(&mut writing) {
            Poll::Ready(Err(error)) => Err(error),
            // What is left goes out when there is room: the waker above is told.
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        store(&self.wakers.sender, cx.waker());
        self.poll_room(&mut lock(&self.writing))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        // Whoever reads also writes what was left: a sender that is done does not come back.
        store(&self.wakers.receiver, cx.waker());
        let _ = self.poll_flush(&mut lock(&self.writing));
        let mut reading = lock(&self.reading);
        loop {
            let filled = self.unpack(&mut reading, bufs, meta);
            if filled > 0 {
                return Poll::Ready(Ok(filled));
            }
            if reading.ended {
                let closed = io::ErrorKind::UnexpectedEof.into();
                return Poll::Ready(Err(self.failure().unwrap_or(closed)));
            }
            let Reading { stream, inbox, .. } = &mut *reading;
            let mut space = ReadBuf::new(inbox.space());
            match Pin::new(stream).poll_read(cx, &mut space) {
                Poll::Pending => {
                    return match self.failure() {
                        Some(error) => Poll::Ready(Err(error)),
                        None => Poll::Pending,
                    };
                }
                Poll::Ready(Ok(())) if space.filled().is_empty() => {
                    reading.ended = true;
                    self.fail(&io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the peer closed the stream",
                    ));
                }
                Poll::Ready(Ok(())) => {
                    let read = space.filled().len();
                    inbox.handle_read(read);
                }
                Poll::Ready(Err(error)) => {
                    reading.ended = true;
                    self.fail(&error);
                }
            }
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }

    fn max_send_segments(&self) -> usize {
        MAX_PACKETS
    }

    fn is_stream(&self) -> bool {
        true
    }
}

impl<R, W> Debug for StreamLink<R, W> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.debug_struct("StreamLink")
            .field("peer", &self.peer)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// Who waits: a stream tells one task of room, and both may have something to write.
#[derive(Debug, Default)]
struct Wakers {
    receiver: Mutex<Option<Waker>>,
    sender: Mutex<Option<Waker>>,
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for slot in [&self.receiver, &self.sender] {
            let waker = lock(slot).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

fn store(slot: &Mutex<Option<Waker>>, waker: &Waker) {
    let mut slot = lock(slot);
    match &*slot {
        Some(known) if known.will_wake(waker) => {}
        _ => *slot = Some(waker.clone()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
