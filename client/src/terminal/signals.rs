//! Terminal size, and the signals that end or continue this program.
//!
//! One thread of its own waits for them, so that they are seen even while the session's runtime
//! is busy, and the terminal is given back even if the session no longer reacts.

use std::fmt;
use std::fs;
use std::io;
use std::mem;
use std::process;
use std::thread;
use std::time::Duration;

use crossterm::terminal::window_size;
use nix::libc;
use signal_hook::low_level::emulate_default_handler;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use super::raw::{give_back, reassert};
use crate::exit::FAILURE;

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Character cells in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
    /// Width in pixels, or 0 where the terminal does not say.
    pub pixel_width: u16,
    /// Height in pixels, or 0 where the terminal does not say.
    pub pixel_height: u16,
}

impl Size {
    /// Asks the terminal of this process; `None` without one, or when it has no size.
    pub fn current() -> Option<Self> {
        let size = window_size().ok()?;
        (size.columns > 0 && size.rows > 0).then_some(Self {
            columns: size.columns,
            rows: size.rows,
            pixel_width: size.width,
            pixel_height: size.height,
        })
    }
}

impl Default for Size {
    /// What programs assume of a terminal that does not say.
    fn default() -> Self {
        Self {
            columns: 80,
            rows: 24,
            pixel_width: 0,
            pixel_height: 0,
        }
    }
}

/// A signal that ends this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// SIGHUP: the terminal went away.
    Hangup,
    /// SIGINT: Ctrl-C while the terminal is not raw.
    Interrupt,
    /// SIGQUIT: Ctrl-\ while the terminal is not raw.
    Quit,
    /// SIGTERM.
    Terminate,
}

impl Ending {
    /// Ends this process as if the signal had not been caught; a shell then knows why it ended.
    /// Returns the exit status to end with where that cannot be.
    pub fn take_effect(self) -> i32 {
        if let Err(error) = emulate_default_handler(self.number()) {
            tracing::debug!(%error, "the signal has no effect");
        }
        FAILURE
    }

    fn number(self) -> i32 {
        match self {
            Self::Hangup => libc::SIGHUP,
            Self::Interrupt => libc::SIGINT,
            Self::Quit => libc::SIGQUIT,
            Self::Terminate => libc::SIGTERM,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ended by signal {}", self.number())
    }
}

/// Latest-value channels of everything the system tells this program.
#[derive(Clone, Debug)]
pub struct Signals {
    /// The size of the terminal; changes at SIGWINCH and after a suspension. The sender never ends.
    pub size: watch::Receiver<Size>,
    /// The first signal that ends this program. The session then has [`ENDING_GRACE`] to leave:
    /// after that the terminal is given back and the process exits by itself. So it does at once
    /// at the second such signal.
    pub ending: watch::Receiver<Option<Ending>>,
    /// Counts continuations (SIGCONT) after a stop: the screen needs a redraw.
    pub continued: watch::Receiver<u64>,
}

impl Signals {
    /// Starts to watch. From here on SIGTERM, SIGHUP, SIGINT and SIGQUIT no longer kill, except that
    /// those which were ignored when this process began (`nohup`) stay ignored, as in ssh.
    ///
    /// # Errors
    ///
    /// When a handler cannot be installed or no thread can be had.
    pub fn start() -> io::Result<Self> {
        let (size, size_seen) = watch::channel(Size::current().unwrap_or_default());
        let (ending, ending_seen) = watch::channel(None);
        let (continued, continued_seen) = watch::channel(0);
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handlers = {
            let _inside = runtime.enter();
            Handlers::install()?
        };
        let watcher = Watcher {
            handlers,
            size,
            ending,
            continued,
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(watcher.run()))?;
        Ok(Self {
            size: size_seen,
            ending: ending_seen,
            continued: continued_seen,
        })
    }
}

/// Long enough to say goodbye over a slow link, short enough for whoever sent the signal.
pub const ENDING_GRACE: Duration = Duration::from_secs(3);

struct Handlers {
    hangup: Option<Signal>,
    interrupt: Option<Signal>,
    quit: Option<Signal>,
    terminate: Option<Signal>,
    window: Signal,
    resumed: Signal,
}

impl Handlers {
    fn install() -> io::Result<Self> {
        let ignored = ignored();
        let unless_ignored = |kind: SignalKind| {
            let wanted = !ignored.contains(kind.as_raw_value());
            wanted.then(|| signal(kind)).transpose()
        };
        Ok(Self {
            hangup: unless_ignored(SignalKind::hangup())?,
            interrupt: unless_ignored(SignalKind::interrupt())?,
            quit: unless_ignored(SignalKind::quit())?,
            terminate: unless_ignored(SignalKind::terminate())?,
            window: signal(SignalKind::window_change())?,
            resumed: signal(SignalKind::from_raw(libc::SIGCONT))?,
        })
    }

    /// Cancel safe.
    async fn changed(&mut self) -> Changed {
        tokio::select! {
            biased; // What ends the program comes before what changes its screen.
            () = next(&mut self.hangup) => Changed::Ending(Ending::Hangup),
            () = next(&mut self.interrupt) => Changed::Ending(Ending::Interrupt),
            () = next(&mut self.quit) => Changed::Ending(Ending::Quit),
            () = next(&mut self.terminate) => Changed::Ending(Ending::Terminate),
            _ = self.window.recv() => Changed::Size,
            _ = self.resumed.recv() => Changed::Continued,
        }
    }
}

/// For ever where the signal is ignored. Cancel safe.
async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The signals that this process ignores. A handler of ours takes a signal out of them.
fn ignored() -> Ignored {
    // The system call that tells is not for safe code; elsewhere than on Linux none counts as ignored.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    Ignored::parse(&status)
}

/// A set of signals, as Linux prints it: bit 0 is signal 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ignored(u64);

impl Ignored {
    /// Reads the `SigIgn` line of proc(5).
    fn parse(status: &str) -> Self {
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let bits = line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        Self(bits.unwrap_or_default())
    }

    fn contains(self, signal: i32) -> bool {
        let bit = u32::try_from(signal - 1).ok();
        bit.and_then(|bit| self.0.checked_shr(bit)).unwrap_or(0) & 1 == 1
    }
}

enum Changed {
    Continued,
    Ending(Ending),
    Size,
}

struct Watcher {
    handlers: Handlers,
    size: watch::Sender<Size>,
    ending: watch::Sender<Option<Ending>>,
    continued: watch::Sender<u64>,
}

impl Watcher {
    async fn run(mut self) {
        let ending = self.ending().await;
        if self.ending.send(Some(ending)).is_ok() {
            tokio::select! {
                biased; // Either is the end.
                () = sleep(ENDING_GRACE) => {}
                _ = self.ending() => {}
            }
        }
        give_back();
        process::exit(FAILURE);
    }

    async fn ending(&mut self) -> Ending {
        loop {
            match self.handlers.changed().await {
                Changed::Ending(ending) => return ending,
                Changed::Size => self.handle_size(),
                Changed::Continued => {
                    reassert();
                    self.handle_size();
                    self.continued.send_modify(|count| *count += 1);
                }
            }
        }
    }

    fn handle_size(&self) {
        let Some(current) = Size::current() else {
            return;
        };
        self.size
            .send_if_modified(|size| mem::replace(size, current) != current);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_kernel_names_the_signals_that_are_ignored() {
        let ignored = Ignored::parse("SigBlk:\t00000000ffffffff\nSigIgn:\t0000000000001001\n");
        let of = [libc::SIGHUP, libc::SIGINT, libc::SIGPIPE, libc::SIGTERM];
        assert_eq!(
            of.map(|signal| ignored.contains(signal)),
            [true, false, true, false]
        );
        assert_eq!(Ignored::parse("no such line"), Ignored(0));
    }
}
