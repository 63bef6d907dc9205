//! A process at a terminal, with its screen.

use std::env;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{self, ExitStatus};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use alacritty_terminal::Term;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::term::{Config, TermMode};
use alacritty_terminal::vte::ansi::Processor;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;
use pty_process::blocking::{Command, Pts, Pty, open};

use crate::ROLE;

/// A process at a terminal, with its screen.
pub(crate) struct Seat {
    pub(crate) pty: Pty,
    pub(crate) pts: Pts,
    pub(crate) child: Option<process::Child>,
    pub(crate) pid: Pid,
    pub(crate) found: Termios,
    pub(crate) mode_found: TermMode,
    pub(crate) term: Term<VoidListener>,
    pub(crate) parser: Processor,
    pub(crate) seen: Vec<u8>,
}

/// Far beyond what any step takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

impl Seat {
    pub(crate) fn start(role: &str) -> Self {
        let (pty, pts) = {
            // Two tests that fork at once would inherit one another's pseudo-terminals.
            static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
            let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            open().unwrap()
        };
        pty.resize(pty_process::Size::new(24, 80)).unwrap();
        let found = tcgetattr(&pts).unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args(["role", "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env("RUST_BACKTRACE", "0")
            .spawn_borrowed(&pts)
            .unwrap();
        let config = Config {
            kitty_keyboard: true,
            ..Config::default()
        };
        let term = Term::new(config, &TermSize::new(80, 24), VoidListener);
        Self {
            pty,
            pts,
            pid: Pid::from_raw(i32::try_from(child.id()).unwrap()),
            child: Some(child),
            found,
            mode_found: *term.mode(),
            term,
            parser: Processor::new(),
            seen: Vec::new(),
        }
    }

    /// Shows what the process writes until `text` is among it.
    pub(crate) fn read_until(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        let from = self.seen.len();
        while !String::from_utf8_lossy(&self.seen[from..]).contains(text) {
            assert!(
                Instant::now() < deadline,
                "no {text:?} in {:?}",
                self.seen_text()
            );
            let mut ready = [PollFd::new(self.pty.as_fd(), PollFlags::POLLIN)];
            if poll(&mut ready, PollTimeout::from(100_u8)).unwrap() == 0 {
                continue;
            }
            let mut buffer = [0; 4096];
            let length = (&self.pty).read(&mut buffer).unwrap();
            self.seen.extend_from_slice(&buffer[..length]);
            self.parser.advance(&mut self.term, &buffer[..length]);
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }

    pub(crate) fn keys(&mut self, keys: &[u8]) {
        (&self.pty).write_all(keys).unwrap();
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    /// Shows everything until the end of the process.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = self.wait_for_end();
        // Travels behind everything the process wrote, and is drawn as nothing.
        const END: &str = "\u{1b}]7;end of the process\u{7}";
        let tty = self.pts.as_fd().try_clone_to_owned().unwrap();
        std::fs::File::from(tty).write_all(END.as_bytes()).unwrap();
        self.read_until(END);
        status
    }

    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait().unwrap()));
        ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            self.signal(Signal::SIGKILL);
            panic!("no end after {:?}", self.seen_text());
        })
    }

    pub(crate) fn attributes(&self) -> Termios {
        tcgetattr(&self.pts).unwrap()
    }

    pub(crate) fn row(&self, row: i32) -> String {
        let row = &self.term.grid()[Line(row)];
        let cells = (0..row.len()).map(|column| row[Column(column)].c);
        cells.collect::<String>().trim_end().to_owned()
    }

    pub(crate) fn seen_text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
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
