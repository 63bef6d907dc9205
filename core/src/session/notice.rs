//! How the user is told that output was dropped.

use std::fmt::Write as _;

use super::kept::Dropped;

/// One line, in yellow, on a line of its own.
pub(super) fn to_screen(dropped: Dropped) -> String {
    let Dropped { lines, bytes } = dropped;
    format!(
        "\r\x1b[0;33m[tsshd dropped {lines} lines ({bytes} bytes) of output here while the client was away]\x1b[0m\x1b[K\r\n"
    )
}

/// The same as a line of tmux's control mode, in which anything else would be taken for the end of tmux: output of
/// `pane`, control characters in octal.
pub(super) fn to_pane(pane: &str, dropped: Dropped) -> String {
    let mut told = format!("%output {pane} ");
    for byte in to_screen(dropped).bytes() {
        // Writing to a string cannot fail.
        let _ = match byte {
            b' '..=b'~' if byte != b'\\' => write!(told, "{}", char::from(byte)),
            _ => write!(told, "\\{byte:03o}"),
        };
    }
    told + "\r\n"
}

/// The pane of a line of tmux's control mode, such as `%3`.
pub(super) fn pane_of(line: &[u8]) -> Option<&str> {
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
