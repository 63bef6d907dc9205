//! A screen to look at while a notice is drawn on it.

use std::time::Instant;

use alacritty_terminal::Term;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::Config;
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::vte::ansi::Processor;

use super::{Decision, Notice, Output, Settings, Waiting};
use crate::terminal::signals::Size;
use crate::terminal::typeahead::Pushed;

/// A notice, and the screen it draws on.
pub(super) struct Bench {
    pub(super) notice: Notice,
    pub(super) term: Term<VoidListener>,
    parser: Processor,
    pub(super) redraws: usize,
}

impl Bench {
    pub(super) fn new(settings: Settings, columns: u16) -> Self {
        let size = TermSize::new(usize::from(columns), 24);
        Self {
            notice: Notice::new(
                settings,
                Size {
                    columns,
                    ..Size::default()
                },
            ),
            term: Term::new(Config::default(), &size, VoidListener),
            parser: Processor::new(),
            redraws: 0,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }

    /// Output of the program.
    pub(super) fn output(&mut self, bytes: &[u8], now: Instant) {
        if let Some(erasing) = self.notice.handle_output(now) {
            self.feed(&erasing);
        }
        self.feed(bytes);
    }

    /// Does what is due at `now`, and returns the first line of the screen.
    pub(super) fn at(&mut self, now: Instant) -> String {
        while let Some(output) = self.notice.poll_output(now) {
            match output {
                Output::Draw(bytes) => self.feed(&bytes),
                Output::RequestRedraw => self.redraws += 1,
            }
        }
        self.row(0)
    }

    pub(super) fn interrupt(&mut self, dropped: usize, now: Instant) -> Decision {
        let pushed = Pushed {
            interrupts: 1,
            dropped,
        };
        self.notice.handle_typed(pushed, Waiting::default(), now)
    }

    /// A line of the screen; a negative one has scrolled away.
    pub(super) fn row(&self, row: i32) -> String {
        let row = &self.term.grid()[Line(row)];
        let cells = (0..row.len()).map(|column| row[Column(column)].c);
        cells.collect::<String>().trim_end().to_owned()
    }

    pub(super) fn cursor(&self) -> (i32, usize) {
        let Point { line, column } = self.term.grid().cursor.point;
        (line.0, column.0)
    }
}
