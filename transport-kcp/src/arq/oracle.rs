//! For tests: our core against another one of the same wire, the crate `kcp`.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use kcp::Kcp;

use super::{Arq, Sink, Source};

#[test]
fn our_core_and_another_one_understand_each_other_both_ways() {
    for seed in 0..20 {
        let mut talk = Talk::new(seed, 0.0);
        talk.run();
    }
}

#[test]
fn our_core_and_another_one_lose_nothing_when_every_fifth_packet_is_lost() {
    for seed in 0..20 {
        let mut talk = Talk::new(seed, 0.2);
        talk.run();
    }
}

/// Both speak and listen at once, over a path of 20 ms each way.
struct Talk {
    ours: Arq,
    theirs: Kcp<Packets>,
    from_theirs: Packets,
    mine: Text,
    heard: Heard,
    to_say: Vec<u8>,
    their_heard: Vec<u8>,
    /// When it arrives, whether at ours, and the packet.
    under_way: Vec<(u32, bool, Vec<u8>)>,
    random: u64,
    loss: f64,
}

impl Talk {
    fn new(seed: u64, loss: f64) -> Self {
        let from_theirs = Packets::default();
        let mut theirs = Kcp::new(CONV, from_theirs.clone());
        theirs.set_mtu(1364).unwrap();
        theirs.set_nodelay(true, 10, 2, true);
        theirs.set_wndsize(1024, 1024);
        theirs.update(0).unwrap();
        Self {
            ours: Arq::new(CONV, 1164, zero()),
            theirs,
            from_theirs,
            mine: Text(text(1), 0),
            heard: Heard(Vec::new()),
            to_say: text(2),
            their_heard: Vec::new(),
            under_way: Vec::new(),
            random: seed,
            loss,
        }
    }

    fn run(&mut self) {
        let mut said = 0;
        for ms in 0..60_000 {
            let now = zero() + Duration::from_millis(ms.into());
            while said < self.to_say.len() && self.theirs.wait_snd() < 512 {
                let end = (said + 1000).min(self.to_say.len());
                self.theirs.send(&self.to_say[said..end]).unwrap();
                said = end;
            }
            let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.under_way)
                .into_iter()
                .partition(|(at, ..)| *at <= ms);
            self.under_way = rest;
            for (_, at_ours, packet) in due {
                match at_ours {
                    true => self.ours.handle_packet(&packet, &mut self.heard, now),
                    false => drop(self.theirs.input(&packet).unwrap()),
                }
            }
            self.theirs.update(ms).unwrap();
            let mut message = [0; 2000];
            while let Ok(len) = self.theirs.recv(&mut message) {
                self.their_heard.extend_from_slice(&message[..len]);
            }
            let sent = std::mem::take(&mut *self.from_theirs.0.borrow_mut());
            for packet in sent {
                self.deliver(ms, true, packet);
            }
            let mut out = Vec::new();
            while self
                .ours
                .poll_packet(&mut self.mine, &mut out, now)
                .is_some()
            {
                let packet = std::mem::take(&mut out);
                self.deliver(ms, false, packet);
            }
            if self.their_heard.len() == self.mine.0.len()
                && self.heard.0.len() == self.to_say.len()
            {
                assert!(self.their_heard == self.mine.0);
                assert!(self.heard.0 == self.to_say);
                return;
            }
        }
        panic!(
            "{} and {} bytes came within a minute",
            self.heard.0.len(),
            self.their_heard.len()
        );
    }

    fn deliver(&mut self, ms: u32, at_ours: bool, packet: Vec<u8>) {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        if (self.random >> 40) as f64 / f64::from(1 << 24) >= self.loss {
            self.under_way.push((ms + 20, at_ours, packet));
        }
    }
}

#[derive(Clone, Default)]
struct Packets(Rc<RefCell<Vec<Vec<u8>>>>);

impl Write for Packets {
    fn write(&mut self, packet: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(packet.to_vec());
        Ok(packet.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All there is to say, and how much of it was said.
struct Text(Vec<u8>, usize);

impl Source for Text {
    fn has_any(&self) -> bool {
        self.1 < self.0.len()
    }

    fn fill(&mut self, room: usize, out: &mut Vec<u8>) {
        let end = (self.1 + room).min(self.0.len());
        out.extend_from_slice(&self.0[self.1..end]);
        self.1 = end;
    }
}

struct Heard(Vec<u8>);

impl Sink for Heard {
    fn has_room(&self) -> bool {
        true
    }

    fn take(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

fn text(kind: u8) -> Vec<u8> {
    (0..200_000u32).map(|at| (at >> 5) as u8 ^ kind).collect()
}

/// The other core counts milliseconds from here.
fn zero() -> Instant {
    use std::sync::OnceLock;
    static ZERO: OnceLock<Instant> = OnceLock::new();
    *ZERO.get_or_init(Instant::now)
}

const CONV: u32 = 0x1234_5678;
