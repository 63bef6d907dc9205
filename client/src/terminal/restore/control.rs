//! Output of tmux's control mode (`tmux -CC`), line by line: where something of our own may stand in it.

use memchr::memchr;
use tssh_core::session::control::{OPENING, pane_of, to_pane};

/// A remote tmux that speaks to the terminal, from its opening to the end of the string of data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Control {
    /// How much of the line that is not complete was seen, up to [`LINE_START`].
    line: Vec<u8>,
    /// What follows `%begin`, until the end of that answer.
    block: Option<Vec<u8>>,
    /// The pane that was written to last.
    pane: String,
}

impl Control {
    /// Whether a string of data that begins with `partial` is tmux's.
    pub(super) fn is_opened_by(partial: &[u8]) -> bool {
        partial.starts_with(OPENING)
    }

    /// Takes note of what follows [`OPENING`].
    pub(super) fn observe(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr(b'\n', bytes) {
            self.keep(&bytes[..end]);
            self.end_line();
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// The line that shows `drawing` in the pane that was written to last; `None` in the middle of a line or of an answer,
    /// where it would be taken for a part of that.
    pub(super) fn line(&self, drawing: &[u8]) -> Option<String> {
        let between = self.line.is_empty() && self.block.is_none() && !self.pane.is_empty();
        between.then(|| to_pane(&self.pane, drawing))
    }

    /// What tmux itself says at its end.
    pub(super) fn farewell(&self) -> &'static str {
        match self.line.is_empty() {
            true => "%exit\r\n\x1b\\",
            false => "\r\n%exit\r\n\x1b\\",
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_START - self.line.len();
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self) {
        let line = self.line.trim_ascii_end();
        if let Some(block) = &self.block {
            let end = line.strip_prefix(b"%end ");
            if end.or_else(|| line.strip_prefix(b"%error ")) == Some(block) {
                self.block = None;
            }
        } else if let Some(block) = line.strip_prefix(b"%begin ") {
            self.block = Some(block.to_vec());
        } else if let Some(pane) = pane_of(line) {
            self.pane.clear();
            self.pane.push_str(pane);
        }
        self.line.clear();
    }
}

/// Longer than what names a pane or an answer.
const LINE_START: usize = 64;
