//! The halves of a stream.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tssh_core::transport::{Priority, ReadHalf, Stream, WriteHalf};

use crate::session::Session;
use crate::shared::Shared;

pub(crate) fn stream(shared: &Arc<Shared>, id: u32) -> Stream {
    Stream {
        reader: Box::new(Reader {
            shared: shared.clone(),
            id,
        }),
        writer: Box::new(Writer {
            shared: shared.clone(),
            id,
        }),
    }
}

/// Dropped before its end, it tells the peer to stop writing.
#[derive(Debug)]
struct Reader {
    shared: Arc<Shared>,
    id: u32,
}

impl ReadHalf for Reader {}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut session = self.shared.session();
        match session
            .mux
            .poll_read(self.id, buf.initialize_unfilled(), cx)
        {
            Poll::Ready(count) => {
                buf.advance(count);
                made_room(&self.shared, session);
                Poll::Ready(Ok(()))
            }
            Poll::Pending => match session.end() {
                Some(end) => Poll::Ready(Err(end.error().into())),
                None => Poll::Pending,
            },
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut session = self.shared.session();
        session.mux.drop_reader(self.id);
        made_room(&self.shared, session);
    }
}

/// Bytes were read, or will not be: what waited for room comes in, and may be news to others.
fn made_room(shared: &Shared, mut session: MutexGuard<'_, Session>) {
    session.handle_room(shared.clock.now());
    let (news, work) = (session.has_news(), session.has_work());
    drop(session);
    if news {
        shared.tell();
    }
    if work {
        shared.wake_driver();
    }
}

/// Dropped before `shutdown`, it ends the direction and drops what was not yet sent.
#[derive(Debug)]
struct Writer {
    shared: Arc<Shared>,
    id: u32,
}

impl WriteHalf for Writer {
    fn set_priority(&mut self, priority: Priority) {
        self.shared.session().mux.set_priority(self.id, priority);
    }

    fn poll_delivered(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut session = self.shared.session();
        if session.end().is_some() {
            return Poll::Ready(());
        }
        let arrived = session.arrived();
        session.mux.poll_delivered(self.id, arrived, cx)
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut session = self.shared.session();
        if let Some(end) = session.end() {
            return Poll::Ready(Err(end.error().into()));
        }
        let written = session.mux.poll_write(self.id, bytes, cx);
        drop(session);
        if written.is_ready() {
            self.shared.wake_driver();
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.session().mux.end_writing(self.id);
        self.shared.wake_driver();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.session().mux.drop_writer(self.id);
        self.shared.wake_driver();
    }
}
