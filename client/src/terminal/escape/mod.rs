//! The keys that speak to this program: `~.` and its relatives, at the start of a line.
//!
//! Pure: keys in, [`Action`]s out. What follows from an action is the session's business.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use bytes::{Buf, Bytes};
use memchr::memchr;

/// The key that opens an escape, as in ssh's `EscapeChar` and `-e`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscapeChar {
    /// No key does: the session is binary clean.
    Off,
    /// This byte does, after a line end.
    On(u8),
}

impl Default for EscapeChar {
    fn default() -> Self {
        Self::On(b'~')
    }
}

/// Why a text names no escape character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no escape character, use one ASCII character, ^ and a letter, or none")]
pub struct EscapeCharError(String);

impl FromStr for EscapeChar {
    type Err = EscapeCharError;

    /// Reads `none`, one ASCII character, or `^` and a character for a control key.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            b"none" => Ok(Self::Off),
            [byte] if byte.is_ascii() => Ok(Self::On(*byte)),
            [b'^', letter @ b'?'] => Ok(Self::On(letter ^ 0x40)),
            [b'^', letter @ b'@'..=0x7e] => Ok(Self::On(letter & 0x1f)),
            _ => Err(EscapeCharError(text.to_owned())),
        }
    }
}

impl fmt::Display for EscapeChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("none"),
            Self::On(byte @ (0..0x20 | 0x7f)) => write!(f, "^{}", char::from(byte ^ 0x40)),
            Self::On(byte) => write!(f, "{}", char::from(*byte)),
        }
    }
}

/// What the user asked for.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// `~d`: make the path dark for a while, to see the session come back. Demonstrations only.
    DarkenPath,
    /// `~.`: end the session.
    Disconnect,
    /// Keys for the remote side.
    Forward(Bytes),
    /// `~?`: show [`help`].
    Help,
    /// `~^Z`: stop this program as a shell job.
    Suspend,
    /// An escape that ssh has and this program has not; the byte is its key.
    Unsupported(u8),
}

/// Keys may be passwords, so only their number is shown.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DarkenPath => f.write_str("DarkenPath"),
            Self::Disconnect => f.write_str("Disconnect"),
            Self::Forward(keys) => write!(f, "Forward({} bytes)", keys.len()),
            Self::Help => f.write_str("Help"),
            Self::Suspend => f.write_str("Suspend"),
            Self::Unsupported(key) => write!(f, "Unsupported({:?})", char::from(*key)),
        }
    }
}

/// Whether `~d` exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demonstration {
    /// `~d` is two ordinary characters.
    #[default]
    Off,
    /// `~d` is [`Action::DarkenPath`].
    On,
}

/// Finds escapes in what is typed.
///
/// An escape key counts after CR or LF and as the very first byte, whatever program runs over
/// there: text pasted inside brackets is no exception, as in ssh.
#[derive(Clone, Debug)]
pub struct Escape {
    char: EscapeChar,
    demonstration: Demonstration,
    line_start: bool,
    opened: bool,
}

impl Escape {
    /// Starts at the start of a line.
    pub fn new(char: EscapeChar, demonstration: Demonstration) -> Self {
        Self {
            char,
            demonstration,
            line_start: true,
            opened: false,
        }
    }

    /// Appends to `actions` what `keys` ask for, in order.
    ///
    /// The result depends on the keys alone, except that [`Action::Forward`] may come in more
    /// pieces when the keys do. Nothing is copied.
    pub fn handle_keys(&mut self, mut keys: Bytes, actions: &mut Vec<Action>) {
        let EscapeChar::On(char) = self.char else {
            return forward(keys, actions);
        };
        while !keys.is_empty() {
            if self.opened {
                self.opened = false;
                self.close(char, &mut keys, actions);
                continue;
            }
            let Some(at) = self.find(char, &keys) else {
                self.line_start = matches!(keys.last(), Some(b'\r' | b'\n'));
                return forward(keys, actions);
            };
            forward(keys.split_to(at), actions);
            keys.advance(1);
            self.opened = true;
            self.line_start = true;
        }
    }

    /// Returns an escape key that waits for its second, once no more keys will come.
    pub fn handle_end(&mut self) -> Option<Bytes> {
        let EscapeChar::On(char) = self.char else {
            return None;
        };
        std::mem::take(&mut self.opened).then(|| Bytes::copy_from_slice(&[char]))
    }

    /// Makes the next key the first of a line: what was typed before it has been dropped.
    pub fn handle_dropped(&mut self) {
        self.line_start = true;
    }

    /// Where the next escape key at a line start is.
    fn find(&self, char: u8, keys: &[u8]) -> Option<usize> {
        let mut from = 0;
        while let Some(at) = memchr(char, &keys[from..]).map(|at| at + from) {
            let first_of_line = match at.checked_sub(1) {
                None => self.line_start,
                Some(before) => matches!(keys[before], b'\r' | b'\n'),
            };
            if first_of_line {
                return Some(at);
            }
            from = at + 1;
        }
        None
    }

    /// The key after an escape key. An unknown one goes to the remote side with the escape key.
    fn close(&mut self, char: u8, keys: &mut Bytes, actions: &mut Vec<Action>) {
        let key = keys[0];
        let action = match key {
            _ if key == char => {
                self.line_start = false;
                return forward(keys.split_to(1), actions);
            }
            b'.' => Action::Disconnect,
            CTRL_Z => Action::Suspend,
            b'?' => Action::Help,
            b'd' if self.demonstration == Demonstration::On => Action::DarkenPath,
            b'#' | b'&' | b'B' | b'C' | b'R' | b'V' | b'v' => Action::Unsupported(key),
            _ => {
                // The key itself is looked at again: it may end the line.
                self.line_start = false;
                return forward(Bytes::copy_from_slice(&[char]), actions);
            }
        };
        keys.advance(1);
        actions.push(action);
    }
}

/// What `~?` shows, as lines that end in CR LF.
pub fn help(char: EscapeChar, demonstration: Demonstration) -> String {
    let mut lines = vec![
        (".", "leave: end the session and this program"),
        ("^Z", "suspend this program; fg brings it back"),
        ("?", "this list"),
    ];
    if demonstration == Demonstration::On {
        lines.push((
            "d",
            "make the path dark for some seconds, and watch the session return",
        ));
    }
    let mut text = String::from("At the start of a line:\r\n");
    for (key, meaning) in lines {
        text.push_str(&format!(" {char}{key:<3} {meaning}\r\n"));
    }
    text.push_str(&format!(" {char}{char}   type {char} itself\r\n"));
    text
}

const CTRL_Z: u8 = 0x1a;

fn forward(keys: Bytes, actions: &mut Vec<Action>) {
    if !keys.is_empty() {
        actions.push(Action::Forward(keys));
    }
}
