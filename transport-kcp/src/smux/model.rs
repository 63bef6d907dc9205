//! For fuzzing: what a mux has to agree with, written down a second time and as plainly as can be.

use std::collections::{BTreeMap, VecDeque};
use std::task::Poll;

use super::frame::{Fin, HEADER, Head, UPDATE};
use super::state::{MAX_STREAMS, MOST_WINDOW};
use super::stream::{FIRST_WINDOW, STREAM_WINDOW};
use super::{Mux, Side};

/// What is known of all streams.
pub(super) struct Model {
    pub(super) side: Side,
    streams: BTreeMap<u32, Known>,
    incoming: Frames,
    /// The peer has said goodbye or something that ends the connection.
    over: bool,
    leaving: bool,
    farewell: bool,
}

/// One stream.
#[derive(Default)]
struct Known {
    /// To be read.
    unread: VecDeque<u8>,
    read: u32,
    ended: bool,
    reader_is_gone: bool,
    /// Bytes written, by their number.
    written: u32,
    sent: u32,
    consumed: u32,
    window: u32,
    announced: bool,
    fin_sent: bool,
    /// The peer reads no more: what was written is thrown away.
    refused: bool,
}

/// Bytes up to the end of a frame.
#[derive(Default)]
struct Frames {
    bytes: Vec<u8>,
    /// Bytes of a push that are still to come.
    data: Option<(u32, usize)>,
}

enum Frame {
    Data(u32, Vec<u8>),
    Head(Head),
    Update(u32, u32, u32),
    Unknown,
}

impl Frames {
    fn next(&mut self) -> Option<Frame> {
        if let Some((id, left)) = self.data {
            if self.bytes.is_empty() {
                return None;
            }
            let here = left.min(self.bytes.len());
            self.data = (here < left).then_some((id, left - here));
            return Some(Frame::Data(id, self.bytes.drain(..here).collect()));
        }
        let head = *self.bytes.first_chunk::<HEADER>()?;
        let Some(head) = Head::parse(head) else {
            return Some(Frame::Unknown);
        };
        if let Head::Update(id) = head {
            let body = self.bytes.get(HEADER..HEADER + UPDATE)?;
            let word = |at: usize| {
                u32::from_le_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]])
            };
            let (consumed, window) = (word(0), word(4));
            self.bytes.drain(..HEADER + UPDATE);
            return Some(Frame::Update(id, consumed, window));
        }
        self.bytes.drain(..HEADER);
        if let Head::Push(id, len) = head {
            self.data = (len > 0).then_some((id, len.into()));
        }
        Some(Frame::Head(head))
    }
}

impl Model {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            streams: BTreeMap::new(),
            incoming: Frames::default(),
            over: false,
            leaving: false,
            farewell: false,
        }
    }

    /// Our side has opened a stream.
    pub(super) fn open(&mut self, id: u32) {
        assert!(id % 2 == 1 && id >= 3, "stream {id} is no client's");
        let former = self.streams.insert(id, Known::opened());
        assert!(former.is_none(), "stream {id} was opened twice");
    }

    /// Bytes of the peer, a segment of them.
    pub(super) fn take(&mut self, segment: &[u8]) {
        if self.over {
            return;
        }
        self.incoming.bytes.extend_from_slice(segment);
        while let Some(frame) = self.incoming.next() {
            match frame {
                Frame::Data(id, data) => self.take_data(id, &data),
                Frame::Head(Head::Open(id)) => {
                    let takes = self.side == Side::Server && !self.leaving;
                    if takes && id != 0 && self.streams.len() < MAX_STREAMS {
                        let known = self.streams.entry(id).or_insert_with(Known::opened);
                        known.announced = true;
                    }
                }
                Frame::Head(Head::Fin(0, Some(Fin::Both))) | Frame::Unknown => self.over = true,
                Frame::Head(Head::Fin(id, Some(fin))) => {
                    if let Some(known) = self.streams.get_mut(&id) {
                        known.ended |= fin != Fin::Read;
                        known.refused |= fin != Fin::Write;
                    }
                }
                Frame::Head(_) => {}
                Frame::Update(id, consumed, window) => {
                    if let Some(known) = self.streams.get_mut(&id) {
                        known.consumed = consumed;
                        known.window = window.min(MOST_WINDOW);
                    }
                }
            }
            if self.over {
                return;
            }
        }
    }

    fn take_data(&mut self, id: u32, data: &[u8]) {
        let Some(known) = self.streams.get_mut(&id) else {
            return;
        };
        if known.ended || known.reader_is_gone {
            return;
        }
        self.over = known.unread.len() + data.len() > STREAM_WINDOW as usize;
        if !self.over {
            known.unread.extend(data);
        }
    }

    /// Whether the peer has ended the connection, by a word or by what nobody may do.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// The mux knows the same streams and the same bytes.
    pub(super) fn agrees(&mut self, mux: &Mux) {
        self.streams.retain(|id, known| {
            let there = mux.streams.contains_key(id);
            assert!(
                there || known.reader_is_gone,
                "stream {id} is gone while it is read"
            );
            there
        });
        assert_eq!(
            mux.streams.len(),
            self.streams.len(),
            "a stream was invented"
        );
        for (id, known) in &self.streams {
            let stream = &mux.streams[id];
            assert_eq!(stream.receiving.bytes.len(), known.unread.len());
            assert_eq!(stream.receiving.ended, known.ended);
            assert_eq!(stream.sending.refused, known.refused);
        }
    }

    pub(super) fn read(&mut self, id: u32, to: &[u8], read: Poll<usize>) {
        let Some(known) = self.streams.get_mut(&id) else {
            panic!("stream {id} is read and not known");
        };
        match read {
            Poll::Pending => assert!(known.unread.is_empty() && !known.ended && !to.is_empty()),
            Poll::Ready(0) => assert!(to.is_empty() || known.unread.is_empty() && known.ended),
            Poll::Ready(count) => {
                assert_eq!(count, to.len().min(known.unread.len()));
                let expected: Vec<u8> = known.unread.drain(..count).collect();
                assert_eq!(to[..count], expected);
                known.read = known.read.wrapping_add(count as u32);
            }
        }
    }

    pub(super) fn drop_reader(&mut self, id: u32) {
        if let Some(known) = self.streams.get_mut(&id) {
            known.reader_is_gone = true;
            known.unread.clear();
        }
    }

    /// The next bytes to be written to a stream, each of which tells its number.
    pub(super) fn text(&self, id: u32, len: usize) -> Vec<u8> {
        let from = self.streams.get(&id).map_or(0, |known| known.written);
        (0..len as u32)
            .map(|at| letter(from.wrapping_add(at)))
            .collect()
    }

    pub(super) fn wrote(&mut self, id: u32, count: usize) {
        if let Some(known) = self.streams.get_mut(&id) {
            known.written = known.written.wrapping_add(count as u32);
        }
    }

    /// What our side has sent of the stream of `head`.
    pub(super) fn sent(&self, head: Head) -> u32 {
        let Head::Update(id) = head else { return 0 };
        self.streams.get(&id).map_or(0, |known| known.sent)
    }

    /// Our side has said that it goes, or is about to: it takes no more streams.
    pub(super) fn leave(&mut self) {
        self.leaving = true;
    }

    /// What our side has said: whole frames, each of which the peer can make sense of.
    pub(super) fn said(&mut self, out: &[u8]) {
        let mut frames = Frames {
            bytes: out.to_vec(),
            data: None,
        };
        while let Some(frame) = frames.next() {
            assert!(!self.farewell, "something was said behind the last word");
            match frame {
                Frame::Unknown => panic!("a frame that nobody knows was sent"),
                Frame::Head(Head::Open(id)) => {
                    let known = self.known(id);
                    assert!(!std::mem::replace(&mut known.announced, true));
                    assert_eq!(self.side, Side::Client);
                }
                Frame::Head(Head::Fin(0, fin)) => {
                    assert_eq!(fin, Some(Fin::Both));
                    self.farewell = true;
                }
                Frame::Head(Head::Fin(id, Some(Fin::Both))) => {
                    // The last word of a stream, or a refusal of one that there is no room for.
                    if let Some(known) = self.streams.get(&id) {
                        assert!(
                            known.reader_is_gone && known.announced || self.side == Side::Server
                        );
                    }
                }
                Frame::Head(Head::Fin(id, Some(Fin::Read))) => {
                    assert!(self.known(id).reader_is_gone)
                }
                Frame::Head(Head::Fin(id, fin)) => {
                    assert_eq!(fin, Some(Fin::Write));
                    assert!(!std::mem::replace(&mut self.known(id).fin_sent, true));
                }
                Frame::Head(Head::Nothing) => assert_eq!(self.side, Side::Client),
                Frame::Head(Head::Push(_, len)) => assert!(len > 0),
                Frame::Head(Head::Update(_)) => panic!("an update comes as one"),
                Frame::Data(id, data) => self.said_data(id, &data),
                Frame::Update(id, consumed, window) => {
                    let known = self.known(id);
                    assert!(known.announced);
                    assert_eq!(consumed, known.read);
                    assert!((FIRST_WINDOW..=STREAM_WINDOW).contains(&window), "{window}");
                }
            }
        }
        assert!(
            frames.bytes.is_empty() && frames.data.is_none(),
            "half a frame was sent"
        );
    }

    fn said_data(&mut self, id: u32, data: &[u8]) {
        let known = self.known(id);
        assert!(known.announced, "data of stream {id} before it was opened");
        assert!(!known.fin_sent, "data of stream {id} behind its end");
        assert!(!known.refused, "data of stream {id} that nobody reads");
        for byte in data {
            assert_eq!(
                *byte,
                letter(known.sent),
                "byte {} of stream {id}",
                known.sent
            );
            known.sent = known.sent.wrapping_add(1);
        }
        let ahead = known.sent.wrapping_sub(known.consumed);
        assert!(
            ahead <= known.window,
            "{ahead} bytes in a window of {}",
            known.window
        );
    }

    fn known(&mut self, id: u32) -> &mut Known {
        self.streams
            .get_mut(&id)
            .unwrap_or_else(|| panic!("stream {id} is spoken of and not known"))
    }
}

impl Known {
    fn opened() -> Self {
        Self {
            window: FIRST_WINDOW,
            ..Self::default()
        }
    }
}

/// A byte that tells its number, as far as one can.
fn letter(number: u32) -> u8 {
    (number ^ (number >> 8) ^ (number >> 16)) as u8
}
