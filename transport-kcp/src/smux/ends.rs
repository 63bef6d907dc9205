//! What the two halves of a stream do with it: read, write, end, let go.

use std::io;
use std::task::{Context, Poll};

use tssh_core::transport::Priority;

use super::Mux;
use super::stream::FIRST_WINDOW;

impl Mux {
    /// Reads into `to`; 0 bytes is the end.
    pub(crate) fn poll_read(&mut self, id: u32, to: &mut [u8], cx: &Context<'_>) -> Poll<usize> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Poll::Ready(0);
        };
        let receiving = &mut stream.receiving;
        let count = receiving.read(to);
        if count == 0 && !receiving.ended && !to.is_empty() {
            receiving.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(grown) = receiving.take_grown() {
            self.spare.keep(grown);
        }
        self.handle_read(count);
        self.schedule(id);
        Poll::Ready(count)
    }

    /// Takes bytes to be sent, as many as there is room for.
    pub(crate) fn poll_write(
        &mut self,
        id: u32,
        bytes: &[u8],
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let sending = &mut stream.sending;
        if sending.refused {
            let message = "the peer reads no more of this stream";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, message)));
        }
        if sending.ending {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        let count = sending.room(stream.priority).min(bytes.len());
        if count == 0 && !bytes.is_empty() {
            sending.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        sending.bytes.extend(&bytes[..count]);
        self.schedule(id);
        Poll::Ready(Ok(count))
    }

    /// Ends the direction to the peer, behind what was written.
    pub(crate) fn end_writing(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.sending.ending = true;
            self.schedule(id);
        }
    }

    /// Nobody writes any more. What was written, not ended, and may not be sent now is dropped: a peer that
    /// reads no more would keep it here for ever.
    pub(crate) fn drop_writer(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let sending = &mut stream.sending;
        if !sending.ending {
            sending.bytes.truncate(sending.credit());
            sending.ending = true;
        }
        sending.dropped = true;
        sending.waker = None;
        if std::mem::take(&mut sending.awaited) {
            self.awaited.retain(|awaited| *awaited != id);
        }
        self.let_go(id);
    }

    /// Nobody reads any more.
    pub(crate) fn drop_reader(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let receiving = &mut stream.receiving;
        receiving.dropped = true;
        self.windows.handle_returned(receiving.window);
        receiving.window = FIRST_WINDOW;
        receiving.update = false;
        receiving.refuse = !receiving.ended;
        receiving.waker = None;
        let unread = std::mem::take(&mut receiving.bytes).len();
        self.handle_read(unread);
        self.let_go(id);
    }

    pub(crate) fn set_priority(&mut self, id: u32, priority: Priority) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.priority = priority;
        }
    }

    fn let_go(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.is_over()
        {
            // The last word says it too.
            stream.receiving.refuse = false;
        }
        self.schedule(id);
    }
}
