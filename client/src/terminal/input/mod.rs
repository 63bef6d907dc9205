//! Reads the keyboard, a pipe or a file, without changing the descriptor others share.
//!
//! One thread blocks in `poll`: making standard input non-blocking would reach the user's shell,
//! which shares the open file.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use bytes::Bytes;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;

/// What is typed or piped in. Dropping it ends the reading thread, which takes no byte after that.
#[derive(Debug)]
pub struct Input {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    /// Its closing wakes the thread.
    _stop: PipeWriter,
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
    pub fn new(source: OwnedFd) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let (sender, chunks) = mpsc::channel(CHUNKS);
        thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                read_all(File::from(source), &stopped, &sender);
            })?;
        Ok(Self {
            chunks,
            _stop: stop,
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
        self.chunks.recv().await.transpose()
    }
}

/// One being read, one travelling and two waiting keep a pipe busy; more only adds memory.
pub const CHUNKS: usize = 2;

/// A pipe's usual capacity, times two, so that one call empties it.
const CHUNK_SIZE: usize = 128 * 1024;

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
                // A terminal that hung up says EIO; it is as much an end as a closed pipe.
                Ok(0) => return,
                Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => return,
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
