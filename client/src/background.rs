//! Goes to the background once the session stands (`-f`).
//!
//! A process cannot leave its session half-way without `fork`, which a program with threads must
//! not call. So the program starts itself again at the beginning: the second process asks its
//! questions on the terminal as the first would, leaves when there is nothing more to ask, and
//! says so on a pipe; then the first one ends. The pipe is the second one's standard input, which
//! `-f` makes empty anyway.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};

use nix::unistd::{dup2_stdin, setsid};

/// The argument that tells the second process what it is.
pub const SECOND: &str = "--in-background";

/// Runs this program again with `args`, the first of which is its name, and waits until it is in
/// the background or has ended. Returns the exit status of the first process.
///
/// # Errors
///
/// When there is no pipe or no second process.
pub fn start(args: &[OsString]) -> io::Result<i32> {
    let (mut told, tells) = io::pipe()?;
    let mut child = {
        let mut command = Command::new(std::env::current_exe()?);
        if let Some(name) = args.first() {
            command.arg0(name);
        }
        // Ends with this block: whoever holds the writing end of the pipe keeps it open.
        command
            .arg(SECOND)
            .args(args.iter().skip(1))
            .stdin(Stdio::from(tells))
            .spawn()?
    };
    if told.read(&mut [0])? > 0 {
        return Ok(0);
    }
    Ok(status(child.wait()?))
}

/// Leaves the terminal's session, and lets the first process end.
///
/// # Errors
///
/// When there is no `/dev/null`.
pub fn leave() -> io::Result<()> {
    let mut tells = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    dup2_stdin(File::open("/dev/null")?)?;
    // Fails for the leader of a group, as when somebody runs the second process by hand.
    let _ = setsid();
    // A first process that is gone needs not be told.
    let _ = tells.write_all(b"\n");
    Ok(())
}

fn status(ended: ExitStatus) -> i32 {
    ended.code().unwrap_or(crate::exit::FAILURE)
}
