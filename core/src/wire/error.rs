//! What can be wrong with a stream's bytes.

use std::fmt;
use std::io;

use super::codec::MAX_MESSAGE;

/// Why a command or message could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A command that is no word.
    #[error("command {0} is not a word of 1 to 255 printable characters")]
    BadCommand(Printable),
    /// The stream itself.
    #[error("the stream broke while a message was on its way")]
    Io(#[from] io::Error),
    /// A message that is whole, and not what was wanted. What follows it can still be read.
    #[error("message is not the JSON that was wanted: {0}")]
    Json(Printable),
    /// An earlier error of this decoder left no way to tell where the next message starts.
    #[error("nothing can be read behind a malformed message")]
    OutOfStep,
    /// The peer said no.
    #[error("the server refuses: {reason}")]
    Refused {
        /// [`WireError::PROHIBITED`], [`WireError::NOT_A_PTY`], or 0 when none fits.
        code: i64,
        /// The peer's own words.
        reason: Printable,
    },
    /// A length over the limit: the peer misbehaves, and nothing that follows can be read.
    #[error("message of {0} bytes is over the limit of {MAX_MESSAGE}")]
    TooLong(u64),
    /// A well-formed command that nobody knows.
    #[error("command {0:?} is unknown to this version")]
    UnknownCommand(String),
}

impl WireError {
    /// Refused by the server's administrator, for example by `AllowTcpForwarding no`.
    pub const PROHIBITED: i64 = 101;
    /// There is no pseudo terminal: in the session to attach to, or for the one to start.
    pub const NOT_A_PTY: i64 = 102;

    /// Whether the bytes that follow can still be understood.
    pub fn is_recoverable(&self) -> bool {
        matches!(
            self,
            Self::Json(_) | Self::Refused { .. } | Self::UnknownCommand(_)
        )
    }
}

/// Text of a peer, made safe for a terminal: control characters replaced, length bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printable(String);

impl Printable {
    /// Makes `text` safe. Runs of control characters and blanks become one blank.
    pub fn new(text: &str) -> Self {
        let mut safe = String::new();
        for c in text.chars() {
            let blank = c.is_whitespace() || c.is_control() || is_invisible(c);
            if !blank {
                safe.push(c);
            } else if !safe.is_empty() && !safe.ends_with(' ') {
                safe.push(' ');
            }
            if safe.len() >= MAX_PRINTABLE {
                safe.push('…');
                break;
            }
        }
        safe.truncate(safe.trim_end().len());
        Self(safe)
    }

    /// The safe text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "(nothing)"
        } else {
            &self.0
        })
    }
}

/// Characters that reorder or hide their neighbours on a screen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Enough for any sentence of a server, too little to fill a screen.
const MAX_PRINTABLE: usize = 512;
