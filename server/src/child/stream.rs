//! The ends of a child's standard streams that the server holds.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use nix::errno::Errno;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::control::Shared;
use super::pty::Master;

/// Writes to the child's standard input.
///
/// Writing fails with `BrokenPipe` once the child has exited. Over pipes, shutting down (or dropping) closes the pipe and the child reads end-of-file. A terminal has no
/// end-of-file but the character that its modes name, so shutting down does nothing there, as in sshd.
#[derive(Debug)]
pub struct Input {
    end: InputEnd,
    /// The child has exited or was hung up: nobody is interested in input any more.
    over: Pin<Box<WaitForCancellationFutureOwned>>,
}

#[derive(Debug)]
enum InputEnd {
    Closed,
    Pipe(pipe::Sender),
    Pty(Arc<Shared>),
}

/// Reads the child's standard output or standard error.
///
/// Over pipes the end comes when every holder of the pipe has closed it, which a background process can put off for
/// long. Over a terminal it comes as soon as the child has exited and what it had written has been read, whoever still
/// holds the terminal.
pub struct Output {
    end: OutputEnd,
    /// Comes before anything of the child's.
    greeting: Bytes,
    /// Keeps the task that waits for the child.
    shared: Arc<Shared>,
}

enum OutputEnd {
    Closed,
    Pipe {
        pipe: pipe::Receiver,
        hung_up: Pin<Box<WaitForCancellationFutureOwned>>,
    },
    Pty {
        over: Pin<Box<WaitForCancellationFutureOwned>>,
        drained: usize,
    },
}

impl Input {
    pub(super) fn pipe(pipe: pipe::Sender, shared: &Shared) -> Self {
        Self {
            end: InputEnd::Pipe(pipe),
            over: Box::pin(shared.over.clone().cancelled_owned()),
        }
    }

    pub(super) fn pty(shared: Arc<Shared>) -> Self {
        let over = Box::pin(shared.over.clone().cancelled_owned());
        Self {
            end: InputEnd::Pty(shared),
            over,
        }
    }
}

impl Output {
    pub(super) fn pipe(pipe: pipe::Receiver, shared: Arc<Shared>) -> Self {
        let hung_up = Box::pin(shared.hung_up.clone().cancelled_owned());
        Self {
            end: OutputEnd::Pipe { pipe, hung_up },
            greeting: Bytes::new(),
            shared,
        }
    }

    pub(super) fn pty(shared: Arc<Shared>, greeting: Vec<u8>) -> Self {
        let over = Box::pin(shared.over.clone().cancelled_owned());
        Self {
            greeting: greeting.into(),
            end: OutputEnd::Pty { over, drained: 0 },
            shared,
        }
    }
}

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.over.as_mut().poll(cx).is_ready() {
            self.end = InputEnd::Closed;
        }
        match &mut self.end {
            InputEnd::Closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            InputEnd::Pipe(pipe) => Pin::new(pipe).poll_write(cx, bytes),
            InputEnd::Pty(shared) => match &shared.master {
                Some(master) => poll_write_master(master, cx, bytes),
                None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            },
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let InputEnd::Pipe(_) = self.end {
            self.end = InputEnd::Closed;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.greeting.is_empty() {
            let count = this.greeting.len().min(buf.remaining());
            buf.put_slice(&this.greeting.split_to(count));
            return Poll::Ready(Ok(()));
        }
        match &mut this.end {
            OutputEnd::Closed => Poll::Ready(Ok(())),
            OutputEnd::Pipe { pipe, hung_up } => {
                if hung_up.as_mut().poll(cx).is_ready() {
                    this.end = OutputEnd::Closed;
                    return Poll::Ready(Ok(()));
                }
                Pin::new(pipe).poll_read(cx, buf)
            }
            OutputEnd::Pty { over, drained } => {
                let Some(master) = &this.shared.master else {
                    return Poll::Ready(Ok(()));
                };
                let over = over.as_mut().poll(cx).is_ready();
                if over && *drained >= DRAIN_LIMIT {
                    master.close();
                }
                let count = ready!(poll_read_master(master, cx, buf, over))?;
                if over {
                    *drained += count;
                    if count == 0 {
                        master.close();
                    }
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

fn poll_write_master(
    master: &Master,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    let terminal = master.lock();
    let Some(fd) = terminal.as_ref() else {
        return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
    };
    loop {
        let mut ready = ready!(fd.poll_write_ready(cx))?;
        match ready.try_io(|fd| Ok(nix::unistd::write(fd.get_ref(), bytes)?)) {
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(result) => return Poll::Ready(result),
            Err(_would_block) => {}
        }
    }
}

/// Returns the number of bytes read; 0 is the end.
///
/// `over`: the child has exited, so a terminal with nothing to read is at its end. The kernel moves what the slave has
/// taken to the master before a read reports that there is nothing.
fn poll_read_master(
    master: &Master,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    over: bool,
) -> Poll<io::Result<usize>> {
    let terminal = master.lock();
    let Some(fd) = terminal.as_ref() else {
        return Poll::Ready(Ok(0));
    };
    if buf.remaining() == 0 {
        return Poll::Ready(Ok(0));
    }
    let result = loop {
        if over {
            match nix::unistd::read(fd.get_ref(), buf.initialize_unfilled()) {
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => break Ok(0),
                result => break result,
            }
        }
        let mut ready = ready!(fd.poll_read_ready(cx))?;
        let result =
            ready.try_io(|fd| Ok(nix::unistd::read(fd.get_ref(), buf.initialize_unfilled())?));
        match result {
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(Ok(count)) => break Ok(count),
            Ok(Err(error)) => break Err(Errno::from_raw(error.raw_os_error().unwrap_or(0))),
            Err(_would_block) => {}
        }
    };
    match result {
        Ok(count) => {
            buf.advance(count);
            Poll::Ready(Ok(count))
        }
        // Linux reports a slave that nobody holds as EIO.
        Err(Errno::EIO) => Poll::Ready(Ok(0)),
        Err(error) => Poll::Ready(Err(error.into())),
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = match self.end {
            OutputEnd::Closed => "closed",
            OutputEnd::Pipe { .. } => "pipe",
            OutputEnd::Pty { .. } => "pty",
        };
        f.debug_struct("Output")
            .field("end", &end)
            .finish_non_exhaustive()
    }
}

/// Read at most this much of a terminal after its child has exited: the kernel holds 640 KiB of output for a terminal, and
/// a background process that goes on writing must not keep the session from ending.
const DRAIN_LIMIT: usize = 1024 * 1024;
