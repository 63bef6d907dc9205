//! The body of the fuzz target `session`: two connections over a path that loses, doubles, delays and forges.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Session;
use crate::crypto::NONCE_LEN;
use crate::fec::{HEADER, to_copy};
use crate::fuzzing::Script;
use crate::smux::Mux;

/// Client and server, and what the bytes do between them.
///
/// Without forged packets every byte arrives once and in order as soon as the path is good again. With them nobody
/// panics, spins or sends what no packet may be.
pub fn session(data: &[u8]) {
    let mut script = Script::new(data);
    let honest = script.byte() & 1 == 0;
    let mut world = World::new(script.word());
    while !script.is_over() {
        world.step(&mut script, honest);
    }
    if honest {
        world.arrives();
    }
}

struct World {
    ends: [End; 2],
    now: Instant,
    nonce: u64,
}

/// A connection, its one stream, and what is under way to it.
struct End {
    session: Session,
    inbox: VecDeque<(Instant, Packet)>,
    /// The stream that carries the text, once there is one.
    stream: Option<u32>,
    written: usize,
    read: usize,
    runs: bool,
}

#[derive(Clone)]
struct Packet {
    nonce: [u8; NONCE_LEN],
    body: Vec<u8>,
}

impl World {
    fn new(conv: u32) -> Self {
        let now = tssh_core::clock::now();
        let mut client = End::new(Session::connecting(MTU, conv, now));
        client.stream = client.session.mux.open();
        Self {
            ends: [client, End::new(Session::listening(MTU))],
            now,
            nonce: 0,
        }
    }

    fn step(&mut self, script: &mut Script<'_>, honest: bool) {
        let kind = script.byte();
        let at = usize::from(kind & 1);
        match (kind >> 1) % 12 {
            0 => self.pass(Duration::from_millis(u64::from(script.byte()))),
            1 => self.pass(Duration::from_micros(u64::from(script.short()))),
            2 | 3 => self.send(at, |_| Fate::Arrives),
            4 => self.send(at, |_| match script.byte() % 8 {
                0..=2 => Fate::Lost,
                3 | 4 => Fate::Twice,
                5 => Fate::Late,
                _ => Fate::Arrives,
            }),
            5 | 6 => self.ends[at].write(usize::from(script.byte()) << (kind >> 5)),
            7 => {
                let len = usize::from(script.byte()) << (kind >> 5);
                self.ends[at].read(self.now, len, honest);
            }
            8 => self.clock(at, script.byte() & 1 == 0),
            9 => {
                let payload = Bytes::copy_from_slice(script.bytes(kind.into()));
                let session = &mut self.ends[at].session;
                session.send_datagram(payload);
                let most = session.max_datagram();
                let came = session.take_datagram();
                assert!(came.is_none_or(|came| came.len() <= most));
            }
            // The peer itself lies: its packets open.
            10 if !honest => self.forge(at, script),
            11 if !honest && script.byte() < 4 => self.ends[at].session.close(),
            _ => self.deliver(),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.deliver();
        for end in &mut self.ends {
            end.session.handle_timeout(self.now);
        }
    }

    /// The path of both is dead, or is back.
    fn clock(&mut self, at: usize, runs: bool) {
        self.ends[at].runs = runs;
        self.ends[at].session.handle_clock(runs, self.now);
    }

    /// All packets of one end that are to be sent now.
    fn send(&mut self, at: usize, mut fate: impl FnMut(&Packet) -> Fate) {
        let now = self.now;
        let mut packets = 0;
        loop {
            let mut body = Vec::new();
            let Some(next) = self.ends[at].session.poll_packet(&mut body, now) else {
                assert!(body.is_empty());
                break;
            };
            assert!(body.len() > HEADER && body.len() <= MTU.into());
            packets += 1;
            assert!(packets < MOST_PACKETS, "there is no end to it");
            let packet = self.sealed(body);
            let row = &mut self.ends[1 - at].inbox;
            if let Some(pair) = next.copy {
                let mut copy = packet.clone();
                to_copy(&mut copy.body, pair);
                copy.nonce[NONCE_LEN - 1] ^= 0xff;
                row.push_back((now + WAY, copy));
            }
            match fate(&packet) {
                Fate::Arrives => row.push_back((now + WAY, packet)),
                Fate::Late => row.push_back((now + 5 * WAY, packet)),
                Fate::Lost => {}
                Fate::Twice => {
                    row.push_back((now + 3 * WAY, packet.clone()));
                    row.push_back((now + WAY, packet));
                }
            }
        }
        let end = &mut self.ends[at];
        let outcome = end.session.take_outcome();
        assert!(outcome.arrived + outcome.lost < 1 << 20);
        let again = end.session.poll_timeout(false);
        assert!(
            again.is_none_or(|at| at > now) || end.session.end().is_some(),
            "the timer stands still: {again:?} at {now:?}"
        );
    }

    fn sealed(&mut self, body: Vec<u8>) -> Packet {
        self.nonce += 1;
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&self.nonce.to_le_bytes());
        Packet { nonce, body }
    }

    /// What has arrived by now.
    fn deliver(&mut self) {
        for end in &mut self.ends {
            let (due, rest): (Vec<_>, Vec<_>) =
                end.inbox.drain(..).partition(|(at, _)| *at <= self.now);
            end.inbox = rest.into();
            for (_, packet) in due {
                end.session
                    .handle_body(packet.nonce, &packet.body, self.now);
                let _looked = end.session.has_news();
            }
            if end.stream.is_none() {
                end.stream = end.session.mux.accept();
            }
        }
    }

    /// A packet that the peer's key seals, and that says what the bytes say: a packet under way that was bent, or anything.
    fn forge(&mut self, at: usize, script: &mut Script<'_>) {
        let many = self.ends[at].inbox.len().max(1);
        let chosen = usize::from(script.byte()) % many;
        let body = match self.ends[at].inbox.get(chosen) {
            Some((_, packet)) if script.byte() & 1 == 0 => {
                let mut body = packet.body.clone();
                for _ in 0..script.byte() % 4 {
                    let bent = usize::from(script.short()) % body.len();
                    body[bent] = script.byte();
                }
                body
            }
            Some(_) | None => {
                let len = usize::from(script.byte()) * 2;
                script.bytes(len).to_vec()
            }
        };
        let packet = self.sealed(body);
        let session = &mut self.ends[at].session;
        session.handle_body(packet.nonce, &packet.body, self.now);
        // Whoever has heard it twice has heard it once.
        assert!(!session.handle_body(packet.nonce, &packet.body, self.now));
        let _looked = session.has_news();
    }

    /// On a good path, with readers that read, everything is there in the end.
    fn arrives(&mut self) {
        let given_up = self.ends.iter().any(|end| end.session.end().is_some());
        for at in [0, 1] {
            self.clock(at, true);
        }
        for _ in 0..MOST_LAPS {
            for at in [0, 1] {
                self.ends[at].read(self.now, 1 << 14, true);
                self.send(at, |_| Fate::Arrives);
            }
            let [client, server] = &self.ends;
            let done = client.written == server.read && server.written == client.read;
            if given_up || done {
                return;
            }
            self.pass(WAY);
        }
        panic!("not everything has arrived");
    }
}

impl End {
    fn new(session: Session) -> Self {
        Self {
            session,
            inbox: VecDeque::new(),
            stream: None,
            written: 0,
            read: 0,
            runs: true,
        }
    }

    fn write(&mut self, len: usize) {
        let Some(id) = self.stream else { return };
        let text: Vec<u8> = (self.written..self.written + len).map(letter).collect();
        if let Poll::Ready(Ok(count)) = self.session.mux.poll_write(id, &text, &context()) {
            self.written += count;
        }
    }

    fn read(&mut self, now: Instant, len: usize, honest: bool) {
        let Some(id) = self.stream else { return };
        let mut to = vec![0; len];
        let mux: &mut Mux = &mut self.session.mux;
        if let Poll::Ready(count) = mux.poll_read(id, &mut to, &context()) {
            let expected = (self.read..self.read + count).map(letter);
            // A peer that lies may write what it likes.
            assert!(
                !honest || expected.eq(to[..count].iter().copied()),
                "other bytes"
            );
            self.read += count;
        }
        self.session.handle_room(now);
    }
}

enum Fate {
    Arrives,
    Late,
    Lost,
    Twice,
}

/// A byte that tells its number, as far as one can.
fn letter(number: usize) -> u8 {
    (number ^ (number >> 8) ^ (number >> 16)) as u8
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

const MTU: u16 = 400;
const WAY: Duration = Duration::from_millis(20);

/// Of one moment: a window of them.
const MOST_PACKETS: usize = 20_000;

/// Of 20 ms: an hour.
const MOST_LAPS: usize = 180_000;
