//! A person at a terminal: the program on a pseudo-terminal, with a model of its screen.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use alacritty_terminal::Term;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::term::{Config, TermMode};
use alacritty_terminal::vte::ansi::Processor;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::Pid;
use pty_process::blocking::{Command, Pts, Pty, open};

use crate::rig::{Mode, PATIENCE, Rig, TSSH, pid, wait};

pub(crate) struct Seat {
    pty: Pty,
    pts: Pts,
    child: Option<Child>,
    pub(crate) pid: Pid,
    found: Termios,
    term: Term<VoidListener>,
    parser: Processor,
    /// Everything that was shown.
    pub(crate) seen: Vec<u8>,
    /// How much of it `read_until` has looked at.
    read: usize,
}

impl Seat {
    /// Runs `tssh` at a terminal of 24 lines of 80 columns.
    pub(crate) fn start(rig: &Rig, mode: Mode, arguments: &[&str]) -> Self {
        Self::start_at(rig, mode, arguments, |_| {})
    }

    /// At a terminal whose attributes were changed before.
    pub(crate) fn start_at(
        rig: &Rig,
        mode: Mode,
        arguments: &[&str],
        change: impl FnOnce(&mut Termios),
    ) -> Self {
        let mut words = rig.arguments(mode);
        words.extend(arguments.iter().map(|&word| word.to_owned()));
        let mut command = Command::new(TSSH).args(words).env("TERM", "xterm-256color");
        for name in ["SSH_AUTH_SOCK", "SSH_ASKPASS", "DISPLAY"] {
            command = command.env_remove(name);
        }
        Self::spawn(command, change)
    }

    /// Runs any program.
    pub(crate) fn spawn(mut command: Command, change: impl FnOnce(&mut Termios)) -> Self {
        let (pty, pts) = {
            // Two tests that fork at once would inherit one another's pseudo-terminals.
            static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
            let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            open().unwrap()
        };
        pty.resize(pty_process::Size::new(24, 80)).unwrap();
        let mut attributes = tcgetattr(&pts).unwrap();
        change(&mut attributes);
        tcsetattr(&pts, SetArg::TCSANOW, &attributes).unwrap();
        let child = command.spawn_borrowed(&pts).unwrap();
        Self {
            found: tcgetattr(&pts).unwrap(),
            pid: pid(&child),
            child: Some(child),
            pty,
            pts,
            term: Term::new(Config::default(), &TermSize::new(80, 24), VoidListener),
            parser: Processor::new(),
            seen: Vec::new(),
            read: 0,
        }
    }

    /// Shows what comes until `text` is among what was not read before.
    pub(crate) fn read_until(&mut self, text: &str) {
        self.show_until(&format!("{text:?}"), |seat| {
            let found = find(&seat.seen[seat.read..], text.as_bytes());
            if let Some(at) = found {
                seat.read += at + text.len();
            }
            found.is_some()
        });
    }

    /// Shows what comes until the screen holds `text`.
    pub(crate) fn wait_for_screen(&mut self, text: &str) {
        self.show_until(&format!("{text:?} on the screen"), |seat| {
            seat.screen().contains(text)
        });
    }

    /// Shows what comes until the screen does not hold `text`.
    pub(crate) fn wait_for_no(&mut self, text: &str) {
        self.show_until(&format!("screen without {text:?}"), |seat| {
            !seat.screen().contains(text)
        });
    }

    pub(crate) fn keys(&mut self, keys: &[u8]) {
        (&self.pty).write_all(keys).unwrap();
    }

    /// For who types while the screen is looked at.
    pub(crate) fn keyboard(&self) -> File {
        self.pty.as_fd().try_clone_to_owned().unwrap().into()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        self.pty
            .resize(pty_process::Size::new(rows, columns))
            .unwrap();
    }

    /// Reads without showing, until so many bytes have come.
    pub(crate) fn read_bytes(&mut self, count: usize) {
        while self.seen.len() < count {
            assert!(
                self.read_some(PATIENCE.as_secs(), false),
                "{} of {count}",
                self.seen.len()
            );
        }
    }

    /// Shows everything until the end of the program; the terminal is to be as it was found.
    pub(crate) fn leave(mut self) -> (Option<i32>, String) {
        let status = self.end();
        assert_eq!(
            tcgetattr(&self.pts).unwrap(),
            self.found,
            "the terminal's attributes"
        );
        let modes = *self.term.mode();
        assert_eq!(modes, TermMode::default(), "the terminal's modes");
        (status.code(), self.screen())
    }

    /// The attributes that the terminal has.
    pub(crate) fn attributes(&self) -> Termios {
        tcgetattr(&self.pts).unwrap()
    }

    /// The attributes that the terminal had before.
    pub(crate) fn found(&self) -> &Termios {
        &self.found
    }

    /// Reads the rest without showing it, and waits for the end of the program.
    pub(crate) fn wait_for_end(mut self) {
        assert_eq!(wait(self.child.take().unwrap()).code(), Some(0));
        assert_eq!(
            tcgetattr(&self.pts).unwrap(),
            self.found,
            "the terminal's attributes"
        );
    }

    fn end(&mut self) -> ExitStatus {
        let status = wait(self.child.take().unwrap());
        // Travels behind everything the program wrote, and is drawn as nothing.
        const END: &str = "\u{1b}]7;end of the program\u{7}";
        let tty = self.pts.as_fd().try_clone_to_owned().unwrap();
        File::from(tty).write_all(END.as_bytes()).unwrap();
        self.read_until(END);
        status
    }

    /// The lines of the screen, without blanks at their ends.
    pub(crate) fn screen(&self) -> String {
        let rows = (0..24).map(|row| {
            let row = &self.term.grid()[Line(row)];
            let cells = (0..row.len()).map(|column| row[Column(column)].c);
            cells.collect::<String>().trim_end().to_owned()
        });
        rows.collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    fn show_until(&mut self, what: &str, mut reached: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !reached(self) {
            let left = deadline.saturating_duration_since(Instant::now()).as_secs();
            let more = left > 0 && self.read_some(left, true);
            assert!(
                more,
                "no {what}, but:\n{}\n{:?}",
                self.screen(),
                self.tail()
            );
        }
    }

    /// Whether something came in so many seconds.
    fn read_some(&mut self, seconds: u64, shown: bool) -> bool {
        let patience = PollTimeout::try_from(seconds * 1000).unwrap();
        let mut ready = [PollFd::new(self.pty.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, patience).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 65536];
        let length = (&self.pty).read(&mut buffer).unwrap();
        self.seen.extend_from_slice(&buffer[..length]);
        if shown {
            self.parser.advance(&mut self.term, &buffer[..length]);
        }
        length > 0
    }

    fn tail(&self) -> String {
        let from = self.seen.len().saturating_sub(2000);
        String::from_utf8_lossy(&self.seen[from..]).into_owned()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Where `text` is in `bytes`.
pub(crate) fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, text)
}
