//! Takes the terminal into raw mode, and gives it back on every way out.
//!
//! The record of what to give back is one per process, so that a panic hook and a signal can
//! reach it without the [`Guard`].

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, Once, TryLockError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{
    InputFlags, LocalFlags, OutputFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr,
    tcsetattr,
};
use nix::unistd::{getpgrp, tcgetpgrp};

use super::screen::{Screen, Turn, lock};

/// Why the terminal could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TerminalError {
    /// A second guard was asked for while the first one lives.
    #[error("the terminal is already taken, give it back before taking it again")]
    AlreadyTaken,
    /// Standard input is no terminal, so it has no attributes to change.
    #[error("standard input is not a terminal, use -T or run in a terminal")]
    NotATerminal,
    /// The system refused an operation on the terminal.
    #[error("the terminal refuses a change of its attributes")]
    Refused(#[source] io::Error),
}

/// What to do with the attributes of the terminal on standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attributes {
    /// Leave them: the session has no terminal on this side (`-T`, or input from a pipe).
    Keep,
    /// Raw mode as ssh's: every key is a byte for the remote side, signals included.
    Raw,
}

/// Holds the terminal; dropping it gives the terminal back.
///
/// A panic in any thread, and [`give_back`], do the same. `std::process::exit` runs no drop: call
/// [`give_back`] before it.
#[derive(Debug)]
pub struct Guard {
    screen: Arc<Screen>,
}

impl Guard {
    /// Takes the terminal of this process: attributes of standard input, modes of standard output.
    ///
    /// # Errors
    ///
    /// [`TerminalError::NotATerminal`] when raw mode is wanted and standard input is no terminal.
    pub fn take(attributes: Attributes) -> Result<Self, TerminalError> {
        let mut slot = taken();
        if slot.is_some() {
            return Err(TerminalError::AlreadyTaken);
        }
        let keyboard = match attributes {
            Attributes::Keep => None,
            Attributes::Raw => Some(Keyboard::take()?),
        };
        let stdout = io::stdout();
        let screen = if stdout.is_terminal() {
            Some(
                stdout
                    .as_fd()
                    .try_clone_to_owned()
                    .map_err(TerminalError::Refused)?
                    .into(),
            )
        } else {
            None
        };
        give_back_on_panic();
        let shared = Arc::new(Screen::default());
        *slot = Some(Taken {
            keyboard,
            screen,
            shared: Arc::clone(&shared),
        });
        Ok(Self { screen: shared })
    }

    /// Returns what the output pump and the notice share about the screen.
    pub fn screen(&self) -> Arc<Screen> {
        Arc::clone(&self.screen)
    }

    /// Gives the terminal back, stops this process as Ctrl-Z would, and takes the terminal again
    /// when the shell continues it. The remote program's modes are switched on again; what was on
    /// the screen is not, so ask for a redraw afterwards.
    ///
    /// Every thread of the process stands still meanwhile.
    ///
    /// # Errors
    ///
    /// Whatever the system says to the signal or to the attributes.
    pub fn suspend(&self) -> Result<(), TerminalError> {
        let slot = taken();
        let Some(taken) = slot.as_ref() else {
            return Ok(());
        };
        // Kept until the end: nothing of the remote program is written to the shell's screen.
        let turn = self.screen.turn_within(SCREEN_PATIENCE);
        taken.give_back(turn.as_ref());
        // To the calling thread: it then stops before the next line, whatever other threads do.
        // Without a shell to continue us the kernel ignores this signal, and the session goes on.
        raise(Signal::SIGTSTP).map_err(refused)?;
        if let Some(keyboard) = &taken.keyboard {
            keyboard.set(&keyboard.raw).map_err(refused)?;
        }
        if let Some(turn) = &turn {
            taken.write(&turn.switch_on_again());
        }
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back if it is taken; does nothing the second time. What still waits in an
/// output queue for it is dropped.
///
/// Waits at most twice [`SCREEN_PATIENCE`], for a screen that takes no bytes.
pub fn give_back() {
    if let Some(taken) = taken().take() {
        taken.give_back_for_good();
    }
}

/// Long enough for a busy terminal emulator, short enough for a paused one.
pub const SCREEN_PATIENCE: Duration = Duration::from_millis(250);

/// Sets raw mode again where a shell may have changed it: after SIGCONT.
pub(super) fn reassert() {
    let slot = taken();
    let Some(keyboard) = slot.as_ref().and_then(|taken| taken.keyboard.as_ref()) else {
        return;
    };
    if keyboard.is_ours() && keyboard.set(&keyboard.raw).is_err() {
        tracing::debug!("raw mode not set again");
    }
}

static TAKEN: Mutex<Option<Taken>> = Mutex::new(None);

/// What was taken, with all that is needed to give it back.
#[derive(Debug)]
struct Taken {
    keyboard: Option<Keyboard>,
    screen: Option<File>,
    shared: Arc<Screen>,
}

impl Taken {
    fn give_back_for_good(&self) {
        self.shared.close();
        self.give_back(self.shared.turn_within(SCREEN_PATIENCE).as_ref());
    }

    fn give_back(&self, turn: Option<&Turn<'_>>) {
        // Attributes first: they never wait, while the screen may be paused.
        if let Some(keyboard) = &self.keyboard {
            if !keyboard.is_ours() {
                return;
            }
            if keyboard.set(&keyboard.found).is_err() {
                tracing::debug!("terminal attributes not given back");
            }
        }
        if let Some(turn) = turn {
            self.write(&turn.switch_off());
        }
    }

    fn write(&self, mut bytes: &[u8]) {
        let Some(mut screen) = self.screen.as_ref() else {
            return;
        };
        let patience = PollTimeout::try_from(SCREEN_PATIENCE).unwrap_or(PollTimeout::ZERO);
        while !bytes.is_empty() {
            let mut ready = [PollFd::new(screen.as_fd(), PollFlags::POLLOUT)];
            if !matches!(poll(&mut ready, patience), Ok(1..)) {
                return;
            }
            match screen.write(bytes) {
                Ok(written) if written > 0 => bytes = &bytes[written..],
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// The terminal that keys come from.
#[derive(Debug)]
struct Keyboard {
    tty: OwnedFd,
    found: Termios,
    raw: Termios,
}

impl Keyboard {
    fn take() -> Result<Self, TerminalError> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Err(TerminalError::NotATerminal);
        }
        let tty = stdin
            .as_fd()
            .try_clone_to_owned()
            .map_err(TerminalError::Refused)?;
        let found = tcgetattr(&tty).map_err(refused)?;
        let keyboard = Self {
            raw: raw(&found),
            tty,
            found,
        };
        keyboard.set(&keyboard.raw).map_err(refused)?;
        Ok(keyboard)
    }

    /// At once, and without flushing: keys typed before the session are for the session, and
    /// waiting for a paused screen to drain would hang the way out.
    fn set(&self, attributes: &Termios) -> Result<(), Errno> {
        tcsetattr(&self.tty, SetArg::TCSANOW, attributes)
    }

    /// False while a shell has put this process into the background: the terminal has the
    /// shell's own attributes then, and touching them would break its line editor.
    fn is_ours(&self) -> bool {
        match tcgetpgrp(&self.tty) {
            Ok(foreground) => foreground == getpgrp(),
            Err(_) => true,
        }
    }
}

/// The attributes of ssh's raw mode, made from those that were found.
fn raw(found: &Termios) -> Termios {
    let mut raw = found.clone();
    raw.input_flags |= InputFlags::IGNPAR;
    raw.input_flags -= InputFlags::ISTRIP
        | InputFlags::INLCR
        | InputFlags::IGNCR
        | InputFlags::ICRNL
        | InputFlags::IXON
        | InputFlags::IXANY
        | InputFlags::IXOFF;
    raw.local_flags -= LocalFlags::ISIG
        | LocalFlags::ICANON
        | LocalFlags::ECHO
        | LocalFlags::ECHOE
        | LocalFlags::ECHOK
        | LocalFlags::ECHONL
        | LocalFlags::IEXTEN;
    raw.output_flags -= OutputFlags::OPOST;
    raw.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
    raw.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
    raw
}

fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // A panic while the record is held must not wait for itself.
            let slot = match TAKEN.try_lock() {
                Ok(slot) => Some(slot),
                Err(TryLockError::Poisoned(slot)) => Some(slot.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            };
            if let Some(taken) = slot.and_then(|mut slot| slot.take()) {
                taken.give_back_for_good();
            }
            previous(info);
        }));
    });
}

fn taken() -> MutexGuard<'static, Option<Taken>> {
    lock(&TAKEN)
}

fn refused(errno: Errno) -> TerminalError {
    TerminalError::Refused(errno.into())
}
