//! What can be done to a running child, and how its end is learnt.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::pty::Master;

/// A handle on a child. Clones share it; the child does not end because they are dropped.
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) shared: Arc<Shared>,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It returned this status, 0 to 255.
    Code(u8),
    /// It was ended by the signal of this number.
    Signal {
        /// As in `signal(7)` of this system.
        number: i32,
        /// A core file was written.
        core_dumped: bool,
    },
}

/// Where a child is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// `ssh/rc` runs (or nothing yet); the pid is its own.
    Preparing(Option<i32>),
    /// The shell or command runs.
    Running(i32),
    Ended(ExitStatus),
}

/// What the streams, the handles and the task of one child have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) master: Option<Master>,
    pub(super) phase: watch::Receiver<Phase>,
    /// The child has exited, or was hung up.
    pub(super) over: CancellationToken,
    pub(super) hung_up: CancellationToken,
    /// Ends with the last handle or stream, after which the runtime reaps the child.
    pub(super) _task: JoinSet<()>,
}

impl Control {
    /// The process id, which is also the number of its process group and session; `None` before the program has
    /// started and after it has ended.
    pub fn pid(&self) -> Option<i32> {
        match *self.shared.phase.borrow() {
            Phase::Running(pid) => Some(pid),
            Phase::Preparing(_) | Phase::Ended(_) => None,
        }
    }

    /// Sets the size of the terminal; its foreground group gets SIGWINCH when the size is new. Without a terminal, or
    /// after its end, nothing happens. A 0 stands for 80 columns or 24 rows.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn resize(&self, cols: u16, rows: u16) -> io::Result<()> {
        self.shared
            .master
            .as_ref()
            .map_or(Ok(()), |master| master.resize(cols, rows))
    }

    /// Makes the foreground program paint its screen again, at this size: one column more for 10 ms, then the size
    /// itself (PROTOCOL.md, "Behaviour while disconnected").
    ///
    /// Dropping the future sets the final size at once, which may come too soon for the program to notice.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub async fn redraw(&self, cols: u16, rows: u16) -> io::Result<()> {
        let finally = FinalSize {
            control: self,
            cols,
            rows,
        };
        self.resize(cols.saturating_add(1), rows)?;
        tokio::time::sleep(NUDGE).await;
        drop(finally);
        Ok(())
    }

    /// Sends `signal` to the process group of the child, as sshd does (RFC 4254, section 6.9). A child that has ended
    /// gets none, which is no error.
    ///
    /// # Errors
    ///
    /// When the process changed its user and may not be signalled.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = match *self.shared.phase.borrow() {
            Phase::Running(pid) | Phase::Preparing(Some(pid)) => pid,
            Phase::Preparing(None) | Phase::Ended(_) => return Ok(()),
        };
        match killpg(Pid::from_raw(pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the session as sshd ends it when the client is gone: the terminal is closed, on which the kernel sends
    /// SIGHUP to the shell and the foreground group; without a terminal nothing is sent, and each pipe is closed when its
    /// end is used or dropped. The streams are at their end from here on. What nohup, setsid or tmux keeps stays.
    pub fn hang_up(&self) {
        self.shared.hung_up.cancel();
        self.shared.over.cancel();
        if let Some(master) = &self.shared.master {
            master.close();
        }
    }

    /// Waits for the child to end. Several may wait; the answer stays. Cancel safe.
    ///
    /// The end of the output may come before or after.
    pub async fn wait(&self) -> ExitStatus {
        let mut phase = self.shared.phase.clone();
        loop {
            if let Phase::Ended(status) = *phase.borrow_and_update() {
                return status;
            }
            if phase.changed().await.is_err() {
                // The runtime is going down and took the task along: nobody learns the status.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl ExitStatus {
    /// The number for the wire: -1 for a child that was ended by a signal (PROTOCOL.md, "The bus").
    pub fn wire_code(self) -> i32 {
        match self {
            Self::Code(code) => i32::from(code),
            Self::Signal { .. } => -1,
        }
    }

    /// The signal's name without `SIG` (RFC 4254, section 6.10); `None` for an ordinary exit or an unnamed signal.
    pub fn signal_name(self) -> Option<&'static str> {
        match self {
            Self::Code(_) => None,
            Self::Signal { number, .. } => Signal::try_from(number)
                .ok()
                .and_then(|signal| signal.as_str().strip_prefix("SIG")),
        }
    }
}

impl From<std::process::ExitStatus> for ExitStatus {
    fn from(status: std::process::ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (_, Some(number)) => Self::Signal {
                number,
                core_dumped: status.core_dumped(),
            },
            (code, None) => {
                Self::Code(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255))
            }
        }
    }
}

/// Sets the size when it goes, so that a cancelled nudge does not leave a terminal one column too wide.
struct FinalSize<'a> {
    control: &'a Control,
    cols: u16,
    rows: u16,
}

impl Drop for FinalSize<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.control.resize(self.cols, self.rows) {
            tracing::debug!(%error, "terminal size not restored");
        }
    }
}

/// Long enough for a program to wake up and read the wider size, short enough not to be seen.
const NUDGE: Duration = Duration::from_millis(10);
