//! A terminal opened a second time, so that it can be non-blocking for this program alone.
//!
//! Non-blocking is a property of the open file, which a shell and the programs it starts share;
//! an open file of our own has its own.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};

use nix::fcntl::OFlag;
use nix::unistd::ttyname;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

/// Opens the terminal behind `fd` again, non-blocking. `None` where `fd` is no terminal, its name
/// leads elsewhere (another container, another `/dev`), or it may not be opened (after `su`).
pub(super) fn reopened(fd: impl AsFd, direction: Direction) -> Option<File> {
    let name = ttyname(&fd).ok()?;
    let again = OpenOptions::new()
        .read(direction == Direction::Read)
        .write(direction == Direction::Write)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(name)
        .ok()?;
    let given = File::from(fd.as_fd().try_clone_to_owned().ok()?)
        .metadata()
        .ok()?;
    let found = again.metadata().ok()?;
    let same = found.file_type().is_char_device() && found.rdev() == given.rdev();
    same.then_some(again)
}

/// The side of a terminal where keys are typed and its screen is seen, and the terminal itself,
/// which passes bytes as they are.
#[cfg(test)]
pub(super) fn raw_terminal() -> (File, std::os::fd::OwnedFd) {
    use nix::pty::{OpenptyResult, openpty};
    use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

    let OpenptyResult { master, slave } = openpty(None, None).unwrap();
    let mut attributes = tcgetattr(&slave).unwrap();
    cfmakeraw(&mut attributes);
    tcsetattr(&slave, SetArg::TCSANOW, &attributes).unwrap();
    (File::from(master), slave)
}
