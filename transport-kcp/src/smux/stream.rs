//! The state of one stream: what waits in each direction, and who waits for it.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::task::Waker;

use tssh_core::transport::Priority;

/// One stream of this side's table.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) priority: Priority,
    /// It stands in a queue of those that have something to send.
    pub(super) queued: bool,
    /// It stands in the queue of those that have a frame without data to send.
    pub(super) urgent: bool,
    /// The peer is to be told of it.
    pub(super) opening: bool,
    pub(super) receiving: Receiving,
    pub(super) sending: Sending,
}

/// Bytes from the peer.
#[derive(Debug, Default)]
pub(super) struct Receiving {
    /// Not yet read.
    pub(super) bytes: VecDeque<u8>,
    /// All that were read so far, as the peer counts.
    pub(super) consumed: u32,
    /// Read since the peer was last told.
    pub(super) untold: u32,
    /// How far the peer may run ahead of what it was told.
    pub(super) window: u32,
    /// The peer was told before.
    pub(super) told_once: bool,
    /// The peer is to be told how much was read.
    pub(super) update: bool,
    /// Nothing more comes.
    pub(super) ended: bool,
    /// Nobody reads any more.
    pub(super) dropped: bool,
    /// The peer is to be told that.
    pub(super) refuse: bool,
    pub(super) waker: Option<Waker>,
}

/// Bytes to the peer.
#[derive(Debug, Default)]
pub(super) struct Sending {
    /// Not yet sent.
    pub(super) bytes: VecDeque<u8>,
    /// All that were sent so far.
    pub(super) sent: u32,
    /// All that the peer has read so far, as it says.
    pub(super) consumed: u32,
    /// How far the peer lets us run ahead of that.
    pub(super) window: u32,
    /// The peer reads no more.
    pub(super) refused: bool,
    /// The end comes behind the bytes.
    pub(super) ending: bool,
    /// The end was sent.
    pub(super) ended: bool,
    /// In which segment the end was sent.
    pub(super) ended_in: Option<u64>,
    /// Somebody waits for the peer to have the end: the stream is among [`super::Mux`]'s `awaited`.
    pub(super) awaited: bool,
    /// Nobody writes any more.
    pub(super) dropped: bool,
    pub(super) waker: Option<Waker>,
}

impl Stream {
    pub(super) fn new(opening: bool) -> Self {
        Self {
            priority: Priority::Bulk,
            queued: false,
            urgent: false,
            opening,
            receiving: Receiving {
                window: FIRST_WINDOW,
                ..Receiving::default()
            },
            sending: Sending {
                window: FIRST_WINDOW,
                ..Sending::default()
            },
        }
    }

    /// Both directions are over for this side, and nothing is left to be sent but the last word.
    pub(super) fn is_over(&self) -> bool {
        self.receiving.dropped && self.sending.dropped && !self.sending.has_data()
    }

    /// Whether [`Self::is_over`], or data or the end of it, is to be sent and may be.
    pub(super) fn has_turn(&self) -> bool {
        self.is_over() || self.sending.may_send() || self.sending.must_end()
    }

    /// In which queue it waits for its turn; those of the last go first.
    pub(super) fn queue(&self) -> usize {
        match self.priority {
            Priority::Bulk => 0,
            Priority::Interactive => 1,
            Priority::Control => 2,
        }
    }

    /// Whether a frame without data is to be sent.
    pub(super) fn has_word(&self) -> bool {
        self.opening || self.receiving.update || self.receiving.refuse
    }
}

impl Receiving {
    /// Whether so many more bytes stay within what the peer was allowed.
    pub(super) fn permits(&self, more: usize) -> bool {
        self.bytes.len() + more <= STREAM_WINDOW as usize
    }

    /// Moves bytes into `to`, and counts them. Returns how many; 0 when there are none.
    pub(super) fn read(&mut self, to: &mut [u8]) -> usize {
        let mut count = 0;
        while count < to.len() && !self.bytes.is_empty() {
            // Reading from memory does not fail.
            let read: io::Result<usize> = self.bytes.read(&mut to[count..]);
            count += read.unwrap_or(0);
        }
        self.consumed = self.consumed.wrapping_add(count as u32);
        self.untold += count as u32;
        if count > 0 && (!self.told_once || self.untold >= self.window / 2) {
            self.update = !self.ended;
        }
        count
    }

    /// The peer is told how much was read, and that it may run `window` bytes ahead of that.
    pub(super) fn handle_told(&mut self, window: u32) {
        self.told_once = true;
        self.untold = 0;
        self.window = window;
    }

    /// Gives back a buffer that has grown, once it is empty.
    pub(super) fn take_grown(&mut self) -> Option<VecDeque<u8>> {
        let grown = self.bytes.is_empty() && self.bytes.capacity() > KEPT_CAPACITY;
        grown.then(|| std::mem::take(&mut self.bytes))
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Sending {
    /// How many bytes may be sent now.
    pub(super) fn credit(&self) -> usize {
        let ahead = self.sent.wrapping_sub(self.consumed);
        // A peer that has read more than it was sent lies, and gets nothing.
        let room = self.window.saturating_sub(ahead);
        (room as usize).min(self.bytes.len())
    }

    pub(super) fn may_send(&self) -> bool {
        self.credit() > 0
    }

    pub(super) fn has_data(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Whether the end is all that is left to be sent.
    pub(super) fn must_end(&self) -> bool {
        self.ending && !self.ended && !self.has_data()
    }

    /// How many more bytes are taken from the writer.
    pub(super) fn room(&self, priority: Priority) -> usize {
        let limit = match priority {
            Priority::Bulk => BULK_BUFFER,
            Priority::Interactive | Priority::Control => INTERACTIVE_BUFFER,
        };
        limit.saturating_sub(self.bytes.len())
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// PROTOCOL.md, "KCP mode": what a sender may have on its way before it hears of a window.
pub(super) const FIRST_WINDOW: u32 = 262_144;

/// The most that we announce. A lost segment holds back what is behind it for three round trips where one in twenty is lost,
/// and for four where one in five is: at 100 ms this is 20 MB/s then, and at 300 ms 4 MB/s. All streams of a connection
/// together are bounded by [`super::windows`].
pub(super) const STREAM_WINDOW: u32 = 6 << 20;

/// Bytes that a writer of bulk may be ahead of the path.
pub(super) const BULK_BUFFER: usize = 256 << 10;

/// Less where somebody may press Ctrl-C.
const INTERACTIVE_BUFFER: usize = 64 << 10;

/// A buffer that grew beyond this is given back once it is empty.
const KEPT_CAPACITY: usize = 256 << 10;
