//! The screen, as the remote program, our own drawings and the way out share it.
//!
//! Whoever writes to it has the turn meanwhile, so that giving the terminal back waits for the
//! piece that is on its way, knows exactly what has arrived, and has the last word.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::restore::{Surface, Tracker};

/// What is known of the terminal on standard output.
#[derive(Debug, Default)]
pub struct Screen {
    /// Whether somebody writes.
    taken: Mutex<bool>,
    given_back: Condvar,
    /// Never held while something is written.
    tracker: Mutex<Tracker>,
    closed: AtomicBool,
}

/// Whose bytes these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Own,
    Remote,
}

/// The right to write.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    screen: &'a Screen,
}

/// How much is written in one turn. A slow terminal shows this within a blink.
const PIECE: usize = 16 * 1024;

impl Screen {
    /// What a drawing of our own must know. Never waits for the terminal.
    pub fn surface(&self) -> Surface {
        lock(&self.tracker).surface()
    }

    /// Passes `bytes` to `write` piece by piece, with what their source needs before them.
    /// After [`Self::close`] they go nowhere.
    pub(super) fn write(
        &self,
        source: Source,
        bytes: &[u8],
        mut write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        // A drawing is short, and whole.
        let piece = if source == Source::Own {
            bytes.len().max(1)
        } else {
            PIECE
        };
        for piece in bytes.chunks(piece) {
            let _turn = self.turn();
            if self.closed.load(Ordering::Acquire) {
                return Ok(());
            }
            let mut tracker = lock(&self.tracker);
            if source == Source::Own {
                let drawing = tracker.own(piece);
                drop(tracker);
                write(&drawing)?;
                continue;
            }
            let (before, left_out) = tracker.rejoin(piece);
            tracker.observe(piece);
            drop(tracker);
            write(&before)?;
            write(&piece[left_out..])?;
        }
        Ok(())
    }

    /// Passes bytes of the remote program to `write`, which takes what it can without waiting, and
    /// returns how many are done with. None are, and nothing is written, while somebody else has
    /// the turn or a drawing stands before these bytes.
    pub(super) fn try_write(
        &self,
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let Some(_turn) = self.turn_within(Duration::ZERO) else {
            return Ok(0);
        };
        if self.closed.load(Ordering::Acquire) {
            return Ok(bytes.len());
        }
        if lock(&self.tracker).is_broken_in() {
            return Ok(0);
        }
        let written = write(bytes)?;
        lock(&self.tracker).observe(&bytes[..written]);
        Ok(written)
    }

    /// Lets nothing more through, but what is on its way.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Takes the turn, or `None` when the terminal has not taken a piece for `patience`.
    pub(super) fn turn_within(&self, patience: Duration) -> Option<Turn<'_>> {
        let taken = lock(&self.taken);
        let waited = self
            .given_back
            .wait_timeout_while(taken, patience, |taken| *taken);
        let (mut taken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *taken {
            return None;
        }
        *taken = true;
        Some(Turn { screen: self })
    }

    fn turn(&self) -> Turn<'_> {
        let taken = lock(&self.taken);
        let waited = self.given_back.wait_while(taken, |taken| *taken);
        *waited.unwrap_or_else(PoisonError::into_inner) = true;
        Turn { screen: self }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.screen.taken) = false;
        self.screen.given_back.notify_one();
    }
}

impl Turn<'_> {
    /// See [`Tracker::switch_off`].
    pub(super) fn switch_off(&self) -> Vec<u8> {
        lock(&self.screen.tracker).switch_off()
    }

    /// See [`Tracker::switch_on_again`].
    pub(super) fn switch_on_again(&self) -> Vec<u8> {
        lock(&self.screen.tracker).switch_on_again()
    }
}

/// A panic elsewhere must not keep the terminal from being given back.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
