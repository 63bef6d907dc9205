//! Messages in order, once each, over packets that may be lost, doubled and late. Nothing here reads a clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use tssh_core::congestion::Congestion;

use super::Flaw;

/// Both directions, as one side sees them.
pub(super) struct Line {
    flaw: Flaw,
    next: u32,
    /// Messages that are under way.
    sent: BTreeMap<u32, Sent>,
    /// Those of them that are to go out at once.
    due: BTreeSet<u32>,
    /// Of those, the one that asks whether somebody is there: it waits for no window.
    probe: Option<u32>,
    /// Packets with messages that were not acknowledged, by their order: when each left, and with which message.
    left: BTreeMap<u64, (Instant, u32)>,
    next_order: u64,
    newest_arrived: u64,
    in_flight: u64,
    /// There was room, and nothing to send.
    limited: bool,
    congestion: Option<Congestion>,
    /// The window of the flawed one, which each loss halves.
    halved: u64,
    rtt: Option<Duration>,
    /// When a message left last, or arrived.
    since: Option<Instant>,
    /// How often in a row nothing was heard when something should have been.
    silences: u32,
    losses: u32,
    told: Delivery,
    wanted: u32,
    /// Messages behind one that is missing.
    early: BTreeMap<u32, Vec<u8>>,
    /// The newest packet that came, and is to be acknowledged.
    to_acknowledge: Option<u64>,
}

struct Sent {
    message: Vec<u8>,
    /// The packet in which it is under way, and when that left.
    packet: Option<(u64, Instant)>,
    forgotten: bool,
}

/// Packets with messages that arrived, and that were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) arrived: u64,
    pub(super) lost: u64,
}

impl Line {
    pub(super) fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            next: 0,
            sent: BTreeMap::new(),
            due: BTreeSet::new(),
            probe: None,
            left: BTreeMap::new(),
            next_order: 1,
            newest_arrived: 0,
            in_flight: 0,
            limited: true,
            congestion: None,
            halved: FIRST,
            rtt: None,
            since: None,
            silences: 0,
            losses: 0,
            told: Delivery::default(),
            wanted: 0,
            early: BTreeMap::new(),
            to_acknowledge: None,
        }
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Whether one more message may be under way.
    pub(super) fn has_room(&self) -> bool {
        let first = self.sent.keys().next().copied().unwrap_or(self.next);
        match self.flaw {
            Flaw::OneAtATime => self.sent.is_empty(),
            _ => self.due.is_empty() && self.next - first < SPAN && self.fits(LARGEST_MESSAGE),
        }
    }

    fn fits(&self, bytes: u64) -> bool {
        let window = match self.flaw {
            Flaw::FillsTheQueue => TOO_MUCH,
            Flaw::TakesLossForCongestion => self.halved,
            _ => self.congestion.as_ref().map_or(FIRST, Congestion::window),
        };
        self.in_flight + bytes <= window
    }

    fn bytes_of(&self, seq: u32) -> u64 {
        self.sent
            .get(&seq)
            .map_or(0, |sent| sent.message.len() as u64)
    }

    pub(super) fn all_arrived(&self) -> bool {
        self.sent.is_empty()
    }

    /// Takes a message: ask [`Self::has_room`] before.
    pub(super) fn handle_message(&mut self, message: Vec<u8>) {
        let sent = Sent {
            message,
            packet: None,
            forgotten: false,
        };
        self.sent.insert(self.next, sent);
        self.due.insert(self.next);
        self.next += 1;
    }

    /// All messages were taken, or there is no room for more.
    pub(super) fn handle_filled(&mut self, limited: bool) {
        self.limited = limited;
    }

    /// What is under way is not sent again.
    pub(super) fn forget(&mut self) {
        for sent in self.sent.values_mut().filter(|sent| !sent.forgotten) {
            sent.forgotten = sent.packet.is_some();
        }
    }

    /// Takes in a packet; what can be handed up goes to `up`. `None` when it is no packet of a line.
    pub(super) fn handle_body(
        &mut self,
        body: &[u8],
        again: bool,
        now: Instant,
        up: &mut VecDeque<Vec<u8>>,
    ) -> Option<()> {
        let waits = again || self.flaw == Flaw::BacksOffInTheDark;
        if !waits && std::mem::take(&mut self.silences) > 0 {
            // Who is heard again is told at once what it may lack.
            self.ask(now);
        }
        let body = self.handle_acknowledgement(body, now)?;
        let Some((order, body)) = body.split_first_chunk() else {
            return Some(());
        };
        let (seq, message) = body.split_first_chunk()?;
        let seq = u32::from_be_bytes(*seq);
        self.to_acknowledge = Some(u64::from_be_bytes(*order));
        if again {
            if self.flaw == Flaw::TakesDoublesTwice {
                up.push_back(message.to_vec());
            }
            return Some(());
        }
        if seq < self.wanted || seq - self.wanted >= SPAN || self.early.contains_key(&seq) {
            return Some(());
        }
        if self.flaw == Flaw::DeliversAsItComes {
            up.push_back(message.to_vec());
        }
        self.early.insert(seq, message.to_vec());
        while let Some(message) = self.early.remove(&self.wanted) {
            self.wanted += 1;
            if self.flaw != Flaw::DeliversAsItComes {
                up.push_back(message);
            }
        }
        Some(())
    }

    /// Takes in what the peer has; returns what stands behind it.
    fn handle_acknowledgement<'a>(&mut self, body: &'a [u8], now: Instant) -> Option<&'a [u8]> {
        let (wanted, body) = body.split_first_chunk()?;
        let (newest, body) = body.split_first_chunk()?;
        let (length, body) = body.split_first()?;
        let (bits, body) = body.split_at_checked((*length).into())?;
        let wanted = u32::from_be_bytes(*wanted);
        let newest = u64::from_be_bytes(*newest);
        if let Some((left, _)) = self.left.remove(&newest) {
            self.told.arrived += 1;
            self.handle_sample(now.saturating_duration_since(left));
        }
        self.newest_arrived = self.newest_arrived.max(newest);
        let before = self.sent.len();
        while let Some(first) = self.sent.keys().next().filter(|seq| **seq < wanted) {
            self.handle_arrived(*first, now);
        }
        let early = |seq: &u32| {
            let at = (seq - wanted) as usize;
            bits[at / 8] >> (at % 8) & 1 == 1
        };
        let end = wanted.saturating_add(8 * bits.len() as u32);
        let missing = self.sent.range(wanted..end).map(|(seq, _)| *seq);
        for seq in missing.filter(early).collect::<Vec<_>>() {
            self.handle_arrived(seq, now);
        }
        if self.sent.len() != before {
            self.since = Some(now);
        }
        self.handle_losses(now);
        let (in_flight, limited) = (self.in_flight, self.limited);
        self.congestion(now)
            .handle_acks_end(in_flight, limited, now);
        Some(body)
    }

    fn handle_sample(&mut self, sample: Duration) {
        // A packet that waited for another path tells nothing of the new one.
        let usual = |rtt: &Duration| sample < 2 * *rtt + Duration::from_millis(20);
        match self.rtt {
            Some(rtt) if usual(&rtt) => self.rtt = Some((7 * rtt + sample) / 8),
            Some(_) => {}
            None => self.rtt = Some(sample),
        }
    }

    fn handle_arrived(&mut self, seq: u32, now: Instant) {
        let Some(sent) = self.sent.remove(&seq) else {
            return;
        };
        self.due.remove(&seq);
        if let Some((order, at)) = sent.packet {
            let bytes = sent.message.len() as u64;
            self.in_flight -= bytes;
            self.told.arrived += u64::from(self.left.remove(&order).is_some());
            self.halved += LARGEST_MESSAGE * bytes / self.halved;
            self.congestion(now).handle_acked(at, bytes, now);
        }
    }

    /// As in RFC 9002: what was overtaken by three packets, or by one long ago, is lost.
    fn handle_losses(&mut self, now: Instant) {
        let late = self.rtt.unwrap_or(FIRST_RTT) * 9 / 8;
        while let Some((order, (at, seq))) = self.left.first_key_value() {
            let (order, at, seq) = (*order, *at, *seq);
            let lost = order + OVERTAKEN <= self.newest_arrived || at + late <= now;
            if order >= self.newest_arrived || !lost {
                return;
            }
            self.left.pop_first();
            self.told.lost += 1;
            self.losses += 1;
            self.halved = (self.halved / 2).max(FIRST / 5);
            let sent = self.sent.get_mut(&seq);
            let Some(sent) = sent.filter(|sent| sent.packet == Some((order, at))) else {
                continue;
            };
            let bytes = sent.message.len() as u64;
            if !sent.forgotten {
                sent.packet = None;
                self.due.insert(seq);
                self.in_flight -= bytes;
            }
            self.congestion(now).handle_lost(at, bytes, now);
        }
    }

    /// Sends the oldest message again.
    fn ask(&mut self, now: Instant) {
        let waiting = |(_, sent): &(&u32, &mut Sent)| !sent.forgotten && sent.packet.is_some();
        if let Some((seq, sent)) = self.sent.iter_mut().find(waiting) {
            sent.packet = None;
            self.in_flight -= sent.message.len() as u64;
            self.due.insert(*seq);
            self.probe = Some(*seq);
        }
        self.since = Some(now);
    }

    /// The body of the next packet that is to go out at `now`.
    pub(super) fn poll_body(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.losses += 1;
            self.silences += 1;
            if self.silences == BLACKOUT {
                self.congestion(now).handle_blackout(now);
            }
            self.ask(now);
        }
        let probe = self.probe.take().filter(|seq| self.due.contains(seq));
        let due = probe.or_else(|| {
            let first = self.due.first().copied();
            first.filter(|seq| self.in_flight == 0 || self.fits(self.bytes_of(*seq)))
        });
        if due.is_none() && self.to_acknowledge.is_none() {
            return None;
        }
        let mut body = self.wanted.to_be_bytes().to_vec();
        let newest = self.to_acknowledge.take().unwrap_or_default();
        body.extend_from_slice(&newest.to_be_bytes());
        let most = self.early.keys().next_back();
        let bits = most.map_or(0, |most| (most - self.wanted) as usize / 8 + 1);
        body.push(bits as u8);
        let first = body.len();
        body.resize(first + bits, 0);
        for early in self.early.keys().map(|seq| (seq - self.wanted) as usize) {
            body[first + early / 8] |= 1 << (early % 8);
        }
        if let Some(seq) = due {
            self.due.remove(&seq);
            self.since = Some(now);
            let sent = self.sent.get_mut(&seq)?;
            let bytes = sent.message.len() as u64;
            body.extend_from_slice(&self.next_order.to_be_bytes());
            body.extend_from_slice(&seq.to_be_bytes());
            body.extend_from_slice(&sent.message);
            sent.packet = Some((self.next_order, now));
            self.left.insert(self.next_order, (now, seq));
            self.next_order += 1;
            self.in_flight += bytes;
            self.congestion(now).handle_sent(bytes, now);
        }
        Some(body)
    }

    /// When something is to go out that waits for time.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let waits = |sent: &Sent| !sent.forgotten && sent.packet.is_some();
        let first = self.in_flight > 0 && self.sent.values().any(waits);
        first.then_some(self.since? + self.patience())
    }

    /// What became of packets since the last call.
    pub(super) fn take_delivery(&mut self) -> Delivery {
        std::mem::take(&mut self.told)
    }

    /// More was lost than it puts up with.
    pub(super) fn gives_up(&self) -> bool {
        match self.flaw {
            Flaw::GivesUpAfterLosses => self.losses >= MOST_LOSSES,
            Flaw::GivesUpAtGaps => self.early.len() >= MOST_EARLY,
            _ => false,
        }
    }

    fn congestion(&mut self, now: Instant) -> &mut Congestion {
        let new = || Congestion::new(LARGEST_MESSAGE as u16, now);
        self.congestion.get_or_insert_with(new)
    }

    /// How long an acknowledgement is waited for.
    fn patience(&self) -> Duration {
        let once = self.rtt.unwrap_or(FIRST_RTT) * 5 / 4 + Duration::from_millis(25);
        if self.flaw == Flaw::BacksOffInTheDark {
            return once * (1 << self.silences.min(16));
        }
        (once * (1 << self.silences.min(6))).min(LONGEST.max(once))
    }
}

/// A message: its word, its stream, and as many bytes that a packet passes with all that stands around them wherever the
/// suite lets packets pass.
pub(super) const LARGEST_MESSAGE: u64 = 1085;

/// In bytes, before anything is known of the path.
const FIRST: u64 = 10 * LARGEST_MESSAGE;

/// Messages between the oldest and the newest under way: as many as an acknowledgement has bits for.
const SPAN: u32 = 1024;

/// As in RFC 9002: whoever was overtaken so often is lost.
const OVERTAKEN: u64 = 3;

const FIRST_RTT: Duration = Duration::from_millis(100);

const LONGEST: Duration = Duration::from_secs(2);

/// After so many silences the path may be another one.
const BLACKOUT: u32 = 3;

/// What the flawed one has under way: as much as a path of 20 Mbit/s and 100 ms takes, and most of its queue.
const TOO_MUCH: u64 = 430 * LARGEST_MESSAGE;

/// Losses that the flawed one bears.
const MOST_LOSSES: u32 = 8;

/// Messages behind one that is missing, which the flawed one bears.
const MOST_EARLY: usize = 400;
