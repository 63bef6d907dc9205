//! What the client wants of a terminal: one value, of which only the latest matters.

use bytes::Bytes;
use tssh_core::wire::{Resize, SessionStart};

use super::request::side;

/// The size of a terminal, and how often it was to be painted anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Characters per line.
    pub cols: u16,
    /// Lines.
    pub rows: u16,
    /// Counts the wishes for a fresh screen.
    pub redraws: u64,
    /// Stands before the output of the latest fresh screen; its owner drops what comes before.
    pub marker: Option<Bytes>,
}

impl Wishes {
    /// The size at the start.
    pub fn of(message: &SessionStart) -> Self {
        let (cols, rows) = (side(message.cols), side(message.rows));
        Self {
            cols: if cols == 0 { USUAL_COLS } else { cols },
            rows: if rows == 0 { USUAL_ROWS } else { rows },
            ..Self::default()
        }
    }

    /// Takes over what `resize` says. A size of 0 is no size: the former one stays.
    pub fn handle_resize(&mut self, resize: &Resize) {
        if resize.cols > 0 && resize.rows > 0 {
            self.cols = side(resize.cols);
            self.rows = side(resize.rows);
        }
        if resize.redraw {
            self.redraws += 1;
        }
        // A marker that could end a line, or that is longer than any client draws, is none.
        let wellformed = !resize
            .marker
            .iter()
            .any(|byte| matches!(byte, b'\r' | b'\n'))
            && resize.marker.len() <= MAX_MARKER;
        if !resize.marker.is_empty() && wellformed {
            self.marker = Some(Bytes::copy_from_slice(&resize.marker));
            self.redraws += u64::from(!resize.redraw);
        }
    }
}

/// PROTOCOL.md, "Sessions": what 0 means.
const USUAL_COLS: u16 = 80;
const USUAL_ROWS: u16 = 24;

/// A deployed client draws some 40 bytes.
const MAX_MARKER: usize = 1024;
