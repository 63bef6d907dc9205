//! The state of one connection.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::End;
use super::inbox::Inbox;
use super::signs::Signs;
use crate::arq::{self, Arq, Outcome, Source};
use crate::crypto::{self, NONCE_LEN};
use crate::fec::{self, Body, Framer};
use crate::oddity::{Oddities, Oddity};
use crate::replay::{Pairs, Recent};
use crate::smux::{Mux, Side};

/// A packet to be sealed and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// Its copy goes right behind it, numbered as that of this pair.
    pub(crate) copy: Option<u32>,
    /// All that came behind a part of it waits for that: nobody else copies it.
    pub(crate) overdue: bool,
    /// A peer would not know it for a double.
    pub(crate) once: bool,
}

/// What is known of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Alive,
    /// A packet came although the clock stands still.
    Back,
    Dead,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// The largest packet of KCP, without any framing.
    mtu: usize,
    /// Conversations that were given up for another; at most [`MAX_ATTEMPTS`].
    former: Vec<u32>,
    /// `None` until the server knows of a client.
    arq: Option<Arq>,
    just_met: bool,
    signs: Signs,
    pub(crate) mux: Mux,
    framer: Framer,
    pairs: Pairs,
    recent: Recent,
    received: Inbox,
    to_send: Inbox,
    path: Path,
    /// Datagrams and segments take turns.
    datagram_next: bool,
    /// When a client that has heard nothing gives up.
    give_up_at: Option<Instant>,
    end: Option<End>,
    oddities: Oddities,
}

impl Session {
    /// The server's side, before it knows of a client. `mtu` is the pipe's.
    pub(crate) fn listening(mtu: u16) -> Self {
        Self {
            mtu: usize::from(mtu).saturating_sub(OVERHEAD).max(LEAST_MTU),
            former: Vec::new(),
            arq: None,
            just_met: false,
            signs: Signs::default(),
            mux: Mux::new(Side::Server),
            framer: Framer::new(),
            pairs: Pairs::new(),
            recent: Recent::default(),
            received: Inbox::default(),
            to_send: Inbox::default(),
            path: Path::Alive,
            datagram_next: false,
            give_up_at: None,
            end: None,
            oddities: Oddities::default(),
        }
    }

    /// The client's side, in a conversation whose number is drawn at random.
    pub(crate) fn connecting(mtu: u16, conv: u32, now: Instant) -> Self {
        let listening = Self::listening(mtu);
        Self {
            arq: Some(Arq::new(conv, listening.segments_mtu(), now)),
            mux: Mux::new(Side::Client),
            give_up_at: Some(now + ANSWER_TIMEOUT),
            ..listening
        }
    }

    /// Whether both sides know of the conversation.
    pub(crate) fn is_met(&self) -> bool {
        self.arq.is_some()
    }

    /// The largest datagram, in bytes.
    pub(crate) fn max_datagram(&self) -> usize {
        self.mtu - CONV
    }

    /// The smoothed round trip time.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.arq.as_ref()?.rtt()
    }

    /// How the connection ended, once it has.
    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    /// Ends the connection, if it has not ended: streams and datagrams learn of it.
    pub(crate) fn handle_end(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            self.give_up_at = None;
            self.mux.wake_all();
        }
    }

    /// Closes the connection and has the peer told.
    pub(crate) fn close(&mut self) {
        if self.end.is_none() {
            self.mux.say_farewell();
            self.handle_end(End::Local);
        }
    }

    /// Whether there is nothing more to say, and the peer has heard it all.
    pub(crate) fn is_over(&self) -> bool {
        match self.end {
            None => false,
            Some(End::Local) => !self.mux.has_any() && self.arq.as_ref().is_none_or(Arq::is_done),
            Some(End::Peer) => self.arq.as_ref().is_none_or(|arq| !arq.owes_ack()),
            Some(End::Misbehaved(_) | End::NoRandomness | End::Unanswered) => true,
        }
    }

    /// Takes in a packet that opened. Returns whether it is a sign of life: of this conversation, and
    /// not heard before.
    pub(crate) fn handle_body(
        &mut self,
        nonce: [u8; NONCE_LEN],
        body: &[u8],
        now: Instant,
    ) -> bool {
        let Some(body) = Body::parse(body) else {
            self.oddities.tell(Oddity::NoPacket);
            return false;
        };
        if !self.is_known(&body, now) {
            return false;
        }
        let numbered = matches!(body, Body::Numbered { .. });
        let new = match body {
            Body::Numbered { pair, copy, .. } => {
                let new = self.pairs.is_new(pair);
                self.signs.handle_packet(pair, copy, new);
                new
            }
            Body::Bare(_) | Body::Datagram { .. } => self.recent.is_new(nonce),
        };
        if !new {
            return false;
        }
        self.give_up_at = None;
        // Nonces are forgotten, and what comes again long after says nothing of the path. Numbers are not; who
        // never sent one has nothing better.
        let alive = numbered || !self.pairs.has_any();
        if alive
            && self.path == Path::Dead
            && let Some(arq) = &mut self.arq
        {
            // Before the host knows of it. What goes out first is what the peer waits for.
            arq.handle_path_back();
            self.path = Path::Back;
        }
        match body {
            Body::Datagram { payload, .. } => {
                if self.end.is_none() {
                    self.received.push(Bytes::copy_from_slice(payload));
                }
            }
            Body::Bare(segments) | Body::Numbered { segments, .. } => {
                self.handle_segments(segments, now);
            }
        }
        alive
    }

    /// Whether the way from the peer was seen to lose packets, or the peer believes so, since the last call.
    pub(crate) fn take_loss_hint(&mut self) -> bool {
        self.signs.take()
    }

    /// Whether there is something to send that was not there before a stream was used.
    pub(crate) fn has_work(&self) -> bool {
        self.mux.has_any() || self.arq.as_ref().is_some_and(Arq::has_reopened)
    }

    /// How many segments the peer has, from the first on without a gap.
    pub(crate) fn arrived(&self) -> u64 {
        self.arq.as_ref().map_or(0, Arq::arrived)
    }

    /// A stream's reader made room.
    pub(crate) fn handle_room(&mut self, now: Instant) {
        if let Some(arq) = &mut self.arq {
            arq.handle_room(&mut self.mux);
            self.look_at_mux(now);
        }
    }

    /// Whether the clock runs, at `now`. It stands while the path is known to be dead.
    pub(crate) fn handle_clock(&mut self, runs: bool, now: Instant) {
        let Some(arq) = &mut self.arq else {
            return;
        };
        match (self.path, runs) {
            (Path::Alive, false) => self.path = Path::Dead,
            (Path::Back, true) => {
                arq.handle_clock_back(now);
                self.path = Path::Alive;
            }
            (Path::Dead, true) => {
                arq.handle_path_back();
                arq.handle_clock_back(now);
                self.path = Path::Alive;
            }
            (Path::Alive, true) | (Path::Dead | Path::Back, false) => {}
        }
    }

    /// Looks whether the time is up for something.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.give_up_at.is_some_and(|at| at <= now) {
            self.handle_end(End::Unanswered);
        }
    }

    /// Appends the next packet's body to `out`; `None` when there is nothing to send now.
    pub(crate) fn poll_packet(&mut self, out: &mut Vec<u8>, now: Instant) -> Option<Outgoing> {
        let arq = self.arq.as_mut()?;
        let start = out.len();
        out.resize(start + fec::HEADER, 0);
        self.datagram_next = !self.datagram_next && self.end.is_none();
        if self.datagram_next
            && let Some(datagram) = self.to_send.pop()
        {
            out.extend_from_slice(&arq.conv().to_le_bytes());
            out.extend_from_slice(&datagram);
            fec::to_datagram(&mut out[start..]);
            return Some(Outgoing {
                copy: None,
                overdue: false,
                once: true,
            });
        }
        let Some(content) = arq.poll_packet(&mut self.mux, out, now) else {
            out.truncate(start);
            if self.datagram_next || self.to_send.is_empty() || self.end.is_some() {
                return None;
            }
            return self.poll_packet(out, now);
        };
        let pair = self.framer.number(&mut out[start..]);
        let soon = self.framer.wants_copy(now);
        let copy = (soon && (content.precious || content.overdue)).then_some(pair);
        Some(Outgoing {
            copy,
            overdue: content.overdue,
            once: false,
        })
    }

    /// What became of segments since the last call.
    pub(crate) fn take_outcome(&mut self) -> Outcome {
        self.arq.as_mut().map(Arq::take_outcome).unwrap_or_default()
    }

    /// When to come back; `None` while only others can change anything. While the pipe is `full`, nothing
    /// can be sent however late it is.
    pub(crate) fn poll_timeout(&mut self, full: bool) -> Option<Instant> {
        let arq = self.arq.as_mut().filter(|_| !full);
        let arq = arq.and_then(|arq| arq.poll_timeout(&self.mux));
        [arq, self.give_up_at].into_iter().flatten().min()
    }

    /// Queues a datagram to be sent.
    pub(crate) fn send_datagram(&mut self, payload: Bytes) {
        self.to_send.push(payload);
    }

    /// The next datagram of the peer.
    pub(crate) fn take_datagram(&mut self) -> Option<Bytes> {
        self.received.pop()
    }

    /// Whether there is something that somebody may wait for, beside bytes of streams.
    pub(crate) fn has_news(&mut self) -> bool {
        let met = std::mem::take(&mut self.just_met);
        met || self.end.is_some() || !self.received.is_empty() || self.mux.has_arrived()
    }

    /// Whether it is of this conversation, which the client's first packet begins.
    fn is_known(&mut self, body: &Body<'_>, now: Instant) -> bool {
        let Some(conv) = body.conv() else {
            return false;
        };
        let known = self.arq.as_ref().map(Arq::conv);
        if known == Some(conv) {
            return true;
        }
        // A client that gave up its first attempt begins another, which must not wait for the first to end.
        let begins = matches!(body, Body::Bare(segments) | Body::Numbered { segments, .. }
            if arq::begins(segments));
        if !begins || !self.mux.is_untouched() || self.former.contains(&conv) {
            return false;
        }
        if let Some(known) = known {
            if self.former.len() == MAX_ATTEMPTS {
                return false;
            }
            self.former.push(known);
            *self = Self {
                former: std::mem::take(&mut self.former),
                end: self.end,
                ..Self::listening((self.mtu + OVERHEAD) as u16)
            };
        }
        self.arq = Some(Arq::new(conv, self.segments_mtu(), now));
        self.just_met = true;
        true
    }

    /// The largest packet of segments. A segment cannot be cut once it was sent, so that a path which
    /// takes smaller packets than before would never deliver it: they are as small as any path takes.
    fn segments_mtu(&self) -> usize {
        self.mtu.min(SMALL_PACKET - OVERHEAD)
    }

    fn handle_segments(&mut self, segments: &[u8], now: Instant) {
        if let Some(arq) = &mut self.arq {
            arq.handle_packet(segments, &mut self.mux, now);
            self.mux.handle_arrived(arq.arrived());
            self.look_at_mux(now);
        }
    }

    fn look_at_mux(&mut self, now: Instant) {
        if let Some(ended) = self.mux.ended()
            && self.end.is_none()
        {
            if let Some(arq) = &mut self.arq {
                arq.hurry_acks(now);
            }
            self.handle_end(ended.into());
        }
    }
}

/// In path time: an outage does not count.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Before a datagram stands the number of its conversation.
const CONV: usize = 4;

/// What a packet has beside KCP.
const OVERHEAD: usize = crypto::OVERHEAD + fec::HEADER;

/// With the headers of IPv4 and UDP 1168 bytes: a VPN in a VPN takes no less.
const SMALL_PACKET: usize = 1140;

/// Attempts of one client; more come from nobody honest.
const MAX_ATTEMPTS: usize = 4;

/// Of a pipe that is too narrow for anything.
const LEAST_MTU: usize = 128;
