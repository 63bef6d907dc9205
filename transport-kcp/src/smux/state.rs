//! All streams of one connection: which goes first, and what a frame of the peer does.

use std::collections::{BTreeMap, VecDeque};

use super::frame::{Fin, HEADER, Head, UPDATE};
use super::reader::{Piece, Reader, Unknown};
use super::spare::Spare;
use super::stream::Stream;
use super::windows::{SESSION_BUDGET, Windows};
use crate::arq::{Sink, Source};
use crate::oddity::{Oddities, Oddity};

/// Which end of a connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The peer says goodbye.
    Farewell,
    /// The peer broke the protocol: it did this.
    Misbehaved(&'static str),
}

/// The last word of this side, behind which nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    None,
    Due,
    Said,
}

/// The streams of one connection.
#[derive(Debug)]
pub(crate) struct Mux {
    side: Side,
    pub(super) streams: BTreeMap<u32, Stream>,
    /// The client's latest stream.
    latest: u32,
    /// Streams of the client that nobody took yet; at most [`MAX_STREAMS`].
    pub(super) arrived: VecDeque<u32>,
    reader: Reader,
    /// Streams with something to send, by their priority.
    pub(super) turns: [VecDeque<u32>; 3],
    /// Streams with a frame to send that has no data.
    pub(super) words: VecDeque<u32>,
    /// Streams of the client that were one too many; at most [`MAX_REFUSALS`].
    pub(super) refusals: VecDeque<u32>,
    /// A first packet is to be sent whether or not there is something to say.
    greeting: bool,
    farewell: Farewell,
    /// Bytes that wait to be read, of all streams.
    pub(super) buffered: usize,
    pub(super) windows: Windows,
    pub(super) spare: Spare,
    /// Bytes of data that were sent.
    sent: u64,
    /// Segments that were filled.
    segments: u64,
    /// Streams whose end somebody wants to have arrived; at most [`MAX_STREAMS`].
    pub(super) awaited: Vec<u32>,
    ended: Option<Ended>,
    /// No frame has come that says anything.
    untouched: bool,
    /// A stream made place for another.
    freed: bool,
    oddities: Oddities,
}

impl Mux {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            streams: BTreeMap::new(),
            latest: 1,
            arrived: VecDeque::new(),
            reader: Reader::default(),
            turns: Default::default(),
            words: VecDeque::new(),
            refusals: VecDeque::new(),
            greeting: side == Side::Client,
            farewell: Farewell::None,
            buffered: 0,
            windows: Windows::default(),
            spare: Spare::default(),
            sent: 0,
            segments: 0,
            awaited: Vec::new(),
            ended: None,
            untouched: true,
            freed: false,
            oddities: Oddities::default(),
        }
    }

    /// Why nothing more comes, once it is so.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// Bytes of data that were sent, of all streams.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Opens a stream; `None` while there are too many.
    pub(crate) fn open(&mut self) -> Option<u32> {
        if self.streams.len() >= MAX_STREAMS {
            return None;
        }
        // Two thousand million streams later there is no other.
        let id = self.latest.checked_add(2)?;
        self.latest = id;
        self.streams.insert(id, Stream::new(true));
        self.schedule(id);
        Some(id)
    }

    /// The next stream that the peer opened.
    pub(crate) fn accept(&mut self) -> Option<u32> {
        self.arrived.pop_front()
    }

    /// Whether the peer has never said anything.
    pub(crate) fn is_untouched(&self) -> bool {
        self.side == Side::Server && self.untouched
    }

    /// Whether [`Self::accept`] would give one.
    pub(crate) fn has_arrived(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Whether a stream made place for another since the last call.
    pub(crate) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    /// Has the end said, and nothing else any more.
    pub(crate) fn say_farewell(&mut self) {
        if self.farewell != Farewell::None {
            return;
        }
        self.greeting = false;
        self.farewell = Farewell::Due;
        self.words.clear();
        self.refusals.clear();
        for queue in &mut self.turns {
            queue.clear();
        }
    }

    /// Lets everybody who waits look again.
    pub(crate) fn wake_all(&mut self) {
        for stream in self.streams.values_mut() {
            stream.receiving.wake();
            stream.sending.wake();
        }
    }

    /// Bytes of a stream were read, or are not wanted any more.
    pub(super) fn handle_read(&mut self, count: usize) {
        self.buffered -= count;
    }

    /// Puts a stream into the queues in which it belongs.
    pub(super) fn schedule(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if self.farewell != Farewell::None {
            return;
        }
        if !stream.queued && stream.has_turn() {
            stream.queued = true;
            self.turns[stream.queue()].push_back(id);
        }
        if !stream.urgent && stream.has_word() {
            stream.urgent = true;
            self.words.push_back(id);
        }
    }

    fn handle(&mut self, piece: Piece<'_>) {
        self.untouched &= piece == Piece::Frame(Head::Nothing);
        match piece {
            Piece::Frame(Head::Open(id)) => self.handle_open(id),
            Piece::Frame(Head::Fin(0, Some(Fin::Both))) => self.ended = Some(Ended::Farewell),
            Piece::Frame(Head::Fin(id, Some(fin))) => self.handle_fin(id, fin),
            Piece::Frame(Head::Fin(_, None)) => self.oddities.tell(Oddity::FinKind),
            // Pushes and updates come as pieces.
            Piece::Frame(Head::Nothing | Head::Push(..) | Head::Update(_)) => {}
            Piece::Data(id, data) => self.handle_data(id, data),
            Piece::Update(id, consumed, window) => self.handle_update(id, consumed, window),
        }
    }

    fn handle_update(&mut self, id: u32, consumed: u32, window: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let sending = &mut stream.sending;
        sending.consumed = consumed;
        sending.window = window.min(MOST_WINDOW);
        if window > MOST_WINDOW {
            self.oddities.tell(Oddity::WindowTooLarge);
        }
        if (sending.sent.wrapping_sub(consumed) as i32) < 0 {
            self.oddities.tell(Oddity::ReadTooMuch);
        }
        self.schedule(id);
    }

    fn handle_open(&mut self, id: u32) {
        let leaving = self.farewell != Farewell::None;
        if self.side == Side::Client || leaving || id == 0 {
            return;
        }
        if self.streams.contains_key(&id) {
            self.oddities.tell(Oddity::OpenedTwice);
        } else if self.streams.len() < MAX_STREAMS {
            self.streams.insert(id, Stream::new(false));
            self.arrived.push_back(id);
        } else if self.refusals.len() < MAX_REFUSALS {
            self.oddities.tell(Oddity::TooManyStreams);
            self.refusals.push_back(id);
        }
    }

    fn handle_fin(&mut self, id: u32, fin: Fin) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if fin != Fin::Read {
            stream.receiving.ended = true;
            stream.receiving.update = false;
            stream.receiving.wake();
        }
        if fin != Fin::Write {
            stream.sending.refused = true;
            stream.sending.bytes.clear();
            stream.sending.wake();
        }
        self.schedule(id);
    }

    fn handle_data(&mut self, id: u32, data: &[u8]) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let receiving = &mut stream.receiving;
        if receiving.dropped || receiving.ended {
            return;
        }
        if !receiving.permits(data.len()) {
            self.ended = Some(Ended::Misbehaved("it sent more than a stream's window"));
            return;
        }
        self.spare.lend(&mut receiving.bytes);
        receiving.bytes.extend(data);
        receiving.wake();
        self.buffered += data.len();
    }

    /// Writes what a stream has to say without data.
    fn say_word(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.urgent = false;
        if std::mem::take(&mut stream.opening) {
            Head::Open(id).write(out);
        }
        let receiving = &mut stream.receiving;
        if std::mem::take(&mut receiving.update) {
            let window = self.windows.renew(receiving.window, receiving.untold);
            receiving.handle_told(window);
            Head::Update(id).write(out);
            out.extend_from_slice(&receiving.consumed.to_le_bytes());
            out.extend_from_slice(&window.to_le_bytes());
        }
        if std::mem::take(&mut stream.receiving.refuse) {
            Head::Fin(id, Some(Fin::Read)).write(out);
        }
    }

    /// Gives a stream its turn, in more than [`HEADER`] bytes.
    fn take_turn(&mut self, id: u32, room: usize, out: &mut Vec<u8>) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.queued = false;
        if stream.is_over() {
            Head::Fin(id, Some(Fin::Both)).write(out);
            self.streams.remove(&id);
            self.freed = true;
            return;
        }
        let sending = &mut stream.sending;
        let len = sending.credit().min(room - HEADER).min(MAX_FRAME);
        if len > 0 {
            Head::Push(id, len as u16).write(out);
            let (front, back) = sending.bytes.as_slices();
            let of_front = len.min(front.len());
            out.extend_from_slice(&front[..of_front]);
            out.extend_from_slice(&back[..len - of_front]);
            sending.bytes.drain(..len);
            sending.sent = sending.sent.wrapping_add(len as u32);
            self.sent += len as u64;
            if sending.room(stream.priority) >= sending.bytes.len() {
                sending.wake();
            }
        } else if sending.must_end() {
            Head::Fin(id, Some(Fin::Write)).write(out);
            sending.ended = true;
            sending.ended_in = Some(self.segments);
        }
        self.schedule(id);
    }
}

impl Sink for Mux {
    fn has_room(&self) -> bool {
        self.buffered < SESSION_BUDGET
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while self.ended.is_none() {
            match self.reader.next(&mut bytes) {
                Ok(Some(piece)) => self.handle(piece),
                Ok(None) => return,
                Err(Unknown) => {
                    let what = "it sent a frame of an unknown version or command";
                    self.ended = Some(Ended::Misbehaved(what));
                }
            }
        }
    }
}

impl Source for Mux {
    fn has_any(&self) -> bool {
        self.greeting
            || self.farewell == Farewell::Due
            || !self.words.is_empty()
            || !self.refusals.is_empty()
            || self.turns.iter().any(|queue| !queue.is_empty())
    }

    fn fill(&mut self, room: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let left = |out: &Vec<u8>| room.saturating_sub(out.len() - start);
        if self.farewell == Farewell::Due && left(out) >= HEADER {
            self.farewell = Farewell::Said;
            Head::Fin(0, Some(Fin::Both)).write(out);
        }
        while left(out) >= HEADER
            && let Some(id) = self.refusals.pop_front()
        {
            Head::Fin(id, Some(Fin::Both)).write(out);
        }
        while left(out) >= MOST_WORDS
            && let Some(id) = self.words.pop_front()
        {
            self.say_word(id, out);
        }
        // A stream is opened before anything is said in it: the peer drops data of streams that it does not know.
        while self.words.is_empty()
            && left(out) > HEADER
            && let Some(id) = self.turns.iter_mut().rev().find_map(VecDeque::pop_front)
        {
            self.take_turn(id, left(out), out);
        }
        if std::mem::take(&mut self.greeting) && out.len() == start && left(out) >= HEADER {
            Head::Nothing.write(out);
        }
        self.segments += u64::from(out.len() > start);
    }
}

/// More than a browser behind a SOCKS forward opens.
pub(crate) const MAX_STREAMS: usize = 1000;

/// A client that opens more than these at once beyond [`MAX_STREAMS`] gets no answer.
pub(super) const MAX_REFUSALS: usize = 1000;

/// PROTOCOL.md, "KCP mode".
const MAX_FRAME: usize = 48 << 10;

/// As much as a difference of two counters can mean.
pub(super) const MOST_WINDOW: u32 = 1 << 30;

/// SYN, UPD and FIN of one stream.
const MOST_WORDS: usize = 3 * HEADER + UPDATE;
