//! The bytes that draw and erase one line, leaving the cursor and its looks where they were.

use crate::terminal::restore::Surface;

/// Where the notice is drawn (`ShowNotificationOnTop`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In the cursor's line, right of the cursor: at a prompt that place is blank, so erasing
    /// leaves no trace.
    CursorLine,
    /// Over the first line.
    #[default]
    Top,
}

/// Draws `text`, which must be ASCII and no longer than `columns`. Never scrolls.
pub(super) fn draw(place: Place, text: &str, columns: u16, surface: Surface) -> Vec<u8> {
    let columns = usize::from(columns);
    let mut out = open(surface);
    match place {
        // Padded, since not every terminal paints the rest of a line in reverse.
        Place::Top => out.push_str(&format!("{TO_TOP}{REVERSE}{text:columns$}")),
        // How far right the cursor is, nobody knows: without autowrap the margin cuts the text, and
        // the space at its end is what stays in the last column.
        Place::CursorLine => {
            out.push_str(&format!("\x1b[?7l\x1b[m\x1b[K{REVERSE} {text} "));
            if surface.autowrap {
                out.push_str("\x1b[?7h");
            }
        }
    }
    close(out, surface)
}

/// Erases what [`draw`] drew.
pub(super) fn erase(place: Place, surface: Surface) -> Vec<u8> {
    let mut out = open(surface);
    out.push_str(match place {
        Place::CursorLine => "\x1b[m\x1b[K",
        Place::Top => "\x1b[1;1H\x1b[m\x1b[2K",
    });
    close(out, surface)
}

/// A line of its own in the flow of the main screen.
pub(super) fn line(text: &str) -> Vec<u8> {
    format!("\r\x1b[m\x1b[K{text}\r\n").into_bytes()
}

const TO_TOP: &str = "\x1b[1;1H";
const REVERSE: &str = "\x1b[0;7m";

/// Saves cursor, rendition and character set. The first line may be that of a scroll region, for
/// a program in origin mode: not every terminal would give that mode back with the cursor.
fn open(surface: Surface) -> String {
    let insert = if surface.insert { "\x1b[4l" } else { "" };
    format!("\x1b7{insert}\x1b(B")
}

fn close(mut out: String, surface: Surface) -> Vec<u8> {
    out.push_str("\x1b8");
    if surface.insert {
        out.push_str("\x1b[4h");
    }
    out.into_bytes()
}
