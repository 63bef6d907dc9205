//! Where a program's escape sequences begin and end, and what few of them mean.
//!
//! Enough of ECMA-48 and xterm's control sequences to cut output without cutting a sequence, to know the modes that a
//! terminal is in, and to recognise questions that a terminal would answer.

/// Reads output byte by byte.
#[derive(Clone, Debug, Default)]
pub(super) struct Parser {
    state: State,
    /// The first bytes of the sequence, without its introducer.
    head: Head,
    /// The last two bytes of a string.
    tail: [u8; 2],
    /// tmux speaks its control mode: lines of text inside one endless device control string.
    control_mode: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// So many bytes of a UTF-8 character are missing.
    Utf8(u8),
    Escape,
    /// ESC and intermediate bytes.
    EscapeIntermediate,
    Csi,
    /// A device control string before its final byte.
    DcsHead,
    Dcs,
    Osc,
    /// APC, PM or SOS.
    OtherString,
    /// ESC within a string: its end if a backslash follows.
    StringEscape(StringKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StringKind {
    Dcs,
    Osc,
    Other,
}

/// What a byte has completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A character, a part of one, or a control character.
    Text,
    /// The middle of a sequence.
    Inside,
    /// A sequence without a meaning here.
    Other,
    /// A sequence that moves the cursor to a place, or erases the screen.
    Addressing,
    /// A question to the terminal.
    Query,
    /// Private modes were set or reset: see [`Parser::modes`].
    Modes {
        /// Set, or reset.
        set: bool,
    },
}

impl Parser {
    /// Takes in one byte.
    pub(super) fn push(&mut self, byte: u8) -> Step {
        match self.state {
            State::Ground => self.ground(byte),
            State::Utf8(missing) if byte & 0xc0 == 0x80 => {
                self.state = match missing {
                    0 | 1 => State::Ground,
                    more => State::Utf8(more - 1),
                };
                Step::Text
            }
            State::Utf8(_) => {
                self.state = State::Ground;
                self.ground(byte)
            }
            // ECMA-48: CAN and SUB abort a sequence, ESC begins another.
            _ if matches!(byte, 0x18 | 0x1a) => self.end(Step::Other),
            State::Escape => self.escape(byte),
            State::EscapeIntermediate => match byte {
                0x1b => self.begin(State::Escape),
                0x30..=0x7e => self.end(Step::Other),
                _ => Step::Inside,
            },
            State::Csi => match byte {
                0x1b => self.begin(State::Escape),
                0x40..=0x7e => {
                    let step = self.head.csi(byte);
                    self.end(step)
                }
                _ => self.head.push(byte),
            },
            State::DcsHead => match byte {
                0x1b => self.begin(State::StringEscape(StringKind::Dcs)),
                b'p' if self.head.bytes() == b"1000" => {
                    self.control_mode = true;
                    self.end(Step::Other)
                }
                0x40..=0x7e => {
                    self.head.push(byte);
                    self.state = State::Dcs;
                    Step::Inside
                }
                _ => self.head.push(byte),
            },
            State::Dcs => self.string(byte, StringKind::Dcs),
            State::Osc if byte == 0x07 => self.end_string(StringKind::Osc),
            State::Osc => self.string(byte, StringKind::Osc),
            State::OtherString => self.string(byte, StringKind::Other),
            State::StringEscape(kind) if byte == b'\\' => self.end_string(kind),
            State::StringEscape(_) => {
                self.state = State::Escape;
                self.escape(byte)
            }
        }
    }

    /// Whether the output may be cut here.
    pub(super) fn is_between(&self) -> bool {
        self.state == State::Ground
    }

    /// Whether tmux speaks its control mode.
    pub(super) fn is_control_mode(&self) -> bool {
        self.control_mode
    }

    /// How many of `bytes` are plain ASCII text, before which nothing is under way.
    pub(super) fn plain(&self, bytes: &[u8]) -> usize {
        if self.state != State::Ground {
            return 0;
        }
        let end = bytes.iter().position(|byte| !(0x20..0x7f).contains(byte));
        end.unwrap_or(bytes.len())
    }

    /// The modes of the sequence that gave [`Step::Modes`].
    pub(super) fn modes(&self) -> impl Iterator<Item = u16> + '_ {
        let params = self.head.bytes().get(1..).unwrap_or_default();
        params.split(|byte| *byte == b';').filter_map(number)
    }

    fn ground(&mut self, byte: u8) -> Step {
        match byte {
            0x1b => self.begin(State::Escape),
            // ENQ: the terminal sends its answerback.
            0x05 => Step::Query,
            0xc2..=0xdf => self.begin_character(1),
            0xe0..=0xef => self.begin_character(2),
            0xf0..=0xf4 => self.begin_character(3),
            _ => Step::Text,
        }
    }

    fn begin_character(&mut self, missing: u8) -> Step {
        self.state = State::Utf8(missing);
        Step::Text
    }

    fn escape(&mut self, byte: u8) -> Step {
        match byte {
            0x1b => self.begin(State::Escape),
            b'[' => self.begin(State::Csi),
            b']' => self.begin(State::Osc),
            b'P' => self.begin(State::DcsHead),
            b'_' | b'^' | b'X' => self.begin(State::OtherString),
            b'Z' => self.end(Step::Query),
            b'\\' if self.control_mode => {
                self.control_mode = false;
                self.end(Step::Other)
            }
            0x20..=0x2f => {
                self.state = State::EscapeIntermediate;
                Step::Inside
            }
            _ => self.end(Step::Other),
        }
    }

    fn string(&mut self, byte: u8, kind: StringKind) -> Step {
        if byte == 0x1b {
            self.state = State::StringEscape(kind);
            return Step::Inside;
        }
        self.tail = [self.tail[1], byte];
        self.head.push(byte)
    }

    fn end_string(&mut self, kind: StringKind) -> Step {
        let step = match kind {
            StringKind::Dcs => self.head.dcs(),
            StringKind::Osc => self.head.osc(self.tail),
            StringKind::Other => Step::Other,
        };
        self.end(step)
    }

    fn begin(&mut self, state: State) -> Step {
        self.state = state;
        self.head.clear();
        self.tail = [0; 2];
        Step::Inside
    }

    fn end(&mut self, step: Step) -> Step {
        self.state = State::Ground;
        step
    }
}

/// The beginning of a sequence: enough to know it by.
#[derive(Clone, Debug)]
struct Head {
    bytes: [u8; HEAD_LEN],
    len: usize,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            bytes: [0; HEAD_LEN],
            len: 0,
        }
    }
}

impl Head {
    fn push(&mut self, byte: u8) -> Step {
        if let Some(free) = self.bytes.get_mut(self.len) {
            *free = byte;
            self.len += 1;
        }
        Step::Inside
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// What a control sequence with this final byte means. Sequences by xterm's `ctlseqs`, and kitty's protocols.
    fn csi(&self, last: u8) -> Step {
        let bytes = self.bytes();
        let (private, params) = match bytes.split_first() {
            Some((mark @ b'<'..=b'?', rest)) => (*mark, rest),
            _ => (0, bytes),
        };
        let intermediate = params
            .iter()
            .copied()
            .find(|byte| (0x20..=0x2f).contains(byte));
        let first = params.split(|byte| *byte == b';').next();
        let first = first.and_then(number).unwrap_or(0);
        match (private, intermediate, last) {
            (b'?', None, b'h') => Step::Modes { set: true },
            (b'?', None, b'l') => Step::Modes { set: false },
            // DSR, DA1 to DA3, DECREQTPARM.
            (0 | b'?', None, b'n') | (0 | b'>' | b'=', None, b'c') | (0, None, b'x') => Step::Query,
            // XTVERSION; the keyboard's modes, kitty's and xterm's; XTSMGRAPHICS.
            (b'>', None, b'q') | (b'?', None, b'u' | b'm' | b'S') => Step::Query,
            // DECRQM, DECRQPSR, DECRQCRA.
            (_, Some(b'$'), b'p') | (0, Some(b'$'), b'w') | (0, Some(b'*'), b'y') => Step::Query,
            // Reports of the window.
            (0, None, b't') if matches!(first, 11 | 13..=16 | 18..=21) => Step::Query,
            (0, None, b'H' | b'f' | b'J' | b'd') => Step::Addressing,
            _ => Step::Other,
        }
    }

    /// XTGETTCAP and DECRQSS.
    fn dcs(&self) -> Step {
        if self.bytes().starts_with(b"+q") || self.bytes().starts_with(b"$q") {
            return Step::Query;
        }
        Step::Other
    }

    /// Colours and the clipboard, when `?` stands where a value would.
    fn osc(&self, tail: [u8; 2]) -> Step {
        let code = self.bytes().split(|byte| *byte == b';').next();
        let asks = match code.and_then(number) {
            Some(4 | 5 | 10..=19 | 52) => tail == *b";?",
            Some(21) => tail == *b"=?",
            _ => false,
        };
        if asks { Step::Query } else { Step::Other }
    }
}

fn number(digits: &[u8]) -> Option<u16> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The longest list of modes that any known program sets at once fits.
const HEAD_LEN: usize = 64;
