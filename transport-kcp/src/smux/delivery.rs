//! Whether the peer has what was written, up to the end.

use std::task::{Context, Poll};

use super::Mux;
use super::stream::Sending;

impl Mux {
    /// Ready once the peer has everything up to the end of the direction, or wants nothing more of it. So many
    /// segments have `arrived`.
    pub(crate) fn poll_delivered(&mut self, id: u32, arrived: u64, cx: &Context<'_>) -> Poll<()> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Poll::Ready(());
        };
        let sending = &mut stream.sending;
        if sending.is_delivered(arrived) {
            return Poll::Ready(());
        }
        sending.waker = Some(cx.waker().clone());
        if !std::mem::replace(&mut sending.awaited, true) {
            self.awaited.push(id);
        }
        Poll::Pending
    }

    /// The peer has so many segments, from the first on without a gap.
    pub(crate) fn handle_arrived(&mut self, arrived: u64) {
        self.awaited.retain(|id| {
            let Some(stream) = self.streams.get_mut(id) else {
                return false;
            };
            let sending = &mut stream.sending;
            sending.awaited = !sending.is_delivered(arrived);
            if !sending.awaited {
                sending.wake();
            }
            sending.awaited
        });
    }
}

impl Sending {
    /// Whether the peer has everything up to the end, or wants nothing more, when it has so many segments.
    fn is_delivered(&self, arrived: u64) -> bool {
        self.refused || self.ended_in.is_some_and(|segment| segment < arrived)
    }
}
