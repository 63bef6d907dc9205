//! Follows the output of a remote program, so that every mode it left on can be switched off.
//!
//! | want to change…                                      | look in    |
//! |------------------------------------------------------|------------|
//! | which modes are known, and the bytes that undo them   | `modes.rs` |
//! | the keyboard flags of the kitty protocol              | `kitty.rs` |
//! | where tmux's control mode lets us say something       | `control.rs` |
//! | how sequences are found, cut and joined again         | `mod.rs`   |
//!
//! Not here: who writes to the terminal (`output`), and when it is given back (`raw`).

mod control;
mod kitty;
mod modes;
#[cfg(test)]
mod tests;

use memchr::{memchr2, memchr3};
use tssh_core::session::control::OPENING;

use control::Control;
use modes::Modes;
pub use modes::Surface;

/// Reads everything that goes to the screen and remembers which modes it left on.
///
/// The answer depends on the bytes alone, never on how they were cut. Text costs one search for
/// ESC; nothing is allocated for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracker {
    state: State,
    modes: Modes,
    /// The unfinished sequence from its ESC on, or the start of it.
    partial: Vec<u8>,
    /// Whether `partial` lacks the end of what was seen.
    overlong: bool,
    /// The last bytes of plain text, while they may be the start of a wide character.
    text_end: TextEnd,
    broken_in: bool,
    /// While the string of data is that of a tmux in control mode.
    control: Option<Control>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Escape,
    Csi,
    /// Ended by BEL too.
    Command,
    /// DCS, SOS, PM, APC.
    String,
}

/// More than any sequence that is not a string of data; longer ones are not followed.
const PARTIAL_LIMIT: usize = 1024;

const BEL: u8 = 0x07;
const SHIFT_OUT: u8 = 0x0e;
const SHIFT_IN: u8 = 0x0f;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

impl Tracker {
    /// Takes note of `bytes`, which go to the screen next.
    pub fn observe(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = match self.state {
                State::Text => self.text(rest),
                State::Escape | State::Csi => {
                    self.step(rest[0]);
                    1
                }
                State::Command | State::String => self.string(rest),
            };
            rest = &rest[used..];
        }
    }

    /// Returns the bytes that undo every mode left on, and end a sequence that was cut.
    pub fn switch_off(&self) -> Vec<u8> {
        let mut out = String::new();
        if let Some(control) = &self.control {
            out.push_str(control.farewell());
        } else if self.state != State::Text && !self.broken_in {
            out.push(char::from(CAN));
        }
        self.modes.switch_off(&mut out);
        out.into_bytes()
    }

    /// Returns the bytes that bring a terminal back into the modes that [`Self::switch_off`] left.
    ///
    /// A sequence that was cut is due again: see [`Self::rejoin`].
    pub fn switch_on_again(&mut self) -> Vec<u8> {
        self.broken_in |= self.mid_sequence();
        let mut out = String::new();
        self.modes.switch_on_again(&mut out);
        out.into_bytes()
    }

    /// Returns `drawing`, which is our own, as it is to be written between two remote bytes: with what cancels a sequence
    /// before it, or as a line of tmux's control mode. Empty where it has no place.
    pub fn own(&mut self, drawing: &[u8]) -> Vec<u8> {
        match &self.control {
            Some(control) => control.line(drawing).unwrap_or_default().into_bytes(),
            None => [self.break_in(), drawing].concat(),
        }
    }

    /// Returns what to write before drawing something of our own between two remote bytes.
    fn break_in(&mut self) -> &'static [u8] {
        let cancelled = self.state != State::Text && !self.broken_in;
        self.broken_in |= self.mid_sequence();
        if cancelled { &[CAN] } else { &[] }
    }

    /// Whether the next remote bytes must pass [`Self::rejoin`].
    pub fn is_broken_in(&self) -> bool {
        self.broken_in
    }

    /// Takes the remote bytes that follow a drawing and returns what to write before
    /// them, and how many of them to leave out, since they end a string too long to be repeated.
    ///
    /// To be called before [`Self::observe`] with the same bytes; cheap when nothing was cut.
    pub fn rejoin(&mut self, bytes: &[u8]) -> (Vec<u8>, usize) {
        if !self.broken_in || bytes.is_empty() {
            return (Vec::new(), 0);
        }
        if self.overlong {
            let mut ahead = self.clone();
            let end = bytes.iter().position(|byte| {
                ahead.observe(&[*byte]);
                ahead.state != self.state
            });
            self.broken_in = end.is_none();
            // An ESC that ends the string starts a sequence of its own.
            let left_out = end.map_or(bytes.len(), |end| end + usize::from(bytes[end] != ESC));
            return (Vec::new(), left_out);
        }
        self.broken_in = false;
        let cut = match self.state {
            State::Text => self.text_end.as_slice(),
            State::Escape | State::Csi | State::Command | State::String => &self.partial,
        };
        (cut.to_vec(), 0)
    }

    /// Returns what a drawing of our own must know of the screen it goes to.
    pub fn surface(&self) -> Surface {
        Surface {
            control: self.control.is_some(),
            ..self.modes.surface()
        }
    }

    fn mid_sequence(&self) -> bool {
        self.state != State::Text || !self.text_end.as_slice().is_empty()
    }

    fn text(&mut self, bytes: &[u8]) -> usize {
        let shift = if self.modes.shifted() {
            SHIFT_IN
        } else {
            SHIFT_OUT
        };
        let Some(at) = memchr2(ESC, shift, bytes) else {
            self.text_end.append(bytes);
            return bytes.len();
        };
        self.text_end = TextEnd::default();
        if bytes[at] != ESC {
            self.modes.handle_shift(shift == SHIFT_OUT);
            return at + 1;
        }
        match self.whole_csi(&bytes[at + 1..]) {
            0 => self.start(),
            used => return at + 1 + used,
        }
        at + 1
    }

    /// Takes a control sequence that is there to its end, without keeping a copy, and returns its
    /// length after the ESC, or 0. Coloured output consists of these.
    fn whole_csi(&mut self, bytes: &[u8]) -> usize {
        let Some(body) = bytes.strip_prefix(b"[") else {
            return 0;
        };
        let body = &body[..body.len().min(PARTIAL_LIMIT / 2)];
        match body.iter().position(|byte| !(0x20..0x40).contains(byte)) {
            Some(end) if (0x40..0x7f).contains(&body[end]) => {
                handle_csi(&mut self.modes, &body[..end], body[end]);
                end + 2
            }
            Some(_) | None => 0,
        }
    }

    fn start(&mut self) {
        self.state = State::Escape;
        self.control = None;
        self.overlong = false;
        self.partial.clear();
        self.partial.push(ESC);
    }

    fn end(&mut self) {
        self.state = State::Text;
        self.control = None;
        self.overlong = false;
        self.partial.clear();
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = PARTIAL_LIMIT - self.partial.len();
        self.overlong |= bytes.len() > room;
        self.partial
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// One byte inside `ESC …` or `CSI …`.
    fn step(&mut self, byte: u8) {
        match byte {
            ESC => return self.start(),
            CAN | SUB => return self.end(),
            SHIFT_OUT | SHIFT_IN => return self.modes.handle_shift(byte == SHIFT_OUT),
            0x00..=0x1f | 0x7f => return, // Controls act at once and the sequence goes on.
            _ => self.keep(&[byte]),
        }
        match (self.state, byte) {
            (State::Escape, b'[') if self.partial.len() == 2 => self.state = State::Csi,
            (State::Escape, b']') if self.partial.len() == 2 => self.state = State::Command,
            (State::Escape, b'P' | b'X' | b'^' | b'_') if self.partial.len() == 2 => {
                self.state = State::String;
            }
            (State::Escape, 0x20..=0x2f) | (State::Csi, 0x20..=0x3f | 0x80..) => {}
            (State::Escape, _) => {
                if let [ESC, middle @ .., last] = &self.partial[..]
                    && !self.overlong
                {
                    self.modes.handle_escape(middle, *last);
                }
                self.end();
            }
            _ => {
                if let [ESC, b'[', body @ .., last] = &self.partial[..]
                    && !self.overlong
                {
                    handle_csi(&mut self.modes, body, *last);
                }
                self.end();
            }
        }
    }

    /// A run of bytes inside a string of data.
    fn string(&mut self, bytes: &[u8]) -> usize {
        let bell = if self.state == State::Command {
            BEL
        } else {
            CAN
        };
        let end = memchr3(ESC, CAN, bell, bytes).unwrap_or(bytes.len());
        let end = memchr2(SUB, SUB, &bytes[..end]).unwrap_or(end);
        let before = self.partial.len();
        self.keep(&bytes[..end]);
        if self.state == State::String && Control::is_opened_by(&self.partial) {
            let opening = OPENING.len().saturating_sub(before);
            let control = self.control.get_or_insert_default();
            control.observe(&bytes[opening..end]);
        }
        let Some(last) = bytes.get(end) else {
            return end;
        };
        if self.state == State::Command && matches!(*last, BEL | ESC) && !self.overlong {
            self.modes.handle_command(&self.partial[2..]);
        }
        match *last {
            ESC => self.start(),
            _ => self.end(),
        }
        end + 1
    }
}

fn handle_csi(modes: &mut Modes, body: &[u8], last: u8) {
    let (private, body) = match body {
        [private @ b'<'..=b'?', body @ ..] => (*private, body),
        _ => (0, body),
    };
    let digits = body
        .iter()
        .take_while(|byte| (0x30..0x3c).contains(*byte))
        .count();
    let (params, middle) = body.split_at(digits);
    modes.handle_csi(private, params, middle, last);
}

/// The start of a character of several bytes, if the text so far ends in one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct TextEnd {
    bytes: [u8; 3],
    len: u8,
}

impl TextEnd {
    fn append(&mut self, text: &[u8]) {
        for byte in &text[text.len().saturating_sub(3)..] {
            match byte {
                0xc2..=0xf4 => {
                    *self = Self {
                        bytes: [*byte, 0, 0],
                        len: 1,
                    }
                }
                0x80..=0xbf if self.len > 0 && usize::from(self.len) + 1 < self.wanted() => {
                    self.bytes[usize::from(self.len)] = *byte;
                    self.len += 1;
                }
                _ => *self = Self::default(),
            }
        }
    }

    /// How many bytes the character has in all, by its first.
    fn wanted(&self) -> usize {
        match self.bytes[0] {
            0xf0.. => 4,
            0xe0.. => 3,
            _ => 2,
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}
