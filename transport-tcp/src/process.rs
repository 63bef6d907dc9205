//! The pipes of a process as a link: a `ProxyCommand` that carries frames instead of an SSH connection.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite as _, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tssh_core::wire::Printable;

use crate::link::{Outlet, StreamLink};

/// A process as a link. Dropping it kills the process.
pub type ProcessLink = StreamLink<Talk, Stdin>;

/// Starts `words`, a program and its arguments, without a shell. The link shows its peer as `peer`.
/// What it writes to standard error is in the log, as warnings.
///
/// # Errors
///
/// What the system says of the program; `InvalidInput` when there is none.
pub fn spawn(words: &[String], peer: SocketAddr, largest: u16) -> io::Result<ProcessLink> {
    let [program, arguments @ ..] = words else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let talk = Talk {
        stdout,
        begun: false,
        stderr: Some(stderr),
        line: Vec::new(),
    };
    let stdin = Stdin {
        stdin,
        _child: child,
    };
    Ok(StreamLink::new(talk, stdin, peer, None, largest))
}

/// Standard input of a process, which lives as long as this.
#[derive(Debug)]
pub struct Stdin {
    stdin: ChildStdin,
    _child: Child,
}

impl Outlet for Stdin {
    fn poll_room(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe holds little; whether the process has reached the server, nobody can know.
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(cx, bytes)
    }
}

/// Standard output of a process, which is to be frames, and its complaints.
#[derive(Debug)]
pub struct Talk {
    stdout: ChildStdout,
    /// Something was read that may be a frame.
    begun: bool,
    stderr: Option<ChildStderr>,
    /// The beginning of a line of complaints, at most [`LINE`] bytes.
    line: Vec<u8>,
}

impl Talk {
    /// Logs what the process says besides. Whoever reads its output hears this too.
    fn poll_complaints(&mut self, cx: &mut Context<'_>) {
        let mut buffer = [0; 512];
        while let Some(stderr) = &mut self.stderr {
            let mut space = ReadBuf::new(&mut buffer);
            match Pin::new(stderr).poll_read(cx, &mut space) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !space.filled().is_empty() => self.complain(space.filled()),
                Poll::Ready(_) => {
                    self.stderr = None;
                    self.complain(b"\n");
                }
            }
        }
    }

    fn complain(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte != b'\n' {
                if self.line.len() < LINE {
                    self.line.push(*byte);
                }
                continue;
            }
            let text = String::from_utf8_lossy(self.line.trim_ascii());
            if !text.is_empty() {
                tracing::warn!("ProxyCommand: {}", Printable::new(&text));
            }
            self.line.clear();
        }
    }
}

impl AsyncRead for Talk {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_complaints(cx);
        std::task::ready!(Pin::new(&mut self.stdout).poll_read(cx, buf))?;
        // No frame is so long that it could begin with a letter or a higher digit: this is a banner.
        if !self.begun
            && buf
                .filled()
                .first()
                .is_some_and(|first| *first > LONGEST_BEGINS)
        {
            let text = String::from_utf8_lossy(buf.filled());
            let line = Printable::new(text.lines().next().unwrap_or_default());
            let said = format!(
                "the ProxyCommand prints `{line}` where only what the server sends is wanted: \
                 does it connect to the port of tsshd, %p, and print nothing itself?"
            );
            tracing::warn!("{said}");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, said)));
        }
        self.begun = true;
        Poll::Ready(Ok(()))
    }
}

/// The first byte of the longest frame, of 9000 bytes.
const LONGEST_BEGINS: u8 = 0x23;

/// Bytes of a complaint that are shown.
const LINE: usize = 300;
