//! Whether large packets pass a path that small ones pass. Nothing here reads a clock.
//!
//! QUIC needs packets of 1200 bytes (RFC 9000, section 14). A path that drops them without a word
//! answers claims and heartbeats all the same, and nothing else ever comes along it.

use std::time::{Duration, Instant};

use super::config::Carriers;
use super::exchange::{Carrier, Output, Trigger};
use super::looks::Looks;
use super::state::State;
use crate::auth::Ack;
use crate::proxy::LinkId;

/// What is asked on the path in use.
#[derive(Debug)]
pub(super) struct Width {
    link: LinkId,
    round: Option<Round>,
    looks: Looks,
}

/// Questions of both sizes, one after the other, until a large one is answered.
#[derive(Debug)]
struct Round {
    kind: Kind,
    asked: u32,
    /// The next question, or after the last one the verdict.
    next: Instant,
    /// So many small questions were answered.
    small: u32,
    rounds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Of a path of which nothing is known.
    First,
    /// One question on a path that was wide enough before.
    Single,
    /// What follows one that had no answer.
    Doubt,
}

impl Kind {
    /// How many large questions there are at most.
    fn questions(self) -> u32 {
        match self {
            Self::First => QUESTIONS,
            Self::Single => 1,
            Self::Doubt => DOUBTS,
        }
    }
}

impl Width {
    fn new(link: LinkId, now: Instant) -> Self {
        Self {
            link,
            round: Some(Round::new(Kind::First, now)),
            looks: Looks::new(now),
        }
    }
}

impl Round {
    fn new(kind: Kind, at: Instant) -> Self {
        Self {
            kind,
            asked: 0,
            next: at,
            small: 0,
            rounds: 0,
        }
    }

    /// Whether the last question has had its time.
    fn is_over(&self, now: Instant) -> bool {
        self.asked == self.kind.questions() && now >= self.next
    }
}

impl State {
    /// The server answered a question, and a `large` one. Anything else is ignored.
    pub fn handle_answer(&mut self, link: LinkId, ack: Ack, large: bool) {
        let ours = self.challenger.is_answer(ack.claim);
        let width = self.width.as_mut().filter(|width| width.link == link);
        let Some(width) = width.filter(|_| ours) else {
            return;
        };
        if large {
            width.round = None;
            self.fallback.handle_wide();
        } else if let Some(round) = &mut width.round {
            round.small += 1;
        }
    }

    /// So many packets of the peer have opened so far, on whatever path. To be told after each wait.
    pub fn handle_opened(&mut self, opened: u64, now: Instant) {
        if let Some(width) = &mut self.width {
            width.looks.handle_opened(opened, now);
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
        let calm = self.is_calm();
        let width = self.width.as_mut()?;
        if let Some(round) = width.round.take_if(|round| round.is_over(now)) {
            match round.kind {
                Kind::First if round.small > 0 => return self.handle_narrow(now),
                Kind::Doubt if round.small >= ENOUGH => return self.handle_narrow(now),
                // A path that answers nothing is none, and it is not for this to find that out.
                Kind::First if round.rounds < MAX_ROUNDS => {
                    width.round = Some(Round {
                        rounds: round.rounds + 1,
                        ..Round::new(Kind::First, now)
                    });
                }
                Kind::First | Kind::Doubt => {}
                Kind::Single => width.round = Some(Round::new(Kind::Doubt, now)),
            }
        }
        let due = width.looks.ask_at().is_some_and(|at| now >= at);
        if width.round.is_none() && calm && due {
            width.looks.handle_asked(now);
            width.round = Some(Round::new(Kind::Single, now));
        }
        let round = width.round.as_mut().filter(|round| now >= round.next)?;
        round.asked += 1;
        round.next = match round.asked == round.kind.questions() {
            true => now + patience,
            false => now + EVERY,
        };
        let (link, claim) = (width.link, self.challenger.question());
        Some(Output::Ask { link, claim })
    }

    pub(super) fn poll_width_timeout(&self) -> Option<Instant> {
        let width = self.width.as_ref()?;
        match &width.round {
            Some(round) => Some(round.next),
            None => {
                let ask = width.looks.ask_at().filter(|_| self.is_calm());
                [ask, width.looks.look_at()].into_iter().flatten().min()
            }
        }
    }

    /// Whether there is nothing about the path in use that is being found out otherwise.
    fn is_calm(&self) -> bool {
        self.proved() && !self.suspect && !self.is_trying()
    }

    /// UDP passes and is of no use here: a stream takes over, until the network is another one.
    fn handle_narrow(&mut self, now: Instant) -> Option<Output> {
        tracing::info!("large packets do not pass by UDP");
        if let Some(width) = &mut self.width {
            width.round = Some(Round::new(Kind::First, now + AGAIN));
        }
        self.fallback.handle_narrow();
        if self.dial.is_none() {
            // Not given up because the path in use answers: it does, and that is no help.
            self.dial = Some(self.new_dial(now, Some(Trigger::NetworkChanged)));
        }
        self.poll_streams(now)
    }
}

/// Large questions on a new path. Where every fifth packet is lost one such round in some thousands goes
/// unanswered.
const QUESTIONS: u32 = 8;

/// The same on a path in use, which is asked for hours: there none is to go unanswered by chance.
const DOUBTS: u32 = 16;

/// Of these so many small ones are to be answered, or else large packets are not all that is lost.
const ENOUGH: u32 = 4;

/// Between two of them: the verdict falls in about a second, or two.
const EVERY: Duration = Duration::from_millis(100);

/// Beside two round trips, for the answer to the last one.
const LAST_ANSWER: Duration = Duration::from_millis(200);

/// Where no stream is to be had, so much later.
const AGAIN: Duration = Duration::from_secs(30);

/// Rounds in which nothing is answered at all.
const MAX_ROUNDS: u32 = 3;
