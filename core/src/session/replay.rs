//! What a terminal session keeps of its output while its client is away, and what it sends when the client is back.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::{Buf, BytesMut};

use super::control;
use super::escape::{Parser, Step};
use super::kept::{Dropped, Kept};
use super::notice;
use super::phase::Phase;

/// The output of one terminal, between the program and the client. PROTOCOL.md, "Behaviour while disconnected".
///
/// While the client is there, output passes; a program that writes faster than the client reads is held back. While it
/// is away the program runs on: the line under way is let through, then the last lines are kept.
#[derive(Debug)]
pub struct Replay {
    parser: Parser,
    rows: u16,
    phase: Phase,
    /// To be sent, in order.
    ready: BytesMut,
    kept: Kept,
    /// How many of the last bytes are a sequence under way.
    under_way: usize,
    /// The sequence under way began before the client went.
    begun: bool,
    /// The alternate screen is on, as the program sees it.
    alternate: bool,
    /// The same, as it is at the end of `ready`.
    alternate_sent: bool,
    /// The same, at the beginning of `kept`.
    alternate_kept: bool,
    /// The last state of each mode that changed while the client was away.
    modes: BTreeMap<u16, bool>,
    /// The cursor was moved to a place while the client was away: the program paints a screen.
    addressing: bool,
    /// The pane that tmux's control mode wrote for last, such as `%3`.
    pane: String,
    discarded: Dropped,
}

/// What is to be done about the screen when the client is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// Nothing was dropped, or the lines that are left speak for themselves.
    Complete,
    /// The program is to paint its screen again.
    Repaint,
    /// The same; until the final size is set, what it paints is to be dropped ([`Replay::end_discard`]).
    RepaintAlone,
}

impl Replay {
    /// For a terminal of `rows` lines, and a client that is there.
    pub fn new(rows: u16) -> Self {
        Self {
            parser: Parser::default(),
            rows,
            phase: Phase::Passing,
            ready: BytesMut::new(),
            kept: Kept::default(),
            under_way: 0,
            begun: false,
            alternate: false,
            alternate_sent: false,
            alternate_kept: false,
            modes: BTreeMap::new(),
            addressing: false,
            pane: String::new(),
            discarded: Dropped::default(),
        }
    }

    /// The terminal has another height.
    pub fn handle_resize(&mut self, rows: u16) {
        self.rows = rows;
    }

    /// Takes in what the program wrote.
    pub fn push(&mut self, mut bytes: &[u8]) {
        match self.phase {
            Phase::Passing => self.pass(bytes),
            Phase::Discarding => {
                self.note_all(bytes);
                let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
                self.discarded.lines += lines as u64;
                self.discarded.bytes += bytes.len() as u64;
            }
            Phase::Skipping => {
                let skipped = self.skip(bytes);
                self.pass(&bytes[skipped..]);
            }
            Phase::Finishing(_) => {
                let through = self.finish_line(bytes);
                self.alternate_sent = self.alternate;
                self.alternate_kept = self.alternate;
                bytes = &bytes[through..];
                if !bytes.is_empty() {
                    self.keep(bytes);
                }
            }
            Phase::Keeping => self.keep(bytes),
        }
    }

    /// What is to be sent next.
    pub fn ready(&self) -> &[u8] {
        &self.ready
    }

    /// The first `count` bytes of [`Self::ready`] were sent.
    pub fn handle_written(&mut self, count: usize) {
        self.ready.advance(count.min(self.ready.len()));
        if self.ready.is_empty() && self.ready.capacity() > MAX_READY {
            self.ready = BytesMut::new();
        }
    }

    /// Whether the program may write more. A client that is away holds no program back.
    pub fn wants_more(&self) -> bool {
        match self.phase {
            Phase::Passing | Phase::Skipping => self.ready.len() < MAX_READY,
            Phase::Finishing(_) | Phase::Keeping | Phase::Discarding => true,
        }
    }

    /// Whether nothing is left to be sent, now or when the client is back.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.kept.is_empty() && !self.kept.has_dropped()
    }

    /// The client went silent. With `keep_all` (`KeepPendingOutput`) the program is held back instead.
    pub fn handle_away(&mut self, keep_all: bool) {
        if matches!(self.phase, Phase::Passing | Phase::Skipping) && !keep_all {
            self.phase = Phase::Finishing(MAX_FINISHING);
            self.under_way = 0;
            self.begun = !self.parser.is_between();
            self.modes.clear();
            self.addressing = false;
        }
    }

    /// The client is back: what was kept becomes ready. Also tells what was dropped.
    pub fn handle_back(&mut self) -> (Back, Dropped) {
        if !matches!(self.phase, Phase::Finishing(_) | Phase::Keeping) {
            return (Back::Complete, Dropped::default());
        }
        let kept = std::mem::take(&mut self.kept);
        self.under_way = 0;
        self.phase = match kept.is_swallowing() {
            true => self.between_or_skipping(),
            false => Phase::Passing,
        };
        if !kept.has_dropped() {
            self.ready.extend_from_slice(kept.bytes());
            self.alternate_sent = self.alternate;
            return (Back::Complete, Dropped::default());
        }
        let dropped = kept.dropped();
        if self.parser.is_control_mode() {
            if !self.pane.is_empty() {
                let told = control::to_pane(&self.pane, notice::to_screen(dropped).as_bytes());
                self.ready.extend_from_slice(told.as_bytes());
            }
            self.ready.extend_from_slice(kept.bytes());
            return (Back::Complete, dropped);
        }
        if self.alternate {
            self.show_screen(self.alternate);
            self.restore_modes();
            self.phase = Phase::Discarding;
            self.discarded = Dropped::default();
            return (Back::RepaintAlone, kept.all());
        }
        self.show_screen(self.alternate_kept);
        self.ready
            .extend_from_slice(notice::to_screen(dropped).as_bytes());
        self.ready.extend_from_slice(kept.bytes());
        self.alternate_sent = self.alternate;
        self.restore_modes();
        let back = if self.addressing {
            Back::Repaint
        } else {
            Back::Complete
        };
        (back, dropped)
    }

    /// The program paints its screen for good from here on. Tells what was dropped of its first attempt.
    pub fn end_discard(&mut self) -> Dropped {
        if self.phase == Phase::Discarding {
            self.phase = self.between_or_skipping();
            // A switch of screens in what was dropped is made up for.
            self.show_screen(self.alternate);
            self.restore_modes();
        }
        std::mem::take(&mut self.discarded)
    }

    /// The client wants a fresh screen behind `marker`, and drops what comes before: everything that is held goes.
    pub fn handle_marker(&mut self, marker: &[u8]) -> Dropped {
        let mut dropped = self.kept.all();
        dropped.bytes += self.ready.len() as u64;
        self.kept = Kept::default();
        self.under_way = 0;
        self.ready.clear();
        self.ready.extend_from_slice(marker);
        self.phase = self.between_or_skipping();
        self.show_screen(self.alternate);
        dropped
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.note_all(bytes);
        self.ready.extend_from_slice(bytes);
        self.alternate_sent = self.alternate;
    }

    /// How many of `bytes` belong to the sequence that is skipped.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        let mut skipped = 0;
        while !self.parser.is_between() {
            let Some(byte) = bytes.get(skipped) else {
                return skipped;
            };
            self.note(*byte);
            skipped += 1;
        }
        self.phase = Phase::Passing;
        skipped
    }

    fn between_or_skipping(&self) -> Phase {
        match self.parser.is_between() {
            true => Phase::Passing,
            false => Phase::Skipping,
        }
    }

    /// Lets the line under way through, and returns how many of `bytes` belong to it.
    fn finish_line(&mut self, bytes: &[u8]) -> usize {
        let Phase::Finishing(mut left) = self.phase else {
            return 0;
        };
        for (at, byte) in bytes.iter().enumerate() {
            let step = self.note(*byte);
            left = left.saturating_sub(1);
            self.ready.extend_from_slice(&[*byte]);
            // As below. What the client has the beginning of, it gets the end of.
            if step == Step::Query && !self.begun && self.under_way < self.ready.len() {
                let before = self.ready.len() - self.under_way - 1;
                self.ready.truncate(before);
            }
            if step == Step::Inside {
                self.under_way += 1;
            } else {
                (self.under_way, self.begun) = (0, false);
            }
            let ended = *byte == b'\n' && step == Step::Text;
            let between = self.parser.is_between();
            if (between && (ended || left == 0)) || self.under_way > MAX_SEQUENCE {
                self.under_way = 0;
                self.phase = Phase::Keeping;
                return at + 1;
            }
        }
        self.phase = Phase::Finishing(left);
        bytes.len()
    }

    fn keep(&mut self, mut bytes: &[u8]) {
        while let Some(&byte) = bytes.first() {
            let room = MAX_LINE.saturating_sub(self.kept.open_len()).max(1);
            let plain = self.parser.plain(&bytes[..room.min(bytes.len())]);
            if plain > 0 {
                self.kept.extend(&bytes[..plain]);
                bytes = &bytes[plain..];
                if self.kept.open_len() >= MAX_LINE {
                    self.end_line();
                }
                continue;
            }
            bytes = &bytes[1..];
            let step = self.note(byte);
            self.kept.extend(&[byte]);
            match step {
                Step::Query => {
                    // The terminal would answer into whatever runs by then.
                    self.kept.retract(self.under_way + 1);
                    self.under_way = 0;
                }
                Step::Inside => self.under_way += 1,
                Step::Text | Step::Other | Step::Addressing | Step::Modes { .. } => {
                    self.under_way = 0;
                }
            }
            let ended = byte == b'\n' && step == Step::Text;
            if self.parser.is_between() && (ended || self.kept.open_len() >= MAX_LINE) {
                self.end_line();
            } else if self.kept.open_len() > MAX_SEQUENCE {
                self.kept.swallow();
                self.under_way = 0;
            }
        }
    }

    fn end_line(&mut self) {
        if self.parser.is_control_mode()
            && let Some(pane) = control::pane_of(self.kept.open_line())
        {
            self.pane.clear();
            self.pane.push_str(pane);
        }
        let max_lines = LEAST_LINES.max(usize::from(self.rows) * 2);
        if let Some(alternate) = self.kept.end_line(self.alternate, max_lines) {
            self.alternate_kept = alternate;
        }
    }

    fn note_all(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let plain = self.parser.plain(bytes);
            bytes = &bytes[plain..];
            if let Some((byte, rest)) = bytes.split_first() {
                self.note(*byte);
                bytes = rest;
            }
        }
    }

    /// Follows the state of the terminal.
    fn note(&mut self, byte: u8) -> Step {
        let step = self.parser.push(byte);
        match step {
            Step::Modes { set } => {
                for mode in self.parser.modes() {
                    if SCREENS.contains(&mode) {
                        self.alternate = set;
                    } else if self.phase != Phase::Passing && self.modes.len() < MAX_MODES {
                        self.modes.insert(mode, set);
                    }
                }
            }
            Step::Addressing => self.addressing = true,
            Step::Text | Step::Inside | Step::Other | Step::Query => {}
        }
        step
    }

    /// Switches the client to the screen on which what follows was painted.
    fn show_screen(&mut self, alternate: bool) {
        if alternate != self.alternate_sent {
            let last = if alternate { b'h' } else { b'l' };
            self.ready.extend_from_slice(b"\x1b[?1049");
            self.ready.extend_from_slice(&[last]);
            self.alternate_sent = alternate;
        }
    }

    /// Puts the terminal into the modes that the program set in what was dropped.
    fn restore_modes(&mut self) {
        let mut text = String::new();
        for (mode, set) in std::mem::take(&mut self.modes) {
            let last = if set { 'h' } else { 'l' };
            // Writing to a string cannot fail.
            let _ = write!(text, "\x1b[?{mode}{last}");
        }
        self.ready.extend_from_slice(text.as_bytes());
    }
}

/// PROTOCOL.md, "Behaviour while disconnected": at least so many lines are kept, or twice the screen.
const LEAST_LINES: usize = 1000;

/// A program that is this far ahead of the transport is held back, so that Ctrl-C does not wait behind more.
const MAX_READY: usize = 4 * 1024;

/// A line under way when the client goes is let through to its end, but no further than this: a progress bar has none.
const MAX_FINISHING: usize = 4 * 1024;

/// A line without an end is cut here, between sequences.
const MAX_LINE: usize = 4 * 1024;

/// A sequence that is longer is dropped: an image, mostly.
const MAX_SEQUENCE: usize = 512 * 1024;

/// Programs set a dozen.
const MAX_MODES: usize = 64;

/// xterm's modes for the alternate screen.
const SCREENS: [u16; 3] = [47, 1047, 1049];
