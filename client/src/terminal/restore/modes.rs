//! Which terminal modes a remote program has changed, and the bytes that undo exactly those.
//!
//! Facts from xterm's "Control Sequences" (ctlseqs), ECMA-48 and the kitty keyboard protocol.

use std::fmt::Write as _;

use super::kitty::{Kitty, Screen};

/// Every tracked mode that differs from what a terminal starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Modes {
    /// Bit `n` is set while `PRIVATE[n]` differs from its default.
    private: u32,
    /// Bit `n` is set while `ANSI[n]` differs from its default.
    ansi: u8,
    /// `CSI Ps SP q`; 0 is the user's own shape.
    cursor_shape: u8,
    keypad: bool,
    coloured: bool,
    linked: bool,
    /// Dynamic colours set by OSC 10, 11 and 12, a bit each.
    colours: u8,
    region: Option<(u16, u16)>,
    /// What G0 to G3 were designated as; 0 is the default, ASCII.
    charsets: [u8; 4],
    shifted: bool,
    not_utf8: bool,
    /// XTMODKEYS resources 0 to 7; `None` is the user's own setting.
    modified_keys: [Option<u8>; 8],
    kitty: Kitty,
}

/// What a drawing of our own must know of the screen it goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surface {
    /// A full-screen program draws on the alternate screen.
    pub alternate: bool,
    /// Text goes on in the next line at the right margin, as is usual.
    pub autowrap: bool,
    /// Text pushes what is right of it aside.
    pub insert: bool,
    /// A tmux in control mode has the terminal, and what is drawn goes to one of its panes.
    pub control: bool,
}

impl Default for Surface {
    fn default() -> Self {
        Modes::default().surface()
    }
}

/// DEC private modes worth undoing, with the state a terminal starts in.
///
/// 1048 and 1007 are left out: the one is no mode, the other's default differs between terminals.
const PRIVATE: [(u16, bool); 27] = [
    (1, false),    // application cursor keys
    (5, false),    // reverse video
    (6, false),    // origin mode
    (7, true),     // autowrap
    (9, false),    // X10 mouse
    (25, true),    // cursor shown
    (45, false),   // reverse wraparound
    (66, false),   // application keypad
    (69, false),   // left and right margins
    (1000, false), // mouse: buttons
    (1001, false), // mouse: highlight
    (1002, false), // mouse: drag
    (1003, false), // mouse: all motion
    (1004, false), // focus events
    (1005, false), // mouse: UTF-8 coordinates
    (1006, false), // mouse: SGR coordinates
    (1015, false), // mouse: urxvt coordinates
    (1016, false), // mouse: pixels
    (2004, false), // bracketed paste
    (2026, false), // synchronized output
    (2031, false), // colour scheme reports
    (2048, false), // size reports
    (9001, false), // win32 input mode
    (8, true),     // key repeat
    (47, false),   // alternate screen, the three ways
    (1047, false),
    (1049, false),
];
/// Where the alternate screen's three modes start in [`PRIVATE`].
const ALTERNATE: usize = 24;
const AUTOWRAP: usize = 3;
const ORIGIN: usize = 2;
const SYNCHRONIZED: usize = 19;

/// Keyboard locked, insert mode, line feed implies carriage return: all off by default.
const ANSI: [u16; 3] = [2, 4, 20];
const INSERT: usize = 1;

impl Modes {
    /// `CSI private params intermediates last`, with the byte `private` (`?`, `>`, `<`, `=`) or 0.
    pub(super) fn handle_csi(&mut self, private: u8, params: &[u8], middle: &[u8], last: u8) {
        match (private, middle, last) {
            (b'?', b"", b'h') => self.set_private(params, true),
            (b'?', b"", b'l') => self.set_private(params, false),
            (0, b"", b'h') => self.set_ansi(params, true),
            (0, b"", b'l') => self.set_ansi(params, false),
            (0, b"", b'm') => self.set_rendition(params),
            (0, b"", b'r') => {
                let mut edges = numbers(params);
                let edges = (edges.next().unwrap_or(0), edges.next().unwrap_or(0));
                self.region = (edges != (0, 0)).then_some(edges);
            }
            (0, b" ", b'q') => self.cursor_shape = byte(numbers(params).next().unwrap_or(0)),
            (0, b"!", b'p') => self.soft_reset(),
            (b'>', b"", b'm' | b'n') => self.set_modified_keys(params, last),
            (b'>', b"", b'u') => self.kitty.handle_push(self.screen(), params),
            (b'<', b"", b'u') => self.kitty.handle_pop(self.screen(), params),
            (b'=', b"", b'u') => self.kitty.handle_set(self.screen(), params),
            _ => {}
        }
    }

    /// `ESC middle last`.
    pub(super) fn handle_escape(&mut self, middle: &[u8], last: u8) {
        match (middle, last) {
            (b"", b'c') => *self = Self::default(),
            (b"", b'=') => self.keypad = true,
            (b"", b'>') => self.keypad = false,
            (b"", b'n' | b'o') => self.shifted = true,
            (b"%", b'@') => self.not_utf8 = true,
            (b"%", b'G') => self.not_utf8 = false,
            ([slot @ b'('..=b'+', ..], last) => {
                let ascii = middle.len() == 1 && last == b'B';
                self.charsets[usize::from(slot - b'(')] = if ascii { 0 } else { last };
            }
            _ => {}
        }
    }

    /// The text of an operating system command, without its ends.
    pub(super) fn handle_command(&mut self, text: &[u8]) {
        if let Some(link) = text.strip_prefix(b"8;") {
            self.linked = !link.ends_with(b";");
        }
        for (bit, name) in ["10", "11", "12"].iter().enumerate() {
            if let Some(colour) = text.strip_prefix(name.as_bytes())
                && colour.starts_with(b";")
                && colour != b";?"
            {
                self.colours |= 1 << bit;
            }
            if text
                .strip_prefix(b"1")
                .is_some_and(|rest| rest == name.as_bytes())
            {
                self.colours &= !(1 << bit);
            }
        }
    }

    /// Shift out (G1) or shift in (G0).
    pub(super) fn handle_shift(&mut self, shifted: bool) {
        self.shifted = shifted;
    }

    pub(super) fn shifted(&self) -> bool {
        self.shifted
    }

    pub(super) fn surface(&self) -> Surface {
        Surface {
            alternate: self.alternate_screen(),
            autowrap: self.private & 1 << AUTOWRAP == 0,
            insert: self.ansi & 1 << INSERT != 0,
            control: false,
        }
    }

    pub(super) fn alternate_screen(&self) -> bool {
        self.private >> ALTERNATE != 0
    }

    /// Writes what brings a terminal in these modes back to its defaults. Never clears anything.
    pub(super) fn switch_off(&self, out: &mut String) {
        if self.private & 1 << SYNCHRONIZED != 0 {
            out.push_str("\x1b[?2026l");
        }
        if self.linked {
            out.push_str("\x1b]8;;\x1b\\");
        }
        if self.alternate_screen() {
            self.kitty.switch_off(Screen::Alternate, out);
        }
        for (bit, (mode, default)) in PRIVATE.iter().enumerate().rev() {
            if self.private & 1 << bit != 0 && ![SYNCHRONIZED, ORIGIN].contains(&bit) {
                set(out, "?", *mode, *default);
            }
        }
        self.kitty.switch_off(Screen::Main, out);
        for (bit, mode) in ANSI.iter().enumerate() {
            if self.ansi & 1 << bit != 0 {
                set(out, "", *mode, false);
            }
        }
        self.switch_off_keys(out);
        self.switch_off_looks(out);
        if self.private & 1 << ORIGIN != 0 {
            // Leaving origin mode homes the cursor; the last line is the one place where a prompt
            // overwrites nothing but what scrolls away.
            out.push_str("\x1b[r\x1b[?6l\x1b[999;1H");
        } else if self.region.is_some() {
            out.push_str("\x1b7\x1b[r\x1b8");
        }
    }

    /// Writes what brings a terminal from its defaults into these modes, as far as they can be
    /// repeated: colours and links are for the remote program to draw again.
    pub(super) fn switch_on_again(&self, out: &mut String) {
        self.kitty.switch_on_again(Screen::Main, out);
        // The alternate screen first, then upwards: of two mouse modes the later one counts, and
        // programs that ask for both want the higher.
        for bit in (ALTERNATE..PRIVATE.len()).chain(0..ALTERNATE) {
            // A frame that was being drawn is lost; holding the screen back for it would freeze it.
            if self.private & 1 << bit != 0 && bit != SYNCHRONIZED {
                let (mode, default) = PRIVATE[bit];
                set(out, "?", mode, !default);
            }
        }
        if self.alternate_screen() {
            self.kitty.switch_on_again(Screen::Alternate, out);
        }
        for (bit, mode) in ANSI.iter().enumerate() {
            if self.ansi & 1 << bit != 0 {
                set(out, "", *mode, true);
            }
        }
        if self.keypad {
            out.push_str("\x1b=");
        }
        for (resource, value) in self.modified_keys.iter().enumerate() {
            if let Some(value) = value {
                push(out, format_args!("\x1b[>{resource};{value}m"));
            }
        }
        if self.cursor_shape != 0 {
            push(out, format_args!("\x1b[{} q", self.cursor_shape));
        }
        if let Some((top, bottom)) = self.region {
            push(out, format_args!("\x1b7\x1b[{top};{bottom}r\x1b8"));
        }
        for (slot, last) in ('('..='+').zip(self.charsets) {
            if last != 0 {
                push(out, format_args!("\x1b{slot}{}", char::from(last)));
            }
        }
        if self.shifted {
            out.push('\x0e');
        }
    }

    fn set_private(&mut self, params: &[u8], on: bool) {
        for wanted in numbers(params) {
            let Some(bit) = PRIVATE.iter().position(|(mode, _)| *mode == wanted) else {
                continue;
            };
            if on == PRIVATE[bit].1 {
                self.private &= !(1 << bit);
                if bit >= ALTERNATE {
                    // Whichever of the three leaves, there is but one alternate screen.
                    self.private &= (1 << ALTERNATE) - 1;
                }
            } else {
                self.private |= 1 << bit;
            }
        }
    }

    fn set_ansi(&mut self, params: &[u8], on: bool) {
        for wanted in numbers(params) {
            if let Some(bit) = ANSI.iter().position(|mode| *mode == wanted) {
                self.ansi = self.ansi & !(1 << bit) | u8::from(on) << bit;
            }
        }
    }

    fn set_rendition(&mut self, params: &[u8]) {
        let mut groups = params.split(|byte| *byte == b';');
        while let Some(group) = groups.next() {
            self.coloured = group.iter().any(|byte| *byte != b'0');
            // A zero that belongs to a colour resets nothing.
            if let b"38" | b"48" | b"58" = group {
                let skipped = match groups.next() {
                    Some(b"5") => 1,
                    Some(b"2") => 3,
                    Some(_) | None => 0,
                };
                groups.by_ref().take(skipped).for_each(drop);
            }
        }
    }

    fn set_modified_keys(&mut self, params: &[u8], last: u8) {
        let mut values = numbers(params);
        let resource = usize::from(values.next().unwrap_or(0));
        if params.is_empty() && last == b'm' {
            self.modified_keys = [None; 8];
        } else if let Some(slot) = self.modified_keys.get_mut(resource) {
            *slot = match last {
                b'm' => values.next().filter(|value| *value != 0).map(byte),
                _ => None,
            };
        }
    }

    fn soft_reset(&mut self) {
        let kept = [1, 6, 7, 25, 66, 69];
        for (bit, (mode, _)) in PRIVATE.iter().enumerate() {
            if kept.contains(mode) {
                self.private &= !(1 << bit);
            }
        }
        self.ansi = 0;
        self.keypad = false;
        self.coloured = false;
        self.region = None;
        self.charsets = [0; 4];
        self.shifted = false;
    }

    fn screen(&self) -> Screen {
        if self.alternate_screen() {
            Screen::Alternate
        } else {
            Screen::Main
        }
    }

    fn switch_off_keys(&self, out: &mut String) {
        if self.keypad {
            out.push_str("\x1b>");
        }
        for (resource, value) in self.modified_keys.iter().enumerate() {
            if value.is_some() {
                push(out, format_args!("\x1b[>{resource}m"));
            }
        }
    }

    fn switch_off_looks(&self, out: &mut String) {
        if self.cursor_shape != 0 {
            out.push_str("\x1b[0 q");
        }
        if self.not_utf8 {
            out.push_str("\x1b%G");
        }
        for (slot, last) in ('('..='+').zip(self.charsets) {
            if last != 0 {
                push(out, format_args!("\x1b{slot}B"));
            }
        }
        if self.shifted {
            out.push('\x0f');
        }
        for bit in 0..3 {
            if self.colours & 1 << bit != 0 {
                push(out, format_args!("\x1b]11{bit}\x1b\\"));
            }
        }
        if self.coloured {
            out.push_str("\x1b[m");
        }
    }
}

fn set(out: &mut String, private: &str, mode: u16, on: bool) {
    push(
        out,
        format_args!("\x1b[{private}{mode}{}", if on { 'h' } else { 'l' }),
    );
}

pub(super) fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes everything");
}

/// Parameters as numbers; an empty one is 0, a huge or strange one 65535, which is no mode.
pub(super) fn numbers(params: &[u8]) -> impl Iterator<Item = u16> {
    params.split(|byte| *byte == b';').map(|digits| {
        digits
            .iter()
            .try_fold(0_u16, |number, digit| {
                let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
                number.checked_mul(10)?.checked_add(digit)
            })
            .unwrap_or(u16::MAX)
    })
}

pub(super) fn byte(number: u16) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
