//! A pseudo-terminal: the master that the server keeps, the slave that the child gets.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::pty::{Winsize, grantpt, posix_openpt, unlockpt};
use nix::sys::termios::{InputFlags, SetArg, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;

use super::modes;
use super::pty_sys::{register, set_window_size, slave_name};

/// What a client asks of the terminal (RFC 4254, section 6.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PtySpec {
    /// Width in characters; 0 stands for 80.
    pub cols: u16,
    /// Height in characters; 0 stands for 24.
    pub rows: u16,
    /// Value of `TERM`; empty leaves what the client's environment says.
    pub term: String,
    /// Modes as decoded by [`modes::decode`]: opcode and value (RFC 4254, section 8).
    pub modes: Vec<(u8, u32)>,
}

/// The master side. It can be closed under its readers and writers, which is what hangs up the terminal.
#[derive(Debug)]
pub(super) struct Master {
    fd: Mutex<Option<AsyncFd<OwnedFd>>>,
}

impl Master {
    /// Closes the master: the kernel sends SIGHUP and SIGCONT to the session leader and the foreground group.
    pub(super) fn close(&self) {
        drop(self.lock().take());
    }

    /// The descriptor while the terminal is open. Held for single calls that never wait.
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<AsyncFd<OwnedFd>>> {
        self.fd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn resize(&self, cols: u16, rows: u16) -> io::Result<()> {
        match self.lock().as_ref() {
            Some(fd) => set_window_size(fd.get_ref().as_fd(), &window(cols, rows)),
            None => Ok(()),
        }
    }
}

/// A fresh terminal: the open slave keeps the master from reporting its end before the child has started.
#[derive(Debug)]
pub(super) struct Pty {
    pub(super) master: Master,
    pub(super) slave: File,
    pub(super) path: PathBuf,
}

impl Pty {
    /// Opens a terminal with `spec`'s size and modes, `IUTF8` on unless the modes say otherwise.
    pub(super) fn open(spec: &PtySpec) -> io::Result<Self> {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK)?;
        fcntl(&master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = slave_name(&master)?;
        let slave = open_slave(&path)?;
        let mut termios = tcgetattr(&slave)?;
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        termios.input_flags.insert(InputFlags::IUTF8);
        modes::apply(&mut termios, &spec.modes);
        tcsetattr(&slave, SetArg::TCSANOW, &termios)?;
        set_window_size(master.as_fd(), &window(spec.cols, spec.rows))?;
        let master = register(OwnedFd::from(master))?;
        Ok(Self {
            master: Master {
                fd: Mutex::new(Some(master)),
            },
            slave,
            path,
        })
    }
}

fn open_slave(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits())
        .open(path)
}

fn window(cols: u16, rows: u16) -> Winsize {
    // PROTOCOL.md, "Sessions": a Go client sends 0 for a command with a terminal.
    Winsize {
        ws_col: if cols == 0 { 80 } else { cols },
        ws_row: if rows == 0 { 24 } else { rows },
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}
