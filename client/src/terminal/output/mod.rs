//! Writes the screen, a pipe or a file, without changing the descriptor others share.
//!
//! One thread writes; a bounded queue holds the remote program back when the terminal is slow. What
//! a terminal takes at once, while nothing waits, goes there in place: an echo waits for no thread.
//! Our own drawings travel in the same queue, so they never cut a sequence of the remote program:
//! what they interrupt is cancelled and repeated after them.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::Notify;

use crate::terminal::reopen::{Direction, reopened};
use crate::terminal::screen::{Screen, Source, lock};

/// How many bytes wait for the terminal at most. Small, so that Ctrl-C beats a flood: a terminal
/// shows this much in a few milliseconds.
pub const OUTPUT_LIMIT: usize = 256 * 1024;

/// What is written in place at most: an echo, a line, a status bar. More is a program at work, whose
/// next bytes are gathered while the thread writes.
const SHORTCUT_SIZE: usize = 1024;

/// The way to one descriptor. Clones share the queue; the thread ends with the last of them.
#[derive(Clone, Debug)]
pub struct Output {
    owner: Arc<Owner>,
    is_screen: bool,
}

impl Output {
    /// Starts to write to standard output, through `screen` if it is a terminal.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be duplicated or no thread can be had.
    pub fn stdout(screen: Arc<Screen>) -> io::Result<Self> {
        let stdout = io::stdout();
        let screen = stdout.is_terminal().then_some(screen);
        Self::new(stdout.as_fd().try_clone_to_owned()?, screen)
    }

    /// Starts to write to standard error.
    ///
    /// # Errors
    ///
    /// As [`Self::stdout`].
    pub fn stderr() -> io::Result<Self> {
        Self::new(io::stderr().as_fd().try_clone_to_owned()?, None)
    }

    /// Starts to write to `target`.
    ///
    /// # Errors
    ///
    /// When no thread can be had.
    pub fn new(target: OwnedFd, screen: Option<Arc<Screen>>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            shortcut: screen.clone().and_then(|screen| {
                let terminal = reopened(&target, Direction::Write)?;
                Some((terminal, screen))
            }),
            ..Shared::default()
        });
        let is_screen = screen.is_some();
        let queue = Arc::clone(&shared);
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || {
                queue.write_all(&File::from(target), screen.as_deref());
            })?;
        Ok(Self {
            owner: Arc::new(Owner { shared }),
            is_screen,
        })
    }

    /// Whether this is a screen that can be drawn on, and not a pipe or a file.
    pub fn is_screen(&self) -> bool {
        self.is_screen
    }

    /// Queues bytes of the remote program, and waits while the queue is full.
    ///
    /// Not cancel safe: dropped in between, the first part stays queued.
    ///
    /// # Errors
    ///
    /// What an earlier `write` of the thread said; [`io::ErrorKind::BrokenPipe`] when nobody reads
    /// any more. Nothing is written after an error.
    pub async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.owner.shared.room.notified();
            match self.owner.shared.push(Source::Remote, bytes)? {
                0 => room.await,
                pushed => bytes = &bytes[pushed..],
            }
        }
        Ok(())
    }

    /// Queues a drawing of our own, whole, or not at all when the queue is full: a terminal that
    /// stands still shows no notice either. Never waits.
    pub fn draw(&self, bytes: &[u8]) {
        let fits = lock(&self.owner.shared.queue).room() >= bytes.len();
        if fits && self.owner.shared.push(Source::Own, bytes).is_err() {
            tracing::debug!("nobody sees the drawing");
        }
    }

    /// Waits until everything queued has been written. Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub async fn flush(&self) -> io::Result<()> {
        loop {
            let room = self.owner.shared.room.notified();
            if lock(&self.owner.shared.queue).is_idle()? {
                return Ok(());
            }
            room.await;
        }
    }
}

/// Ends the thread when the last [`Output`] goes.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        lock(&self.shared.queue).ended = true;
        self.shared.data.notify_one();
    }
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Tells the thread.
    data: Condvar,
    /// Tells those who wait in `write` and `flush`.
    room: Notify,
    /// The terminal, non-blocking, and what is known of it.
    shortcut: Option<(File, Arc<Screen>)>,
}

#[derive(Debug, Default)]
struct Queue {
    runs: VecDeque<(Source, Vec<u8>)>,
    /// A written run, whose memory the next one takes.
    spare: Vec<u8>,
    length: usize,
    /// The thread is at work on runs that are no longer here.
    busy: bool,
    ended: bool,
    error: Option<(io::ErrorKind, Option<i32>)>,
}

impl Queue {
    fn room(&self) -> usize {
        OUTPUT_LIMIT.saturating_sub(self.length)
    }

    fn is_idle(&self) -> io::Result<bool> {
        match self.error {
            Some((_, Some(code))) => Err(io::Error::from_raw_os_error(code)),
            Some((kind, None)) => Err(kind.into()),
            None => Ok(!self.busy && self.runs.is_empty()),
        }
    }
}

impl Shared {
    /// Appends what fits of `bytes` and returns its length.
    fn push(&self, source: Source, bytes: &[u8]) -> io::Result<usize> {
        let mut queue = lock(&self.queue);
        let idle = queue.is_idle()?;
        if idle && source == Source::Remote && bytes.len() <= SHORTCUT_SIZE {
            let written = self.write_now(bytes);
            if written > 0 {
                return Ok(written);
            }
        }
        let length = bytes.len().min(queue.room());
        let bytes = &bytes[..length];
        queue.length += length;
        match queue.runs.back_mut() {
            Some((last, run)) if *last == source => run.extend_from_slice(bytes),
            _ if length > 0 => {
                let mut run = mem::take(&mut queue.spare);
                run.clear();
                run.extend_from_slice(bytes);
                queue.runs.push_back((source, run));
            }
            _ => {}
        }
        drop(queue);
        self.data.notify_one();
        Ok(length)
    }

    /// Writes what the terminal takes at once and returns its length. What fails here fails in the
    /// thread too, which says so.
    fn write_now(&self, bytes: &[u8]) -> usize {
        let written = self.shortcut.as_ref().map(|(terminal, screen)| {
            let mut terminal: &File = terminal;
            screen.try_write(bytes, |bytes| terminal.write(bytes))
        });
        written.and_then(Result::ok).unwrap_or(0)
    }

    /// The thread: takes all that waits, writes it, until an error or the end.
    fn write_all(&self, target: &File, screen: Option<&Screen>) {
        let mut spare = Vec::new();
        loop {
            let mut queue = lock(&self.queue);
            queue.spare = mem::take(&mut spare);
            queue.busy = false;
            self.room.notify_waiters();
            while queue.runs.is_empty() {
                if queue.ended {
                    return;
                }
                queue = self
                    .data
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let runs = mem::take(&mut queue.runs);
            queue.length = 0;
            queue.busy = true;
            drop(queue);
            // Room before the write: the next bytes are gathered while these are written.
            self.room.notify_waiters();
            for (source, run) in runs {
                let written = match screen {
                    Some(screen) => screen.write(source, &run, |bytes| write_fully(target, bytes)),
                    None => write_fully(target, &run),
                };
                if let Err(error) = written {
                    let mut queue = lock(&self.queue);
                    queue.error = Some((error.kind(), error.raw_os_error()));
                    queue.runs.clear();
                    drop(queue);
                    self.room.notify_waiters();
                    return;
                }
                spare = run;
            }
        }
    }
}

/// As `write_all`, also where somebody made the descriptor non-blocking.
fn write_fully(mut target: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match target.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut ready = [PollFd::new(target.as_fd(), PollFlags::POLLOUT)];
                poll(&mut ready, PollTimeout::NONE)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
