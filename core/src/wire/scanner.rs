//! Finds a server's line in what a login prints: banners, terminal sequences, a chatty shell.
//!
//! PROTOCOL.md, "Server info".

use std::fmt;

use zeroize::Zeroizing;

use super::error::Printable;
use super::info::{InfoError, ServerInfo};

/// The most that a login may print, in bytes. A screenful of banner is a few kilobytes.
pub const MAX_OUTPUT: usize = 256 * 1024;

/// Collects a login's stdout until the server's line is in it.
///
/// What it holds is wiped when dropped.
pub struct Scanner {
    output: Zeroizing<Vec<u8>>,
    /// Where the last BEL is.
    bell: Option<usize>,
    /// How often the text behind it was tried.
    tries: u8,
}

impl Scanner {
    /// A scanner that has seen nothing.
    pub fn new() -> Self {
        // All of it at once: a reallocation would leave a copy of the keys behind.
        let output = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT));
        Self {
            output,
            bell: None,
            tries: 0,
        }
    }

    /// Takes in what came. Gives the server info as soon as its line is whole, without waiting for the
    /// end of the output.
    ///
    /// # Errors
    ///
    /// [`InfoError::TooMuch`] over [`MAX_OUTPUT`]; [`InfoError::Version`] for a server that is too old.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<ServerInfo>, InfoError> {
        if self.output.len() + bytes.len() > MAX_OUTPUT {
            return Err(InfoError::TooMuch(MAX_OUTPUT));
        }
        if let Some(at) = bytes.iter().rposition(|&byte| byte == BEL) {
            self.bell = Some(self.output.len() + at);
            self.tries = 0;
        }
        self.output.extend_from_slice(bytes);
        let Some(bell) = self
            .bell
            .filter(|_| bytes.contains(&b'\n') && self.tries < MAX_TRIES)
        else {
            return Ok(None);
        };
        self.tries += 1;
        match ServerInfo::find(&self.output[bell..]) {
            Err(version @ InfoError::Version(_)) => Err(version),
            found => Ok(found.ok()),
        }
    }

    /// The verdict at the end of the output.
    ///
    /// # Errors
    ///
    /// Any [`InfoError`] that is not about a single key.
    pub fn finish(self) -> Result<ServerInfo, InfoError> {
        ServerInfo::find(&self.output)
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner")
            .field("bytes", &self.output.len())
            .finish()
    }
}

impl ServerInfo {
    /// Finds the object in a login's whole output.
    ///
    /// Terminal sequences are dropped, what follows the last BEL counts, cut to its outermost braces; an
    /// earlier BEL is tried when nothing follows the last one.
    ///
    /// # Errors
    ///
    /// Any [`InfoError`] that is not about a single key.
    pub fn find(output: &[u8]) -> Result<Self, InfoError> {
        if output.len() > MAX_OUTPUT {
            return Err(InfoError::TooMuch(MAX_OUTPUT));
        }
        let text = plain_text(output);
        let parts = text.rsplit(|&byte| byte == BEL);
        let mut first_error = None;
        for part in parts {
            match Self::find_in_part(part) {
                Ok(info) => return Ok(info),
                Err(InfoError::Empty) => {}
                Err(why) => {
                    first_error.get_or_insert(why);
                }
            }
        }
        Err(first_error.unwrap_or(InfoError::Empty))
    }

    fn find_in_part(part: &[u8]) -> Result<Self, InfoError> {
        let part = part.trim_ascii();
        let garbage = || InfoError::Garbage(Printable::new(&without_keys(part)));
        if part.is_empty() {
            return Err(InfoError::Empty);
        }
        let open = part
            .iter()
            .position(|&byte| byte == b'{')
            .ok_or_else(garbage)?;
        let object = &part[open..];
        let Some(close) = object.iter().rposition(|&byte| byte == b'}') else {
            return Err(InfoError::Truncated(object.len()));
        };
        Self::from_json(&object[..=close])
    }
}

/// The text of `part`, with everything that could be a piece of a key left out.
fn without_keys(part: &[u8]) -> String {
    let text = String::from_utf8_lossy(part);
    let words = text.split_inclusive(|c: char| !c.is_ascii_hexdigit());
    words
        .map(|word| {
            if word.len() > LONGEST_WORD {
                "…"
            } else {
                word
            }
        })
        .collect()
}

/// Drops terminal sequences (ECMA-48, section 5), carriage returns and line feeds.
fn plain_text(output: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(output.len()));
    let mut rest = output;
    while let [byte, tail @ ..] = rest {
        rest = match byte {
            b'\r' | b'\n' => tail,
            &ESC => after_sequence(tail),
            byte => {
                text.push(*byte);
                tail
            }
        };
    }
    text
}

/// What follows a sequence, given what follows its ESC.
fn after_sequence(sequence: &[u8]) -> &[u8] {
    match sequence {
        [b'[', tail @ ..] => match tail.iter().position(|byte| !(0x20..0x40).contains(byte)) {
            Some(end) if (0x40..0x7f).contains(&tail[end]) => &tail[end + 1..],
            Some(end) => &tail[end..],
            None => &[],
        },
        [b']' | b'P' | b'X' | b'^' | b'_', tail @ ..] => {
            match tail
                .iter()
                .position(|byte| [BEL, ESC, b'\n', b'\r'].contains(byte))
            {
                // The bell stays: it may as well be the one before the object.
                Some(end) => &tail[end..],
                None => &[],
            }
        }
        [byte, tail @ ..] if (0x20..0x30).contains(byte) => tail
            .iter()
            .position(|byte| !(0x20..0x30).contains(byte))
            .map_or(&[], |end| &tail[end + 1..]),
        [byte, tail @ ..] if (0x30..0x7f).contains(byte) => tail,
        _ => sequence,
    }
}

/// Longer runs of hexadecimal digits are no words of a message.
const LONGEST_WORD: usize = 16;

/// So that a peer which sends line after line cannot make us read all of them again each time.
const MAX_TRIES: u8 = 64;

const BEL: u8 = 0x07;
const ESC: u8 = 0x1b;
