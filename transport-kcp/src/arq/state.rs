//! One conversation: packets in, packets out, and when to come back.

use std::time::{Duration, Instant};

use super::receiver::Receiver;
use super::segment::{Command, HEADER, Header, take};
use super::sender::{Acked, Outcome, Sender};
use crate::oddity::{Oddities, Oddity};

/// Who takes what arrives, in its order.
pub(crate) trait Sink {
    /// Whether another segment can be taken.
    fn has_room(&self) -> bool;

    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]);
}

/// Who has something to send.
pub(crate) trait Source {
    /// Whether [`Self::fill`] would give anything.
    fn has_any(&self) -> bool;

    /// Appends at most `room` bytes, the most urgent ones.
    fn fill(&mut self, room: usize, out: &mut Vec<u8>);
}

/// What a packet holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// It carries data, and is not one of many.
    pub(crate) precious: bool,
    /// It carries a segment that was lost again and again, for which all that came behind it waits.
    pub(crate) overdue: bool,
}

/// The state of one conversation.
#[derive(Debug)]
pub(crate) struct Arq {
    conv: u32,
    /// The largest packet, without any framing.
    mtu: usize,
    /// Where the clock of the timestamps begins.
    zero: Instant,
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
    /// The peer asked for the window.
    asked: bool,
    /// When the peer is asked for its window, and how long to wait then.
    ask: Option<(Instant, Duration)>,
    oddities: Oddities,
}

impl Arq {
    /// A conversation of packets of at most `mtu` bytes.
    pub(crate) fn new(conv: u32, mtu: usize, now: Instant) -> Self {
        Self {
            conv,
            mtu,
            zero: now,
            sender: Sender::new(mtu - HEADER, now),
            receiver: Receiver::new(),
            asked: false,
            ask: None,
            oddities: Oddities::default(),
        }
    }

    /// The same where so many segments have come and gone in each direction.
    #[cfg(test)]
    pub(super) fn starting_at(self, sn: u32) -> Self {
        Self {
            sender: self.sender.starting_at(sn),
            receiver: self.receiver.starting_at(sn),
            ..self
        }
    }

    /// The conversation's number.
    pub(crate) fn conv(&self) -> u32 {
        self.conv
    }

    /// The smoothed round trip time.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.sender.rtt()
    }

    /// What became of segments since the last call.
    pub(crate) fn take_outcome(&mut self) -> Outcome {
        self.sender.take_outcome()
    }

    /// How many segments have arrived at the peer, from the first on without a gap.
    pub(crate) fn arrived(&self) -> u64 {
        self.sender.taken()
    }

    /// Whether everything that was sent has arrived.
    pub(crate) fn is_done(&self) -> bool {
        self.sender.is_done()
    }

    /// Whether the peer waits for an acknowledgement.
    pub(crate) fn owes_ack(&self) -> bool {
        self.receiver.has_acks()
    }

    /// Whether the peer is to be told that there is room again.
    pub(crate) fn has_reopened(&self) -> bool {
        self.receiver.has_reopened()
    }

    /// Acknowledges what there is without waiting for something to go with it.
    pub(crate) fn hurry_acks(&mut self, now: Instant) {
        self.receiver.hurry_acks(now);
    }

    /// Takes in the segments of one packet. What is not whole, not known or not of this conversation is
    /// dropped, with what follows it.
    pub(crate) fn handle_packet(&mut self, mut bytes: &[u8], sink: &mut impl Sink, now: Instant) {
        let mut acked = Acked::new(self.ts(now), now);
        while let Some((header, data)) = take(&mut bytes) {
            if header.conv != self.conv {
                break;
            }
            if !self.sender.knows(header.una) {
                self.oddities.tell(Oddity::UnsentAcked);
                break;
            }
            self.sender.handle_window(header.window);
            match header.command {
                Command::Ack => {
                    self.sender.handle_ack(header.sn, header.ts, &mut acked);
                }
                Command::Ask => self.asked = true,
                Command::Push => {
                    let number = (header.sn, header.ts);
                    if !self.receiver.handle_push(number, data, sink, now) {
                        self.oddities.tell(Oddity::BeyondWindow);
                    }
                }
                Command::Tell => {}
            }
            // Last: a segment that it covers has more to tell in its own acknowledgement.
            self.sender.handle_una(header.una, &mut acked);
        }
        self.sender.handle_acked(acked);
        if !self.sender.is_shut() {
            self.ask = None;
        }
    }

    /// The receiver of what arrives has room again.
    pub(crate) fn handle_room(&mut self, sink: &mut impl Sink) {
        self.receiver.hand_on(sink);
    }

    /// The path was dead and is back.
    pub(crate) fn handle_path_back(&mut self) {
        self.sender.handle_path_back();
    }

    /// The clock stood still and runs again, from `now` on.
    pub(crate) fn handle_clock_back(&mut self, now: Instant) {
        self.sender.handle_clock_back(now);
    }

    /// Appends the next packet to `out` and says what it holds; `None` when there is nothing to send now.
    pub(crate) fn poll_packet(
        &mut self,
        source: &mut impl Source,
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Option<Content> {
        let start = out.len();
        let mtu = self.mtu;
        let room = |out: &Vec<u8>| mtu.saturating_sub(out.len() - start);
        self.sender.handle_time(now);
        let has_data = self.sender.may_repeat() || (source.has_any() && self.sender.may_send());
        let ack_due = self.receiver.ack_at().is_some_and(|at| at <= now);
        let tell = self.asked || self.receiver.has_reopened();
        let ask = source.has_any() && self.is_time_to_ask(now);
        if !has_data {
            self.sender.handle_idle(!source.has_any());
        }
        if !(has_data || ack_due || tell || ask) {
            return None;
        }
        let ts = self.ts(now);
        let head = Header {
            conv: self.conv,
            command: Command::Ack,
            window: self.receiver.window(),
            ts,
            sn: 0,
            una: self.receiver.una(),
        };
        if self.receiver.has_acks() {
            let most = room(out) / HEADER;
            self.receiver.take_acks(most, |sn, ts| {
                Header { sn, ts, ..head }.write(0, out);
            });
        }
        self.receiver.handle_told();
        for (wanted, command) in [(tell, Command::Tell), (ask, Command::Ask)] {
            if wanted && room(out) >= HEADER {
                Header { command, ..head }.write(0, out);
            }
        }
        self.asked &= !tell;
        let push = Header {
            command: Command::Push,
            ..head
        };
        let (mut carries, mut overdue) = (false, false);
        while self.sender.may_repeat() && room(out) > HEADER {
            let room = room(out) - HEADER;
            let Some((sn, missed, data)) = self.sender.repeat(room, ts, now) else {
                break;
            };
            overdue |= missed >= OVERDUE;
            Header { sn, ..push }.write(data.len(), out);
            out.extend_from_slice(data);
            carries = true;
        }
        while source.has_any() && self.sender.may_send() && room(out) >= HEADER + LEAST_PUSH {
            let at = out.len();
            let from = at + HEADER;
            out.resize(from, 0);
            source.fill(room(out), out);
            if out.len() == from {
                out.truncate(at);
                break;
            }
            let data = &out[from..];
            let sn = self.sender.send(data, ts, now);
            let header = Header { sn, ..push }.to_bytes(data.len());
            out[at..from].copy_from_slice(&header);
            carries = true;
        }
        self.sender.handle_idle(!source.has_any());
        let few = self.sender.flying() <= FEW * self.mtu && out.len() - start <= SMALL;
        (out.len() > start).then_some(Content {
            precious: carries && few,
            overdue,
        })
    }

    /// When to call [`Self::poll_packet`] again; `None` while only others can change anything.
    pub(crate) fn poll_timeout(&mut self, source: &impl Source) -> Option<Instant> {
        let ask = (source.has_any() && self.sender.is_shut()).then_some(self.ask);
        let ask = ask.flatten().map(|(at, _)| at);
        let pace = self.sender.pace_at(source.has_any());
        [self.sender.timeout(), pace, self.receiver.ack_at(), ask]
            .into_iter()
            .flatten()
            .min()
    }

    /// The clock of timestamps: it wraps after seven weeks.
    fn ts(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.zero).as_millis() as u32
    }

    fn is_time_to_ask(&mut self, now: Instant) -> bool {
        if !self.sender.is_shut() {
            return false;
        }
        let (at, wait) = *self.ask.get_or_insert((now + FIRST_ASK, FIRST_ASK));
        let due = at <= now;
        if due {
            let wait = (wait + wait / 2).min(LAST_ASK);
            self.ask = Some((now + wait, wait));
        }
        due
    }
}

/// A segment that was lost so often, while others arrived, is sent twice at once: of eight thousand on a path that loses one in five, some would be
/// lost five times in a row, a round trip each.
const OVERDUE: u32 = 2;

/// A new segment is not begun in less room than this: it would cost more than it carries.
const LEAST_PUSH: usize = 64;

/// A sender with more than this in flight is about bulk, which is worth no copies.
const FEW: usize = 2;

/// A key, a line, an answer of a few lines.
const SMALL: usize = 512;

/// As KCP.
const FIRST_ASK: Duration = Duration::from_millis(500);

/// A stream that nobody reads for long is asked about at this pace.
const LAST_ASK: Duration = Duration::from_secs(10);
