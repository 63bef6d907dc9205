//! Reads the keyboard, a pipe or a file, without changing the descriptor others share.
//!
//! Making standard input non-blocking would reach the user's shell, which shares the open file. A
//! terminal is opened again and read in place, so that a key waits for no thread; for anything else
//! one thread blocks in `poll`.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use bytes::Bytes;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;

use super::reopen::{Direction, reopened};

/// What is typed or piped in. Nothing is taken once it is dropped.
#[derive(Debug)]
pub struct Input {
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Was read to its end, or to an error.
    Ended,
    /// Read in place, into this buffer.
    Terminal(Receiver, Box<[u8]>),
    Thread {
        chunks: mpsc::Receiver<io::Result<Bytes>>,
        /// Its closing wakes the thread.
        _stop: PipeWriter,
    },
}

impl Input {
    /// Starts to read standard input.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be duplicated or no thread can be had.
    pub fn stdin() -> io::Result<Self> {
        Self::new(io::stdin().as_fd().try_clone_to_owned()?)
    }

    /// Starts to read `source`.
    ///
    /// # Errors
    ///
    /// When no pipe or thread can be had.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with IO.
    pub fn new(source: OwnedFd) -> io::Result<Self> {
        if let Some(terminal) = reopened(&source, Direction::Read)
            && let Ok(terminal) = Receiver::from_file_unchecked(terminal)
        {
            return Ok(Self {
                source: Source::Terminal(terminal, vec![0; KEYS_SIZE].into_boxed_slice()),
            });
        }
        let (stopped, stop) = io::pipe()?;
        let (sender, chunks) = mpsc::channel(CHUNKS);
        thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                read_all(File::from(source), &stopped, &sender);
            })?;
        Ok(Self {
            source: Source::Thread {
                chunks,
                _stop: stop,
            },
        })
    }

    /// Returns the next bytes, or `None` at the end of input. Cancel safe.
    ///
    /// Not calling it holds the writer of a pipe back, after at most [`CHUNKS`] chunks.
    ///
    /// # Errors
    ///
    /// What `read` says, once; then the end.
    pub async fn recv(&mut self) -> io::Result<Option<Bytes>> {
        match &mut self.source {
            Source::Ended => Ok(None),
            Source::Thread { chunks, .. } => chunks.recv().await.transpose(),
            Source::Terminal(terminal, buffer) => {
                let chunk = read_ready(terminal, buffer).await;
                if !matches!(chunk, Ok(Some(_))) {
                    self.source = Source::Ended;
                }
                chunk
            }
        }
    }
}

/// One being read, one travelling and two waiting keep a pipe busy; more only adds memory.
pub const CHUNKS: usize = 2;

/// A pipe's usual capacity, times two, so that one call empties it.
const CHUNK_SIZE: usize = 128 * 1024;

/// A line discipline hands out at most so much at once.
const KEYS_SIZE: usize = 4096;

async fn read_ready(terminal: &mut Receiver, buffer: &mut [u8]) -> io::Result<Option<Bytes>> {
    loop {
        match terminal.read(buffer).await {
            Ok(0) => return Ok(None),
            Ok(length) => return Ok(Some(Bytes::copy_from_slice(&buffer[..length]))),
            Err(error) if is_end(&error) => return Ok(None),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// A terminal that hung up says EIO; it is as much an end as a closed pipe.
fn is_end(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EIO as i32)
}

fn read_all(mut source: File, stopped: &impl AsFd, sender: &mpsc::Sender<io::Result<Bytes>>) {
    let mut buffer = vec![0; CHUNK_SIZE];
    loop {
        let mut ready = [
            PollFd::new(source.as_fd(), PollFlags::POLLIN),
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        ];
        let polled = poll(&mut ready, PollTimeout::NONE);
        let stop = ready[1].any().unwrap_or(true);
        let chunk = match polled {
            Err(Errno::EINTR) => continue,
            Err(errno) => Err(errno.into()),
            Ok(_) if stop => return,
            Ok(_) => match source.read(&mut buffer) {
                Ok(0) => return,
                Err(error) if is_end(&error) => return,
                Err(error) if is_passing(&error) => continue,
                Ok(length) => Ok(Bytes::copy_from_slice(&buffer[..length])),
                Err(error) => Err(error),
            },
        };
        let last = chunk.is_err();
        if sender.blocking_send(chunk).is_err() || last {
            return;
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
