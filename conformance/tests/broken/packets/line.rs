//! Messages in order, once each, over packets that may be lost, doubled and late. Nothing here reads a clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::Flaw;

/// Both directions, as one side sees them.
pub(super) struct Line {
    flaw: Flaw,
    next: u32,
    /// Messages that are under way.
    sent: BTreeMap<u32, Sent>,
    /// When packets left, by number.
    left_at: BTreeMap<u64, Instant>,
    rtt: Option<Duration>,
    /// How often in a row nothing was heard when something should have been.
    silences: u32,
    losses: u32,
    wanted: u32,
    /// Messages behind one that is missing.
    early: BTreeMap<u32, Vec<u8>>,
    /// The newest packet that came, and is to be acknowledged.
    to_acknowledge: Option<u64>,
}

struct Sent {
    message: Vec<u8>,
    /// `None` when it is to go out at once.
    at: Option<Instant>,
    /// So many that were sent later have arrived.
    overtaken: u32,
    forgotten: bool,
}

impl Line {
    pub(super) fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            next: 0,
            sent: BTreeMap::new(),
            left_at: BTreeMap::new(),
            rtt: None,
            silences: 0,
            losses: 0,
            wanted: 0,
            early: BTreeMap::new(),
            to_acknowledge: None,
        }
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    pub(super) fn has_room(&self) -> bool {
        let window = match self.flaw {
            Flaw::OneAtATime => 1,
            _ => WINDOW,
        };
        self.sent.len() < window
    }

    pub(super) fn all_arrived(&self) -> bool {
        self.sent.is_empty()
    }

    /// Takes a message: ask [`Self::has_room`] before.
    pub(super) fn handle_message(&mut self, message: Vec<u8>) {
        let sent = Sent {
            message,
            at: None,
            overtaken: 0,
            forgotten: false,
        };
        self.sent.insert(self.next, sent);
        self.next += 1;
    }

    /// The path is another one.
    pub(super) fn handle_move(&mut self) {
        for sent in self.sent.values_mut() {
            sent.forgotten = sent.at.is_some();
        }
    }

    /// Takes in a packet; what can be handed up goes to `up`. `None` when it is no packet of a line.
    pub(super) fn handle_body(
        &mut self,
        number: u64,
        body: &[u8],
        again: bool,
        now: Instant,
        up: &mut VecDeque<Vec<u8>>,
    ) -> Option<()> {
        let (head, body) = body.split_first_chunk::<ACKNOWLEDGEMENT>()?;
        self.handle_acknowledgement(head, now)?;
        let Some((seq, message)) = body.split_first_chunk() else {
            return Some(());
        };
        let seq = u32::from_be_bytes(*seq);
        self.to_acknowledge = Some(number);
        if again {
            if self.flaw == Flaw::TakesDoublesTwice {
                up.push_back(message.to_vec());
            }
            return Some(());
        }
        if seq < self.wanted || seq - self.wanted >= 64 || self.early.contains_key(&seq) {
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

    fn handle_acknowledgement(&mut self, head: &[u8; ACKNOWLEDGEMENT], now: Instant) -> Option<()> {
        let wanted = u32::from_be_bytes(*head.first_chunk()?);
        let early = u64::from_be_bytes(*head[4..].first_chunk()?);
        let newest = u64::from_be_bytes(*head.last_chunk()?);
        let before = self.sent.len();
        let has =
            |seq: u32| seq < wanted || (seq - wanted < 64 && early >> (seq - wanted) & 1 == 1);
        let highest = self.sent.keys().rev().copied().find(|seq| has(*seq));
        self.sent.retain(|seq, _| !has(*seq));
        if let Some(left) = self.left_at.remove(&newest) {
            let sample = now.saturating_duration_since(left);
            // A packet that waited for another path tells nothing of the new one.
            let usual = |rtt: &Duration| sample < 2 * *rtt + Duration::from_millis(20);
            let smoothed = |rtt: Duration| (7 * rtt + sample) / 8;
            match self.rtt {
                Some(rtt) if usual(&rtt) => self.rtt = Some(smoothed(rtt)),
                Some(_) => {}
                None => self.rtt = Some(sample),
            }
        }
        if self.sent.len() == before {
            return Some(());
        }
        self.silences = 0;
        for (seq, sent) in &mut self.sent {
            if highest.is_some_and(|highest| *seq < highest) && sent.at.is_some() {
                sent.overtaken += 1;
                if sent.overtaken == OVERTAKEN {
                    self.losses += 1;
                    sent.at = None;
                }
            }
        }
        Some(())
    }

    /// The body of the next packet that is to go out at `now`.
    pub(super) fn poll_body(&mut self, now: Instant) -> Option<Vec<u8>> {
        let due = self
            .sent
            .iter()
            .find(|(_, sent)| {
                !sent.forgotten && sent.at.is_none_or(|at| at + self.patience() <= now)
            })
            .map(|(seq, sent)| (*seq, sent.at.is_some()));
        if due.is_none() && self.to_acknowledge.is_none() {
            return None;
        }
        let mut body = self.wanted.to_be_bytes().to_vec();
        let early = self.early.keys().map(|seq| 1u64 << (seq - self.wanted));
        body.extend_from_slice(&early.sum::<u64>().to_be_bytes());
        let newest = self.to_acknowledge.take().unwrap_or_default();
        body.extend_from_slice(&newest.to_be_bytes());
        if let Some((seq, silent)) = due {
            if silent {
                // One packet finds out whether somebody is there; the others wait for it.
                self.losses += 1;
                self.silences += 1;
                for sent in self.sent.values_mut() {
                    sent.at = sent.at.map(|_| now);
                }
            }
            let sent = self.sent.get_mut(&seq)?;
            sent.at = Some(now);
            sent.overtaken = 0;
            body.extend_from_slice(&seq.to_be_bytes());
            body.extend_from_slice(&sent.message);
        }
        Some(body)
    }

    /// A packet left.
    pub(super) fn handle_left(&mut self, number: u64, now: Instant) {
        self.left_at.insert(number, now);
        while self.left_at.len() > 4 * WINDOW {
            self.left_at.pop_first();
        }
    }

    /// When something is to go out that waits for time.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let waiting = self.sent.values().filter(|sent| !sent.forgotten);
        let first = waiting.filter_map(|sent| sent.at).min()?;
        Some(first + self.patience())
    }

    /// More was lost than it puts up with.
    pub(super) fn gives_up(&self) -> bool {
        self.flaw == Flaw::GivesUpAfterLosses && self.losses >= MOST_LOSSES
    }

    /// How long an acknowledgement is waited for.
    fn patience(&self) -> Duration {
        let once = 2 * self.rtt.unwrap_or(FIRST_RTT) + Duration::from_millis(20);
        (once * (1 << self.silences.min(6))).min(LONGEST.max(once))
    }
}

/// What comes next, what came before its turn, and the newest packet.
const ACKNOWLEDGEMENT: usize = 20;

/// Messages under way: they fill a path of 250 kB/s and 40 ms, and overflow no queue of the suite.
const WINDOW: usize = 20;

/// As in RFC 9002: whoever was overtaken so often is lost.
const OVERTAKEN: u32 = 3;

const FIRST_RTT: Duration = Duration::from_millis(100);

const LONGEST: Duration = Duration::from_secs(2);

/// Losses that the flawed one bears.
const MOST_LOSSES: u32 = 24;
