//! The terminal is given back as it was found, on every way out of a real process on a real
//! pseudo-terminal.
//!
//! The process is this very test binary, started again with `TSSH_TEST_ROLE` set.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock, and a test that cannot go on has failed"
)]

use std::env;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{self, ExitStatus};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use alacritty_terminal::Term;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::term::{Config, TermMode};
use alacritty_terminal::vte::ansi::{Color, NamedColor, Processor};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, tcsetpgrp};
use pty_process::blocking::{Command, Pts, Pty, open};
use tssh_client::terminal::{Attributes, Guard, Input, Output, Signals, Size, raw};

const ROLE: &str = "TSSH_TEST_ROLE";

/// A full-screen program's start, with every kind of mode, and a colour at the end.
const MODES: &[u8] = b"\x1b[>1u\x1b[?1049h\x1b[?1h\x1b=\x1b[?1002;1003;1006;1004;2004h\x1b[?25l\
    \x1b[4 q\x1b[2;9r\x1b[4h\x1b(0\x1b[>5u\x1b[31mqqq";

#[test]
fn every_way_out_gives_the_terminal_back() {
    use Signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let table = [
        ("return", None, 0),
        ("error", None, 1),
        ("exit", None, 7),
        ("panic", None, 101),
        ("thread panic", None, 102),
        ("signal", Some(SIGTERM), 255),
        ("signal", Some(SIGHUP), 255),
        ("signal", Some(SIGINT), 255),
        ("signal", Some(SIGQUIT), 255),
        ("deaf", Some(SIGTERM), 255),
    ];
    for (role, signal, status) in table {
        let mut seat = Seat::start(role);
        let found = seat.found.clone();
        seat.read_until("ready");
        assert_ne!(seat.attributes(), found, "{role}: not raw");
        assert!(
            !seat.attributes().local_flags.contains(LocalFlags::ISIG),
            "{role}"
        );
        assert!(
            seat.term
                .mode()
                .contains(TermMode::ALT_SCREEN | TermMode::MOUSE_MOTION),
            "{role}"
        );
        match signal {
            Some(signal) => seat.signal(signal),
            None => seat.keys(b"x"),
        }
        assert_eq!(seat.wait().code(), Some(status), "{role}");

        assert_eq!(seat.attributes(), found, "{role} {signal:?}: attributes");
        assert_eq!(
            *seat.term.mode(),
            seat.mode_found,
            "{role} {signal:?}: modes"
        );
        assert_eq!(
            seat.term.cursor_style(),
            Config::default().default_cursor_style,
            "{role}"
        );
        let colour = seat.term.grid().cursor.template.fg;
        assert_eq!(
            colour,
            Color::Named(NamedColor::Foreground),
            "{role} {signal:?}: colour"
        );
        assert_eq!(
            seat.row(0),
            "before",
            "{role} {signal:?}: the screen was touched"
        );
        // Neither the line drawing set nor the scroll region is left.
        seat.feed(b"\x1b[9;1H\nqqq");
        assert_eq!(
            (seat.row(0), seat.row(9)),
            ("before".to_owned(), "qqq".to_owned()),
            "{role}"
        );
    }
}

#[test]
fn a_suspended_program_gives_the_terminal_to_the_shell_and_takes_it_again() {
    let mut seat = Seat::start("shell");
    let found = seat.found.clone();
    seat.read_until("stopped");
    assert_eq!(seat.attributes(), found, "stopped: attributes");
    assert_eq!(*seat.term.mode(), seat.mode_found, "stopped: modes");
    seat.keys(b"\n");
    seat.read_until("resumed");
    assert_ne!(seat.attributes(), found, "resumed: not raw");
    assert!(
        seat.term
            .mode()
            .contains(TermMode::ALT_SCREEN | TermMode::MOUSE_MOTION),
        "resumed"
    );
    seat.keys(b"x");
    assert_eq!(seat.wait().code(), Some(0));
    assert_eq!(seat.attributes(), found, "ended: attributes");
    assert_eq!(*seat.term.mode(), seat.mode_found, "ended: modes");
}

#[test]
fn a_paused_terminal_does_not_keep_the_program() {
    let mut seat = Seat::start("flood");
    seat.read_until("ready");
    assert_ne!(seat.attributes(), seat.found, "not raw");
    // Nothing is read from here on.
    seat.signal(Signal::SIGTERM);
    assert_eq!(seat.wait_for_end().code(), Some(255));
    assert_eq!(seat.attributes(), seat.found);
}

#[test]
fn a_new_size_is_seen() {
    let mut seat = Seat::start("size");
    seat.read_until("80x24");
    seat.pty.resize(pty_process::Size::new(30, 100)).unwrap();
    seat.read_until("100x30");
    seat.keys(b"x");
    assert_eq!(seat.wait().code(), Some(0));
}

#[test]
fn what_is_typed_arrives_byte_for_byte_with_no_byte_taken_after_the_end() {
    let mut seat = Seat::start("keys");
    seat.read_until("ready");
    seat.keys(b"\x03\x1a\r\x11\x13\xff\x00q");
    seat.read_until("[3, 26, 13, 17, 19, 255, 0, 113]");
    assert_eq!(seat.wait().code(), Some(0));
}

#[test]
fn role() {
    let Ok(role) = env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    process::exit(match role.as_str() {
        "shell" => shell(),
        role => runtime.block_on(program(role)).unwrap_or(1),
    });
}

/// What the process under test does, and its exit status.
async fn program(role: &str) -> Result<i32, Box<dyn std::error::Error>> {
    let mut signals = Signals::start()?;
    let guard = Guard::take(Attributes::Raw)?;
    let output = Output::stdout(guard.screen())?;
    let mut input = Input::stdin()?;
    match role {
        "size" => loop {
            let Size { columns, rows, .. } = *signals.size.borrow_and_update();
            output
                .write(format!("{columns}x{rows}\r\n").as_bytes())
                .await?;
            if columns == 100 {
                break;
            }
            signals.size.changed().await?;
        },
        "keys" => {
            output.write(b"ready").await?;
            let mut typed = Vec::new();
            while typed.last() != Some(&b'q') {
                typed.extend_from_slice(&input.recv().await?.unwrap_or_default());
            }
            output.write(format!("{typed:?}").as_bytes()).await?;
            output.flush().await?;
            return Ok(0);
        }
        _ => {
            output.write(b"\x1b[2J\x1b[1;1Hbefore\r\n").await?;
            output.write(MODES).await?;
            output.write(b"\x1b(B ready\x1b(0").await?;
        }
    }
    output.flush().await?;
    if role == "suspend" {
        guard.suspend()?;
        output.write(b"\x1b(B resumed\x1b(0").await?;
    }
    if role == "signal" {
        let ending = *signals.ending.wait_for(Option::is_some).await?;
        drop(guard);
        return Ok(ending.map_or(1, |_| 255));
    }
    if role == "flood" {
        let flood = [b'.'; 4096];
        loop {
            tokio::select! {
                ending = signals.ending.wait_for(Option::is_some) => {
                    let status = ending?.map_or(1, |_| 255);
                    drop(guard);
                    return Ok(status);
                }
                written = output.write(&flood) => written?,
            }
        }
    }
    if role == "deaf" {
        loop {
            thread::park();
        }
    }
    input.recv().await?;
    match role {
        "error" => Err("no such thing".into()),
        "exit" => {
            raw::give_back();
            process::exit(7);
        }
        "panic" => {
            // Without unwinding, so that the hook alone has to do it.
            std::mem::forget(guard);
            let _ = thread::spawn(|| panic!("on purpose")).join();
            process::exit(101);
        }
        "thread panic" => {
            let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                let _guard = guard;
                panic!("on purpose");
            }));
            process::exit(if unwound.is_err() { 102 } else { 0 });
        }
        _ => Ok(0),
    }
}

/// A shell with job control, as far as one job needs it.
fn shell() -> i32 {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTTOU);
    let stdin = std::io::stdin();
    let mut job = process::Command::new(env::current_exe().unwrap())
        .args(["role", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, "suspend")
        .process_group(0)
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(i32::try_from(job.id()).unwrap());
    mask.thread_block().unwrap();
    tcsetpgrp(stdin.as_fd(), pid).unwrap();
    let _ = kill(pid, Signal::SIGCONT);
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(
        matches!(stopped, WaitStatus::Stopped(_, Signal::SIGTSTP)),
        "{stopped:?}"
    );
    tcsetpgrp(stdin.as_fd(), getpgrp()).unwrap();
    std::io::stdout().write_all(b"stopped").unwrap();
    std::io::stdout().flush().unwrap();
    stdin.lock().read_exact(&mut [0]).unwrap();
    tcsetpgrp(stdin.as_fd(), pid).unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    let status = job.wait().unwrap();
    tcsetpgrp(stdin.as_fd(), getpgrp()).unwrap();
    status.code().unwrap_or(1)
}

/// A process at a terminal, with its screen.
struct Seat {
    pty: Pty,
    pts: Pts,
    child: Option<process::Child>,
    pid: Pid,
    found: Termios,
    mode_found: TermMode,
    term: Term<VoidListener>,
    parser: Processor,
    seen: Vec<u8>,
}

/// Far beyond what any step takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

impl Seat {
    fn start(role: &str) -> Self {
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
    fn read_until(&mut self, text: &str) {
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

    fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }

    fn keys(&mut self, keys: &[u8]) {
        (&self.pty).write_all(keys).unwrap();
    }

    fn signal(&mut self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    /// Shows everything until the end of the process.
    fn wait(&mut self) -> ExitStatus {
        let status = self.wait_for_end();
        // Travels behind everything the process wrote, and is drawn as nothing.
        const END: &str = "\u{1b}]7;end of the process\u{7}";
        let tty = self.pts.as_fd().try_clone_to_owned().unwrap();
        std::fs::File::from(tty).write_all(END.as_bytes()).unwrap();
        self.read_until(END);
        status
    }

    fn wait_for_end(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait().unwrap()));
        ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            self.signal(Signal::SIGKILL);
            panic!("no end after {:?}", self.seen_text());
        })
    }

    fn attributes(&self) -> Termios {
        tcgetattr(&self.pts).unwrap()
    }

    fn row(&self, row: i32) -> String {
        let row = &self.term.grid()[Line(row)];
        let cells = (0..row.len()).map(|column| row[Column(column)].c);
        cells.collect::<String>().trim_end().to_owned()
    }

    fn seen_text(&self) -> String {
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
