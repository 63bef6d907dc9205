//! Our core against another one of the same wire, the crate `kcp`: for tests, and the body of the fuzz target
//! `kcp_oracle`.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use kcp::Kcp;

use super::{Arq, Sink, Source};
use crate::fuzzing::Script;

/// Both cores say something to each other over a path that does with each packet what the bytes say, and is good
/// once they are used up: each hears what the other said, and nothing else.
pub fn kcp_oracle(data: &[u8]) {
    let mut script = Script::new(data);
    let (mine, yours) = (script.short() % 6000, script.short() % 6000);
    let mut losses = 0;
    Talk::new(mine.into(), yours.into(), |_| match script.byte() {
        0..0x90 => Fate::After(20),
        0x90..0xc0 => {
            // The other core waits half as long again after each loss of a segment, without end.
            losses += 1;
            match losses <= MOST_LOSSES {
                true => Fate::Lost,
                false => Fate::After(20),
            }
        }
        0xc0..0xe0 => Fate::After(script.byte().into()),
        0xe0.. => Fate::Twice(20, 20 + u32::from(script.byte())),
    })
    .run();
}

/// Both speak and listen at once.
struct Talk<F> {
    ours: Arq,
    theirs: Kcp<Packets>,
    from_theirs: Packets,
    mine: Text,
    heard: Heard,
    to_say: Vec<u8>,
    their_heard: Vec<u8>,
    /// When it arrives, whether at ours, and the packet.
    under_way: Vec<(u32, bool, Vec<u8>)>,
    fate: F,
}

/// What the path does with a packet, in milliseconds.
enum Fate {
    After(u32),
    Lost,
    Twice(u32, u32),
}

impl<F: FnMut(&[u8]) -> Fate> Talk<F> {
    fn new(mine: usize, yours: usize, fate: F) -> Self {
        let from_theirs = Packets::default();
        let mut theirs = Kcp::new(CONV, from_theirs.clone());
        theirs.set_mtu(1364).expect("a size that it takes");
        theirs.set_nodelay(true, 10, 2, true);
        theirs.set_wndsize(1024, 1024);
        theirs.update(0).expect("a first look");
        Self {
            ours: Arq::new(CONV, 1164, zero()),
            theirs,
            from_theirs,
            mine: Text(text(1, mine), 0),
            heard: Heard(Vec::new()),
            to_say: text(2, yours),
            their_heard: Vec::new(),
            under_way: Vec::new(),
            fate,
        }
    }

    fn run(&mut self) {
        let mut said = 0;
        for ms in 0..60_000 {
            let now = zero() + Duration::from_millis(ms.into());
            while said < self.to_say.len() && self.theirs.wait_snd() < 512 {
                let end = (said + 1000).min(self.to_say.len());
                self.theirs
                    .send(&self.to_say[said..end])
                    .expect("a short message");
                said = end;
            }
            let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.under_way)
                .into_iter()
                .partition(|(at, ..)| *at <= ms);
            self.under_way = rest;
            for (_, at_ours, packet) in due {
                match at_ours {
                    true => self.ours.handle_packet(&packet, &mut self.heard, now),
                    false => drop(self.theirs.input(&packet).expect("our packets are sound")),
                }
            }
            self.theirs.update(ms).expect("a look");
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
        match (self.fate)(&packet) {
            Fate::After(later) => self.under_way.push((ms + later, at_ours, packet)),
            Fate::Lost => {}
            Fate::Twice(first, second) => {
                self.under_way.push((ms + first, at_ours, packet.clone()));
                self.under_way.push((ms + second, at_ours, packet));
            }
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

fn text(kind: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at >> 5) as u8 ^ kind).collect()
}

/// The other core counts milliseconds from here.
fn zero() -> Instant {
    use std::sync::OnceLock;
    static ZERO: OnceLock<Instant> = OnceLock::new();
    *ZERO.get_or_init(Instant::now)
}

const CONV: u32 = 0x1234_5678;

/// Of one talk: 30 ms, and half as much again so many times, are a few seconds.
const MOST_LOSSES: u32 = 12;

#[cfg(test)]
mod tests {
    use super::{Fate, Talk};

    #[test]
    fn our_core_and_another_one_understand_each_other_both_ways() {
        for seed in 0..20 {
            talk(seed, 0.0);
        }
    }

    #[test]
    fn our_core_and_another_one_lose_nothing_when_every_fifth_packet_is_lost() {
        for seed in 0..20 {
            talk(seed, 0.2);
        }
    }

    /// Over a path of 20 ms each way.
    fn talk(seed: u64, loss: f64) {
        let mut random = seed;
        Talk::new(200_000, 200_000, |_| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            match (random >> 40) as f64 / f64::from(1 << 24) >= loss {
                true => Fate::After(20),
                false => Fate::Lost,
            }
        })
        .run();
    }
}
