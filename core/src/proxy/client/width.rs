//! Whether large packets pass a path that small ones pass. Nothing here reads a clock.
//!
//! QUIC needs packets of 1200 bytes (RFC 9000, section 14). A path that drops them without a word
//! answers claims and heartbeats all the same, and nothing else ever comes along it.

use std::time::{Duration, Instant};

use super::config::Carriers;
use super::exchange::{Carrier, Output, Trigger};
use super::state::State;
use crate::auth::Ack;
use crate::proxy::LinkId;

/// One round of questions of both sizes on the path in use.
#[derive(Debug)]
pub(super) struct Width {
    link: LinkId,
    asked: u32,
    /// The next question, or after the last one the verdict.
    next: Instant,
    /// A small question was answered since the first large one.
    small: bool,
    rounds: u32,
}

impl Width {
    fn new(link: LinkId, now: Instant) -> Self {
        Self {
            link,
            asked: 0,
            next: now,
            small: false,
            rounds: 0,
        }
    }
}

impl State {
    /// The server answered a question, and a `large` one. Anything else is ignored.
    pub fn handle_answer(&mut self, link: LinkId, ack: Ack, large: bool) {
        let ours = self.challenger.is_answer(ack.claim);
        let width = self.width.as_mut().filter(|width| width.link == link);
        if let Some(width) = width.filter(|_| ours) {
            width.small = true;
            if large {
                self.width = None;
            }
        }
    }

    /// Whether the path in use took over from one that large packets did not pass: what was lost there is
    /// to be sent again now, and not when the transport, which waits longer each time, tries next.
    pub fn took_over_from_narrow(&self) -> bool {
        self.fallback.is_narrow() && self.fallback.home() == Carrier::Stream
    }

    /// Another path, of which nobody knows whether large packets pass.
    pub(super) fn ask_width(&mut self, link: LinkId, now: Instant) {
        let wanted = self.timing.wide && self.timing.carriers == Carriers::Both;
        self.width = wanted.then(|| Width::new(link, now));
    }

    pub(super) fn poll_width(&mut self, now: Instant) -> Option<Output> {
        let patience = self.rtt.unwrap_or_default() * 2 + LAST_ANSWER;
        let width = self.width.as_mut().filter(|width| now >= width.next)?;
        let link = width.link;
        if width.asked < QUESTIONS {
            width.asked += 1;
            width.next = match width.asked {
                QUESTIONS => now + patience,
                _ => now + EVERY,
            };
            let claim = self.challenger.question();
            return Some(Output::Ask { link, claim });
        }
        if width.small {
            *width = Width::new(link, now + AGAIN);
            self.handle_narrow(now);
        } else if width.rounds < MAX_ROUNDS {
            // A path that answers nothing is none, and it is not for this to find that out.
            width.rounds += 1;
            width.asked = 0;
        } else {
            self.width = None;
        }
        None
    }

    pub(super) fn poll_width_timeout(&self) -> Option<Instant> {
        self.width.as_ref().map(|width| width.next)
    }

    /// UDP passes and is of no use here: a stream takes over, until the network is another one.
    fn handle_narrow(&mut self, now: Instant) {
        tracing::info!("large packets do not pass by UDP");
        self.fallback.handle_narrow();
        if self.dial.is_none() {
            // Not given up because the path in use answers: it does, and that is no help.
            self.dial = Some(self.new_dial(now, Some(Trigger::NetworkChanged)));
        }
    }
}

/// Large questions of one round. Where every fifth packet is lost one round in some thousands goes
/// unanswered.
const QUESTIONS: u32 = 8;

/// Between two of them: the verdict falls in about a second.
const EVERY: Duration = Duration::from_millis(100);

/// Beside two round trips, for the answer to the last one.
const LAST_ANSWER: Duration = Duration::from_millis(200);

/// Where no stream is to be had, so much later.
const AGAIN: Duration = Duration::from_secs(30);

/// Rounds in which nothing is answered at all.
const MAX_ROUNDS: u32 = 3;
