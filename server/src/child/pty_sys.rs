//! The two places where a child needs the kernel without a safe wrapper: between fork and exec, and `ioctl`.

#![expect(
    unsafe_code,
    reason = "pre_exec and terminal ioctls have no safe form in the crates that we use"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::libc;
use nix::pty::{PtyMaster, Winsize};
use tokio::io::unix::AsyncFd;

/// Whether the process gets its standard input as controlling terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Terminal {
    /// Standard input is the slave of a pseudo-terminal that no session owns.
    Controlling,
    /// The process starts without a controlling terminal.
    None,
}

/// Makes `command` start as sshd starts a program: in a session of its own, with every signal at its default and
/// no descriptor open but 0, 1 and 2.
pub(super) fn isolate(command: &mut tokio::process::Command, terminal: Terminal) {
    let prepare = move || {
        nix::unistd::setsid()?;
        if terminal == Terminal::Controlling {
            // SAFETY: the request takes an integer; descriptor 0 is open, for the caller of exec has just made it.
            let done = unsafe { libc::ioctl(0, libc::TIOCSCTTY as _, 0) };
            if done == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        default_signals();
        close_on_exec_from(3);
        Ok(())
    };
    // SAFETY: the closure makes system calls only: no allocation, no lock, nothing of the parent's is touched.
    unsafe { command.pre_exec(prepare) };
}

/// Puts a descriptor under the runtime's care.
pub(super) fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names one open file for as long as the `AsyncFd` owns it, and nobody takes it out of there.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// The file of the slave that belongs to `master`.
pub(super) fn slave_name(master: &PtyMaster) -> io::Result<PathBuf> {
    #[cfg(target_os = "linux")]
    let name = nix::pty::ptsname_r(master)?;
    #[cfg(not(target_os = "linux"))]
    // SAFETY: the static buffer is copied before anything else can ask for a name; only this function asks.
    let name = unsafe { nix::pty::ptsname(master) }?;
    Ok(PathBuf::from(name))
}

/// Sets the window size of the terminal behind `master`, which sends SIGWINCH to its foreground group when it changes.
pub(super) fn set_window_size(master: BorrowedFd<'_>, size: &Winsize) -> io::Result<()> {
    // SAFETY: the kernel reads one `winsize` from the pointer, which lives for the whole call.
    let done = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, size) };
    if done == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A program that was started with SIGHUP ignored, as by nohup, would otherwise hand that down to every shell.
fn default_signals() {
    for signal in 1..=HIGHEST_SIGNAL {
        // SAFETY: `signal` is async-signal-safe; numbers that may not be changed answer EINVAL.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Marks instead of closing: the pipe that reports a failing exec is among them.
fn close_on_exec_from(first: libc::c_int) {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: only integers are passed; a kernel without the call answers ENOSYS.
        let done = unsafe {
            libc::syscall(
                libc::SYS_close_range,
                first,
                libc::c_int::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            )
        };
        if done == 0 {
            return;
        }
    }
    for fd in first..HIGHEST_DESCRIPTOR {
        // SAFETY: only integers are passed; a closed descriptor answers EBADF.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// `_NSIG` of Linux, and above that of the BSDs.
const HIGHEST_SIGNAL: libc::c_int = 64;

/// Where close_range is missing: the usual limit of an interactive login, checked one by one in under a millisecond.
const HIGHEST_DESCRIPTOR: libc::c_int = 1024;
