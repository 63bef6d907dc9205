//! The body of the fuzz target `smux`: frames of a peer that may say anything, and streams that are used meanwhile.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use tssh_core::transport::Priority;

use super::frame::{Fin, Head};
use super::model::Model;
use super::state::{MAX_REFUSALS, MAX_STREAMS};
use super::stream::{BULK_BUFFER, STREAM_WINDOW};
use super::windows::SESSION_BUDGET;
use super::{Mux, Side};
use crate::arq::{Sink, Source};
use crate::fuzzing::Script;

/// One side whose peer sends what the bytes say, while its streams are opened, read, written, ended and let go.
///
/// Bytes of a stream come as they were sent, the peer's windows are kept, every frame that goes out means something, and
/// streams, queues and buffers stay within their bounds.
pub fn smux(data: &[u8]) {
    let mut script = Script::new(data);
    let side = match script.byte() & 1 {
        0 => Side::Server,
        _ => Side::Client,
    };
    let mut world = World {
        mux: Mux::new(side),
        model: Model::new(side),
        halves: BTreeMap::new(),
    };
    while !script.is_over() && world.mux.ended().is_none() {
        world.step(&mut script);
        world.is_bounded();
    }
    // There is an end to what is to be said.
    for _ in 0..MOST_FILLS {
        if !world.mux.has_any() {
            return;
        }
        world.fill(1200);
    }
    panic!("there is no end to what is said");
}

struct World {
    mux: Mux,
    model: Model,
    /// Streams that somebody holds: whether the reader and the writer are there.
    halves: BTreeMap<u32, (bool, bool)>,
}

impl World {
    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 20 {
            0 => {
                let len = script.byte().into();
                self.take(script.bytes(len));
            }
            1..=4 => {
                let head = self.head(script);
                let mut frame = Vec::new();
                head.write(&mut frame);
                match head {
                    Head::Push(_, len) => {
                        let here = script.bytes(usize::from(len) + 1);
                        frame.extend_from_slice(here);
                    }
                    Head::Update(_) => {
                        let consumed = script.near(self.model.sent(head));
                        frame.extend_from_slice(&consumed.to_le_bytes());
                        frame.extend_from_slice(&script.near(1 << 18).to_le_bytes());
                    }
                    Head::Fin(..) | Head::Nothing | Head::Open(_) => {}
                }
                self.take(&frame);
            }
            5 => self.flood(script),
            6 => self.bulk(script),
            7 | 8 => {
                let opened = match script.byte() & 1 {
                    0 => self.mux.accept(),
                    // A server's mux is never asked to open one.
                    _ if self.model.side == Side::Server => None,
                    _ => self.mux.open().inspect(|id| self.model.open(*id)),
                };
                if let Some(id) = opened {
                    let former = self.halves.insert(id, (true, true));
                    assert!(former.is_none(), "stream {id} was given out twice");
                }
            }
            9..=11 => self.read(script),
            12 | 13 => self.write(script),
            14 => {
                if let Some(id) = self.held(script) {
                    self.mux.end_writing(id);
                }
            }
            15 | 16 => self.let_go(script),
            17 => {
                if let Some(id) = self.held(script) {
                    let all = [Priority::Bulk, Priority::Interactive, Priority::Control];
                    let priority = all[usize::from(script.byte()) % all.len()];
                    self.mux.set_priority(id, priority);
                }
            }
            18 if script.byte() == 0xff => {
                self.model.leave();
                self.mux.say_farewell();
            }
            _ => {
                let room = LEAST_ROOM + usize::from(script.short()) % 1200;
                self.fill(room);
            }
        }
    }

    fn head(&self, script: &mut Script<'_>) -> Head {
        let id = match script.byte() {
            small @ 0..0xf0 => u32::from(small % 16),
            _ => script.word(),
        };
        match script.byte() % 16 {
            0..=3 => Head::Open(id),
            4 => Head::Fin(id, Some(Fin::Both)),
            5 => Head::Fin(id, Some(Fin::Read)),
            6 => Head::Fin(id, Some(Fin::Write)),
            7 => Head::Fin(id, None),
            8 => Head::Nothing,
            9..=12 => Head::Push(id, u16::from(script.byte())),
            _ => Head::Update(id),
        }
    }

    /// Many streams at once.
    fn flood(&mut self, script: &mut Script<'_>) {
        let (from, many) = (u32::from(script.byte()), u32::from(script.byte()));
        // More than any connection has, now and then: it costs time.
        let many = if from > 0xf8 { 9 * many } else { many / 16 };
        let mut frames = Vec::new();
        for id in from..from + many {
            Head::Open(id).write(&mut frames);
        }
        self.take(&frames);
    }

    /// Much for one stream.
    fn bulk(&mut self, script: &mut Script<'_>) {
        let id = u32::from(script.byte() % 16);
        let mut frames = Vec::new();
        for _ in 0..script.byte() % 5 {
            Head::Push(id, u16::MAX).write(&mut frames);
            frames.resize(frames.len() + usize::from(u16::MAX), id as u8);
        }
        self.take(&frames);
    }

    /// As it comes from `arq`: a segment at a time, while there is room.
    fn take(&mut self, bytes: &[u8]) {
        for segment in bytes.chunks(SEGMENT) {
            if !self.mux.has_room() {
                return;
            }
            self.model.take(segment);
            self.mux.take(segment);
        }
        assert_eq!(self.mux.ended().is_some(), self.model.is_over());
        if self.mux.ended().is_none() {
            self.model.agrees(&self.mux);
        }
    }

    fn read(&mut self, script: &mut Script<'_>) {
        let Some(id) = self.held(script) else { return };
        if !self.halves[&id].0 {
            return;
        }
        let mut to = vec![0; usize::from(script.byte()) << (script.byte() % 10)];
        let read = self.mux.poll_read(id, &mut to, &context());
        self.model.read(id, &to, read);
    }

    fn write(&mut self, script: &mut Script<'_>) {
        let Some(id) = self.held(script) else { return };
        if !self.halves[&id].1 {
            return;
        }
        let len = usize::from(script.byte()) << (script.byte() % 12);
        let bytes = self.model.text(id, len);
        if let Poll::Ready(Ok(count)) = self.mux.poll_write(id, &bytes, &context()) {
            assert!(count <= len);
            self.model.wrote(id, count);
        }
    }

    fn let_go(&mut self, script: &mut Script<'_>) {
        let Some(id) = self.held(script) else { return };
        let Some((reader, writer)) = self.halves.get_mut(&id) else {
            return;
        };
        let which = script.byte();
        if which & 1 == 0 && std::mem::take(reader) {
            self.model.drop_reader(id);
            self.mux.drop_reader(id);
        }
        if which & 2 == 0 && std::mem::take(writer) {
            self.mux.drop_writer(id);
        }
        if self.halves[&id] == (false, false) {
            self.halves.remove(&id);
        }
    }

    fn held(&self, script: &mut Script<'_>) -> Option<u32> {
        let at = usize::from(script.byte()) % self.halves.len().max(1);
        self.halves.keys().nth(at).copied()
    }

    fn fill(&mut self, room: usize) {
        let mut out = Vec::new();
        self.mux.fill(room, &mut out);
        assert!(out.len() <= room, "{} bytes in a room of {room}", out.len());
        assert!(
            !out.is_empty() || !self.mux.has_any(),
            "it has what it does not give"
        );
        self.model.said(&out);
        self.model.agrees(&self.mux);
    }

    fn is_bounded(&self) {
        let mux = &self.mux;
        assert!(mux.streams.len() <= MAX_STREAMS);
        assert!(mux.arrived.len() <= mux.streams.len());
        assert!(mux.refusals.len() <= MAX_REFUSALS);
        assert!(mux.words.len() <= 2 * MAX_STREAMS);
        let turns: usize = mux.turns.iter().map(|queue| queue.len()).sum();
        assert!(turns <= MAX_STREAMS, "{turns} turns");
        let mut buffered = 0;
        for stream in mux.streams.values() {
            buffered += stream.receiving.bytes.len();
            assert!(stream.receiving.bytes.len() <= STREAM_WINDOW as usize);
            assert!(stream.sending.bytes.len() <= BULK_BUFFER);
        }
        assert_eq!(mux.buffered, buffered);
        assert!(buffered <= SESSION_BUDGET + SEGMENT);
        // Nobody holds what is gone, but what the peer has ended in both directions may be held for long.
        assert!(self.halves.keys().all(|id| mux.streams.contains_key(id)));
        assert!(!mux.streams.contains_key(&0));
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// The largest packet of a peer.
const SEGMENT: usize = 1500;

/// What `arq` offers at the least.
const LEAST_ROOM: usize = 64;

/// All buffers of all streams, in small packets.
const MOST_FILLS: usize = 1_000_000;
