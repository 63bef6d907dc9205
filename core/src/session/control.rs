//! tmux's control mode: what is shown in a pane travels in lines, and anything else ends it.

use std::fmt::Write as _;

/// What a terminal sees first of it, from the ESC on.
pub const OPENING: &[u8] = b"\x1bP1000p";

/// A line that shows `bytes` in `pane`: control characters are in octal.
pub fn to_pane(pane: &str, bytes: &[u8]) -> String {
    let mut line = format!("%output {pane} ");
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = match byte {
            b' '..=b'~' if *byte != b'\\' => write!(line, "{}", char::from(*byte)),
            _ => write!(line, "\\{byte:03o}"),
        };
    }
    line + "\r\n"
}

/// The pane that a line, or the beginning of one, is for, such as `%3`.
pub fn pane_of(line: &[u8]) -> Option<&str> {
    let rest = line
        .strip_prefix(b"%output ")
        .or_else(|| line.strip_prefix(b"%extended-output "))?;
    let pane = rest.split(|byte| *byte == b' ').next()?;
    let pane = std::str::from_utf8(pane).ok()?;
    let number = pane.strip_prefix('%')?;
    let wellformed = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (wellformed && pane.len() <= MAX_PANE).then_some(pane)
}

/// `%` and a number.
const MAX_PANE: usize = 16;
