//! What was sent: in flight, lost, acknowledged.
//!
//! | want to change…                       | look in   |
//! |---------------------------------------|-----------|
//! | what is sent, and what an answer does | `mod.rs`  |
//! | when a segment counts as lost         | `loss.rs` |
//! | what a packet of answers comes to     | `acked.rs`|
//! | where the bytes of segments are kept  | `kept.rs` |

mod acked;
mod kept;
mod loss;

pub(in crate::arq) use acked::Acked;
pub(crate) use loss::Outcome;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tssh_core::congestion::Congestion;

use self::kept::{Kept, Place};
use crate::arq::pace::Pace;
use crate::arq::rtt::Rtt;
use crate::arq::segment::{HEADER, ahead};

/// The sending side of one conversation.
#[derive(Debug)]
pub(in crate::arq) struct Sender {
    /// The number of the first segment in `sent`.
    pub(in crate::arq) una: u32,
    /// How many segments came before it: a number that does not wrap.
    taken: u64,
    /// Segments that were sent and may be sent again. At most [`SEND_WINDOW`].
    pub(in crate::arq) sent: VecDeque<Segment>,
    /// Transmissions in their order. Those that were overtaken by another of the same segment, or
    /// acknowledged, are skipped. No more than go out before the first of them times out.
    pub(in crate::arq) flights: VecDeque<Flight>,
    /// The bytes of those in `sent`.
    pub(in crate::arq) kept: Kept,
    /// The number of the next transmission.
    order: u64,
    /// The latest transmission that is known to have arrived.
    arrived: u64,
    /// Transmissions may overtake so many others without these being lost.
    disorder: u64,
    /// Bytes in flight.
    flying: usize,
    /// Segments that are lost and not yet sent again.
    lost: usize,
    /// No segment before this number is lost.
    lost_from: u32,
    /// Bytes that may be in flight whatever the window says, until something is heard: what was in flight
    /// when the path died, and a little that is new.
    amnesty: u64,
    /// So many lost segments go whatever the window says.
    credit: usize,
    /// How many segments the peer takes.
    peer_window: u32,
    rtt: Rtt,
    congestion: Congestion,
    /// Bytes that may be in flight as far as the beginning shows.
    ramp: u64,
    pace: Pace,
    /// Timeouts in a row without an answer.
    timeouts: u32,
    timed_out_at: Option<Instant>,
    /// There was nothing more to send although there was room.
    idle: bool,
    outcome: Outcome,
}

#[derive(Debug)]
pub(in crate::arq) struct Segment {
    place: Place,
    fate: Fate,
    /// The transmission's number, its time, and how many there were.
    order: u64,
    sent_at: Instant,
    ts: u32,
    times: u32,
    /// How often others arrived that left later.
    missed: u32,
    first_at: Instant,
    /// When it was sent is not known for sure.
    vague: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    Flying,
    Lost,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::arq) struct Flight {
    order: u64,
    sn: u32,
}

impl Segment {
    /// Its bytes and those of its header.
    fn len(&self) -> usize {
        self.place.len() + HEADER
    }

    /// When the transmission left that arrived, as `ts` tells; `None` when nobody can know.
    fn left_at(&self, ts: Option<u32>, acked: &Acked) -> Option<Instant> {
        if self.vague {
            return None;
        }
        if self.times == 1 || ts == Some(self.ts) {
            return Some(self.sent_at);
        }
        let age = u64::try_from(ahead(ts?, acked.ts)).ok()?;
        let left_at = acked.now.checked_sub(Duration::from_millis(age))?;
        // A peer may say anything.
        (left_at + ROUNDING >= self.first_at).then_some(left_at)
    }
}

impl Sender {
    pub(in crate::arq) fn new(mss: usize, now: Instant) -> Self {
        let packet = u16::try_from(mss + HEADER).unwrap_or(u16::MAX);
        Self {
            una: 0,
            taken: 0,
            sent: VecDeque::new(),
            flights: VecDeque::new(),
            kept: Kept::new(mss),
            order: 0,
            arrived: 0,
            disorder: DISORDER,
            flying: 0,
            lost: 0,
            lost_from: 0,
            amnesty: 0,
            credit: 0,
            peer_window: PEER_WINDOW,
            rtt: Rtt::default(),
            congestion: Congestion::new(packet, now),
            ramp: FIRST_BURST * u64::from(packet),
            pace: Pace::new(mss, now),
            timeouts: 0,
            timed_out_at: None,
            idle: true,
            outcome: Outcome::default(),
        }
    }

    /// The smoothed round trip time.
    pub(in crate::arq) fn rtt(&self) -> Option<Duration> {
        self.rtt.smoothed()
    }

    /// Bytes in flight.
    pub(in crate::arq) fn flying(&self) -> usize {
        self.flying
    }

    /// The same as if so many segments had come and gone, and none of them had been lost.
    #[cfg(test)]
    pub(in crate::arq) fn starting_at(self, una: u32) -> Self {
        Self { una, ..self }
    }

    /// How many segments have arrived, from the first on without a gap.
    pub(in crate::arq) fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether everything that was sent has arrived.
    pub(in crate::arq) fn is_done(&self) -> bool {
        self.sent.is_empty()
    }

    /// Whether the peer takes nothing at all, and must be asked until it does.
    pub(in crate::arq) fn is_shut(&self) -> bool {
        self.peer_window == 0
    }

    /// What the peer says that it can take.
    pub(in crate::arq) fn handle_window(&mut self, window: u16) {
        self.peer_window = window.into();
    }

    /// Whether `una` and `sn` of the peer can be meant for what was sent.
    pub(in crate::arq) fn knows(&self, una: u32) -> bool {
        ahead(self.una, una) <= self.sent.len() as i32
    }

    /// Everything before `una` has arrived.
    pub(in crate::arq) fn handle_una(&mut self, una: u32, acked: &mut Acked) {
        while ahead(self.una, una) > 0 && !self.sent.is_empty() {
            self.acknowledge(0, None, acked);
            self.let_go_first();
        }
    }

    /// Segment `sn` has arrived, sent when the clock was at `ts`.
    pub(in crate::arq) fn handle_ack(&mut self, sn: u32, ts: u32, acked: &mut Acked) {
        if let Ok(at) = usize::try_from(ahead(self.una, sn)) {
            self.acknowledge(at, Some(ts), acked);
        }
        while let Some(Segment {
            fate: Fate::Acknowledged,
            ..
        }) = self.sent.front()
        {
            self.let_go_first();
        }
    }

    fn let_go_first(&mut self) {
        if let Some(segment) = self.sent.pop_front() {
            self.kept.give_back(segment.place);
        }
        self.una = self.una.wrapping_add(1);
        self.taken += 1;
        // Numbers can be compared only as long as they are near one another.
        if ahead(self.lost_from, self.una) > 0 {
            self.lost_from = self.una;
        }
    }

    /// The end of one packet of acknowledgements: looks what it says of the path, and of what is lost.
    pub(in crate::arq) fn handle_acked(&mut self, acked: Acked) {
        let Acked { now, bytes, .. } = acked;
        if bytes == 0 {
            return;
        }
        self.timeouts = 0;
        self.timed_out_at = None;
        self.credit = 0;
        self.amnesty = 0;
        self.ramp = self.ramp.saturating_add(bytes as u64);
        self.arrived = self.arrived.max(acked.order);
        if let Some(left_at) = acked.left_at {
            self.rtt
                .handle_sample(now.saturating_duration_since(left_at));
        }
        self.find_lost(now);
        self.congestion
            .handle_acks_end(self.flying as u64, self.idle, now);
    }

    fn acknowledge(&mut self, at: usize, ts: Option<u32>, acked: &mut Acked) {
        let Some(segment) = self.sent.get_mut(at) else {
            return;
        };
        let len = segment.len();
        match segment.fate {
            Fate::Acknowledged => return,
            Fate::Flying => self.flying -= len,
            Fate::Lost => self.lost -= 1,
        }
        self.outcome.arrived += 1;
        let is_latest = segment.times == 1 || ts == Some(segment.ts);
        if ts.is_some() && (segment.fate == Fate::Lost || !is_latest) {
            // It was only late. On such a path more may be.
            self.disorder = (2 * self.disorder).min(MOST_DISORDER);
        }
        segment.fate = Fate::Acknowledged;
        acked.bytes += len;
        if is_latest && !segment.vague {
            acked.order = acked.order.max(segment.order);
        }
        if let Some(left_at) = segment.left_at(ts, acked) {
            self.congestion.handle_acked(left_at, len as u64, acked.now);
            // `una` says that it came, and not when.
            acked.left_at = acked.left_at.max(ts.map(|_| left_at));
        }
    }

    /// Whether a lost segment may be sent again now.
    pub(in crate::arq) fn may_repeat(&self) -> bool {
        self.lost > 0 && (self.credit > 0 || self.has_room() && self.is_in_pace())
    }

    /// Whether a new segment may be sent now.
    pub(in crate::arq) fn may_send(&self) -> bool {
        let taken = self.peer_window.min(SEND_WINDOW);
        let taken = (self.sent.len() as u32) < taken;
        self.lost == 0 && taken && self.has_room() && self.is_in_pace()
    }

    /// When something may be sent that waits for nothing but its pace.
    pub(in crate::arq) fn pace_at(&self, has_more: bool) -> Option<Instant> {
        let waits = (self.lost > 0 || has_more) && self.has_room() && !self.is_in_pace();
        waits.then(|| self.pace.next(&self.congestion, self.amnesty))
    }

    /// Looks how much of the pace is due at `now`.
    pub(in crate::arq) fn handle_time(&mut self, now: Instant) {
        self.pace.handle_time(&self.congestion, self.amnesty, now);
        self.handle_timeout(now);
    }

    fn has_room(&self) -> bool {
        (self.flying as u64) < self.congestion.window().min(self.ramp).max(self.amnesty)
    }

    fn is_in_pace(&self) -> bool {
        self.pace.permits()
    }

    /// Whether there was nothing more to send although there was room.
    pub(in crate::arq) fn handle_idle(&mut self, idle: bool) {
        self.idle = idle && self.lost == 0 && self.has_room();
    }

    /// The first lost segment, if it has at most `room` bytes: its number, how often others overtook it, and its bytes. It flies from
    /// now on.
    pub(in crate::arq) fn repeat(
        &mut self,
        room: usize,
        ts: u32,
        now: Instant,
    ) -> Option<(u32, u32, &[u8])> {
        let from = usize::try_from(ahead(self.una, self.lost_from)).unwrap_or(0);
        let mut behind = self.sent.iter().skip(from);
        let at = from + behind.position(|segment| segment.fate == Fate::Lost)?;
        if self.sent[at].len() > room + HEADER {
            return None;
        }
        self.lost -= 1;
        self.credit = self.credit.saturating_sub(1);
        let sn = self.una.wrapping_add(at as u32);
        self.lost_from = sn.wrapping_add(1);
        self.launch(at, ts, now);
        let segment = &self.sent[at];
        Some((sn, segment.missed, self.kept.get(&segment.place)))
    }

    /// Sends a new segment of these bytes, at most as many as were said in the beginning; returns its number.
    pub(in crate::arq) fn send(&mut self, data: &[u8], ts: u32, now: Instant) -> u32 {
        let sn = self.una.wrapping_add(self.sent.len() as u32);
        self.sent.push_back(Segment {
            place: self.kept.keep(data),
            fate: Fate::Lost,
            order: 0,
            sent_at: now,
            ts,
            times: 0,
            missed: 0,
            first_at: now,
            vague: false,
        });
        self.launch(self.sent.len() - 1, ts, now);
        sn
    }

    fn launch(&mut self, at: usize, ts: u32, now: Instant) {
        self.order += 1;
        let segment = &mut self.sent[at];
        segment.fate = Fate::Flying;
        segment.order = self.order;
        segment.sent_at = now;
        segment.ts = ts;
        segment.times += 1;
        segment.vague = false;
        let len = segment.len();
        self.congestion.handle_sent(len as u64, now);
        self.pace.handle_sent(len);
        self.flying += len;
        self.flights.push_back(Flight {
            order: self.order,
            sn: self.una.wrapping_add(at as u32),
        });
    }
}

/// Segments in flight, and those behind a lost one; more than any path holds that the receive window allows. 8.8 MB.
pub(in crate::arq) const SEND_WINDOW: u32 = 8192;

/// Full packets at the beginning, as RFC 6928. Everything waits for what was sent before it, so a queue
/// that is filled blindly is felt by keys too.
const FIRST_BURST: u64 = 10;

/// What the original takes before it says more.
const PEER_WINDOW: u32 = 32;

/// Timestamps are in milliseconds.
const ROUNDING: Duration = Duration::from_millis(2);

/// As RFC 9002.
const DISORDER: u64 = 3;

const MOST_DISORDER: u64 = 24;
