//! The body of the fuzz target `kcp`: segments of a peer that may say anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::receiver::{MAX_ACKS, RECEIVE_WINDOW};
use super::segment::{Command, HEADER, Header, ahead, take};
use super::sender::SEND_WINDOW;
use super::{Arq, Sink, Source};
use crate::fuzzing::Script;

/// One side of a conversation whose peer sends what the bytes say.
///
/// Data is handed on in turn and as it came, what lies outside the window changes nothing, memory stays within
/// its bounds, each packet is whole and small enough, and there is always an end to what is to be sent now.
pub fn kcp(data: &[u8]) {
    let mut script = Script::new(data);
    let mut world = World::new();
    while !script.is_over() {
        match script.byte() % 12 {
            0 => {
                let len = script.byte().into();
                world.hear(script.bytes(len));
            }
            1 => {
                let mut packet = Vec::new();
                for _ in 0..script.byte() % 8 {
                    world.segment(&mut script, &mut packet);
                }
                world.hear(&packet);
            }
            2..=4 => world.hear_one(&mut script),
            5 => world.hear_in_turn(script.byte()),
            6 => world.pass(Duration::from_micros(u64::from(script.short()) * 20)),
            7 => world.pass(Duration::from_secs(u64::from(script.word() >> 8))),
            8 => world.text.0 += usize::from(script.short()),
            9 => world.room(script.byte() & 1 == 0),
            10 => world.outage(script.byte()),
            _ => world.speak(),
        }
        world.is_bounded();
    }
    world.speak();
}

struct World {
    arq: Arq,
    now: Instant,
    text: Text,
    heard: Heard,
    /// What the peer has ever sent under each number.
    pushed: BTreeMap<u32, BTreeSet<Vec<u8>>>,
    /// The number of the next segment that is handed on.
    next: u32,
    /// The number of the next new segment of our own.
    sent: u32,
}

impl World {
    fn new() -> Self {
        let now = tssh_core::clock::now();
        Self {
            arq: Arq::new(CONV, MTU, now),
            now,
            text: Text(0),
            heard: Heard {
                room: true,
                segments: Vec::new(),
            },
            pushed: BTreeMap::new(),
            next: 0,
            sent: 0,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn room(&mut self, room: bool) {
        self.heard.room = room;
        if room {
            self.arq.handle_room(&mut self.heard);
        }
        self.look();
    }

    fn outage(&mut self, how: u8) {
        if how & 1 == 0 {
            self.arq.handle_path_back();
        }
        if how & 2 == 0 {
            self.arq.handle_clock_back(self.now);
        }
    }

    /// Appends a segment that is near to being believable.
    fn segment(&self, script: &mut Script<'_>, out: &mut Vec<u8>) {
        let kind = script.byte();
        let sender = &self.arq.sender;
        let command = match kind % 8 {
            0..=3 => Command::Push,
            4 | 5 => Command::Ack,
            6 => Command::Ask,
            _ => Command::Tell,
        };
        let middle = match command {
            Command::Push => self.arq.receiver.una(),
            Command::Ack | Command::Ask | Command::Tell => sender.una,
        };
        let header = Header {
            conv: CONV ^ u32::from(kind == 0xff),
            command,
            window: script.short(),
            ts: script.near(self.now_ms()),
            sn: script.near(middle),
            una: match kind & 0x80 {
                0 => sender.una,
                _ => script.near(sender.una),
            },
        };
        let data = match command {
            Command::Push => script.bytes(usize::from(kind >> 3) % 8),
            Command::Ack | Command::Ask | Command::Tell => &[],
        };
        header.write(data.len(), out);
        out.extend_from_slice(data);
    }

    /// One segment alone, of which can be told what it may do.
    fn hear_one(&mut self, script: &mut Script<'_>) {
        let mut packet = Vec::new();
        self.segment(script, &mut packet);
        let Some((header, _)) = take(&mut &packet[..]) else {
            panic!("it was written");
        };
        let receiver = &self.arq.receiver;
        let before = (receiver.una(), receiver.waiting.len(), receiver.acks.len());
        let handed_on = self.next;
        let foreign = header.conv != CONV || !self.arq.sender.knows(header.una);
        let at = ahead(self.next, header.sn);
        self.hear(&packet);
        let receiver = &self.arq.receiver;
        let after = (receiver.una(), receiver.waiting.len(), receiver.acks.len());
        let outside = at < 0 || at >= RECEIVE_WINDOW as i32;
        if foreign || header.command != Command::Push || outside {
            assert_eq!((before.0, before.1), (after.0, after.1), "{header:?}");
            assert_eq!(handed_on, self.next);
        }
        // What is behind the window was acknowledged in vain; what is before it must wait.
        if foreign || at >= RECEIVE_WINDOW as i32 {
            assert_eq!(before.2, after.2, "{header:?}");
        }
    }

    /// Many segments in their order, each of them new.
    fn hear_in_turn(&mut self, many: u8) {
        // A whole window now and then: it costs time.
        let each = if many > 0xf0 { 128 } else { 2 };
        for _ in 0..u32::from(many % 16) * each {
            let header = Header {
                conv: CONV,
                command: Command::Push,
                window: 128,
                ts: self.now_ms(),
                sn: self.arq.receiver.una(),
                una: self.arq.sender.una,
            };
            let mut packet = Vec::new();
            header.write(1, &mut packet);
            packet.push(many);
            self.hear(&packet);
        }
    }

    fn hear(&mut self, packet: &[u8]) {
        let mut rest = packet;
        while let Some((header, data)) = take(&mut rest) {
            if header.command == Command::Push && header.conv == CONV {
                let known = self.pushed.entry(header.sn).or_default();
                known.insert(data.to_vec());
            }
        }
        self.arq.handle_packet(packet, &mut self.heard, self.now);
        self.look();
    }

    /// All that was handed on is in turn, and was sent under its number.
    fn look(&mut self) {
        for data in self.heard.segments.drain(..) {
            let known = self.pushed.get(&self.next);
            assert!(
                known.is_some_and(|known| known.contains(&data)),
                "segment {} was invented",
                self.next
            );
            self.next = self.next.wrapping_add(1);
        }
        assert!(ahead(self.next, self.arq.receiver.una()) >= 0);
    }

    /// All packets of this moment.
    fn speak(&mut self) {
        let mut out = Vec::new();
        let mut packets = 0;
        loop {
            out.clear();
            let polled = self.arq.poll_packet(&mut self.text, &mut out, self.now);
            if polled.is_none() {
                assert!(out.is_empty());
                break;
            }
            assert!(!out.is_empty() && out.len() <= MTU, "{} bytes", out.len());
            self.is_well_formed(&out);
            packets += 1;
            assert!(packets < 3 * SEND_WINDOW, "there is no end to it");
        }
        let _counts = self.arq.take_outcome();
        let again = self.arq.poll_timeout(&self.text);
        assert!(
            again.is_none_or(|at| at > self.now),
            "the timer stands still: {again:?} at {:?}",
            self.now
        );
    }

    fn is_well_formed(&mut self, mut packet: &[u8]) {
        while let Some((header, data)) = take(&mut packet) {
            assert_eq!(header.conv, CONV);
            assert_eq!(header.una, self.arq.receiver.una());
            if header.command == Command::Push {
                assert!(!data.is_empty());
                assert!(ahead(self.sent, header.sn) <= 0, "a number was left out");
                assert!(ahead(self.arq.sender.una, header.sn) >= 0);
                self.sent = self.sent.wrapping_add(u32::from(self.sent == header.sn));
            } else {
                assert!(data.is_empty());
            }
        }
        assert!(packet.is_empty(), "{} bytes mean nothing", packet.len());
    }

    fn is_bounded(&self) {
        let Arq {
            sender, receiver, ..
        } = &self.arq;
        assert!(receiver.waiting.len() <= RECEIVE_WINDOW as usize);
        assert!(receiver.spare.len() + receiver.waiting.len() <= 2 * RECEIVE_WINDOW as usize);
        assert!(receiver.acks.len() <= MAX_ACKS);
        assert!(u32::from(receiver.window()) <= RECEIVE_WINDOW);
        assert!(sender.kept.places() <= SEND_WINDOW as usize);
        assert!(
            sender.flights.len() <= 4 * SEND_WINDOW as usize,
            "{} flights",
            sender.flights.len()
        );
        let unsent = self.arq.is_done() || sender.flying() > 0 || sender.may_repeat();
        assert!(unsent || !sender.sent.is_empty());
        assert!(sender.flying() <= sender.sent.len() * (MTU + HEADER));
    }

    fn now_ms(&self) -> u32 {
        self.sent
    }
}

/// So many bytes that are still to be sent.
struct Text(usize);

impl Source for Text {
    fn has_any(&self) -> bool {
        self.0 > 0
    }

    fn fill(&mut self, room: usize, out: &mut Vec<u8>) {
        let len = room.min(self.0);
        out.resize(out.len() + len, b'x');
        self.0 -= len;
    }
}

struct Heard {
    room: bool,
    segments: Vec<Vec<u8>>,
}

impl Sink for Heard {
    fn has_room(&self) -> bool {
        self.room
    }

    fn take(&mut self, bytes: &[u8]) {
        self.segments.push(bytes.to_vec());
    }
}

const CONV: u32 = 0x1234_5678;

/// A small one: more packets for fewer bytes.
const MTU: usize = 200;
