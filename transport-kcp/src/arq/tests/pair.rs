//! Two conversations and a path between them, moment by moment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::arq::{Arq, Sink, Source};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Far,
    Near,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    Late,
    Lost,
    Twice,
}

pub(super) struct Text(pub(super) VecDeque<u8>);

impl Text {
    pub(super) fn extend(&mut self, bytes: impl IntoIterator<Item = u8>) {
        self.0.extend(bytes);
    }
}

impl Source for Text {
    fn has_any(&self) -> bool {
        !self.0.is_empty()
    }

    fn fill(&mut self, room: usize, out: &mut Vec<u8>) {
        let count = room.min(self.0.len());
        out.extend(self.0.drain(..count));
    }
}

/// What arrived, and whether there is room for more.
pub(super) struct Heard(pub(super) Vec<u8>, pub(super) bool);

impl Sink for Heard {
    fn has_room(&self) -> bool {
        self.1
    }

    fn take(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

pub(super) struct End {
    pub(super) arq: Arq,
    pub(super) text: Text,
    pub(super) heard: Heard,
    pub(super) heard_at: Option<Instant>,
    pub(super) room: bool,
    pub(super) inbox: VecDeque<(Instant, Vec<u8>)>,
}

impl End {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            arq: Arq::new(7, 1200, now),
            text: Text(VecDeque::new()),
            heard: Heard(Vec::new(), true),
            heard_at: None,
            room: true,
            inbox: VecDeque::new(),
        }
    }

    pub(super) fn starting_at(self, sn: u32) -> Self {
        Self {
            arq: self.arq.starting_at(sn),
            ..self
        }
    }

    pub(super) fn timeout(&mut self) -> Option<Instant> {
        self.arq.poll_timeout(&self.text)
    }
}

/// Two ends and a path of 20 ms each way, moment by moment.
pub(super) struct Pair {
    pub(super) near: End,
    pub(super) far: End,
    pub(super) now: Instant,
}

impl Pair {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            near: End::new(now),
            far: End::new(now),
            now,
        }
    }

    /// Two that have come so far without a loss.
    pub(super) fn starting_at(sn: u32) -> Self {
        let new = Self::new();
        Self {
            near: new.near.starting_at(sn),
            far: new.far.starting_at(sn),
            ..new
        }
    }

    /// Runs until nothing happens any more; returns all that the far end has heard.
    pub(super) fn run(&mut self, mut fate: impl FnMut(Side, Instant) -> Fate) -> Vec<u8> {
        for _ in 0..200_000 {
            if !self.step(&mut fate) {
                return self.far.heard.0.clone();
            }
        }
        panic!("it never ends");
    }

    /// One moment, and the way to the next; `false` when there is none.
    pub(super) fn step(&mut self, fate: &mut impl FnMut(Side, Instant) -> Fate) -> bool {
        let now = self.now;
        for side in [Side::Near, Side::Far] {
            let (this, peer) = match side {
                Side::Near => (&mut self.near, &mut self.far),
                Side::Far => (&mut self.far, &mut self.near),
            };
            this.heard.1 = this.room;
            let before = this.heard.0.len();
            let due: Vec<_> = this.inbox.iter().map(|(at, _)| *at <= now).collect();
            let mut rest = VecDeque::new();
            for (due, (at, packet)) in due.into_iter().zip(this.inbox.drain(..)) {
                match due {
                    true => this.arq.handle_packet(&packet, &mut this.heard, now),
                    false => rest.push_back((at, packet)),
                }
            }
            this.inbox = rest;
            if this.heard.0.len() > before {
                this.heard_at = Some(now);
            }
            let mut out = Vec::new();
            while this
                .arq
                .poll_packet(&mut this.text, &mut out, now)
                .is_some()
            {
                let packet = std::mem::take(&mut out);
                assert!(packet.len() <= 1200);
                match fate(side, now) {
                    Fate::Arrives => peer.inbox.push_back((now + WAY, packet)),
                    Fate::Late => peer.inbox.push_back((now + 2 * WAY, packet)),
                    Fate::Lost => {}
                    Fate::Twice => {
                        peer.inbox.push_back((now + WAY, packet.clone()));
                        peer.inbox.push_back((now + 3 * WAY, packet));
                    }
                }
            }
        }
        let timeouts = [self.near.timeout(), self.far.timeout()];
        let packets = self.near.inbox.iter().chain(&self.far.inbox);
        let arrivals = packets.map(|(at, _)| *at);
        let next = timeouts.into_iter().flatten().chain(arrivals).min();
        let Some(next) = next else { return false };
        self.now = next.max(now + Duration::from_micros(100));
        true
    }
}

pub(super) const WAY: Duration = Duration::from_millis(20);
