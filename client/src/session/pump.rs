//! Both directions of a session, the signals, and the notice, in one task.

use std::fmt;
use std::io::IsTerminal;
use tokio::sync::mpsc;
use tssh_core::connection::ClientEvent;

use super::board::Board;
use super::remote::{Broken, Control, RemoteInput, RemoteOutput};
use super::upstream::{Keys, Offline};
use super::watch::watch;
use crate::login::{Event, Size};
use crate::terminal::escape::{Action, Demonstration, help};
use crate::terminal::notice::{self, Decision};
use crate::terminal::raw::SCREEN_PATIENCE;
use crate::terminal::{Ending, Escape, EscapeChar, Guard, Input, Output, Signals};

/// This side of a session.
#[derive(Debug)]
pub struct Local {
    /// Holds the terminal; dropping it gives it back.
    pub guard: Guard,
    /// Keys or bytes; `None` reads as empty (`-n`).
    pub input: Option<Input>,
    /// The screen or a pipe.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
    /// Size and ends.
    pub signals: Signals,
    /// The size that the far side was asked for; it hears of any other at once.
    pub size: Option<Size>,
    /// Whether a person types here: escapes count, and keys may wait.
    pub interactive: bool,
    /// What starts an escape.
    pub escape_char: EscapeChar,
    /// Whether `~d` darkens the path.
    pub demonstration: Demonstration,
    /// How a lost connection is shown.
    pub notice: notice::Settings,
}

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The program ended with this status.
    Exited(u32),
    /// A signal ended the program; its name without `SIG`.
    Killed(String),
    /// The user left by `~.`.
    Left,
    /// A signal ended this program.
    Signalled(Ending),
    /// The server says that it goes away.
    Quit(String),
}

/// What a session runs on besides the terminal.
pub struct Far {
    /// What the program is told.
    pub input: RemoteInput,
    /// What it says.
    pub output: RemoteOutput,
    /// How it learns of a size.
    pub control: Control,
    /// Whether keys wait for a path.
    pub offline: Offline,
    /// What the server tells besides.
    pub events: Option<mpsc::Receiver<ClientEvent>>,
}

/// Runs a session to its end. `darken` is what `~d` does.
///
/// # Errors
///
/// When the connection breaks, or this side's output cannot be written.
pub async fn run(local: &mut Local, far: Far, darken: impl Fn()) -> Result<Outcome, Broken> {
    let Far {
        mut input,
        mut output,
        control,
        offline,
        events,
    } = far;
    let path = offline.path.clone();
    let roams = path.is_some();
    let keys = Keys::new(offline);
    let board = Board::new(local.notice, &local.stdout, local.guard.screen(), &control);
    let keyboard = Keyboard {
        keys: &keys,
        board: &board,
        guard: &local.guard,
        screen: match local.stdout.is_screen() {
            true => &local.stdout,
            false => &local.stderr,
        },
        control: &control,
        escape_char: local.escape_char,
        demonstration: local.demonstration,
    };
    let source = local.input.as_mut();
    let up = async {
        if !local.interactive {
            // A program that reads no more, or has ended, may still have something to say.
            let _ = copy(source, &mut input).await;
            return std::future::pending().await;
        }
        tokio::select! {
            biased; // What is typed is sent in the same turn.
            outcome = keyboard.run(source, darken) => outcome,
            _ = keys.drain(&mut input) => std::future::pending().await,
        }
    };
    let down = downstream(&mut output, &local.stdout, &local.stderr, &board);
    if let Some(size) = outgrown(local.size, *local.signals.size.borrow_and_update()) {
        control.resize(size, false).await;
    }
    let asides = asides(
        local.signals.clone(),
        &control,
        events,
        // In the flow of the screen it neither cuts a sequence nor ends tmux's control mode.
        match local.stdout.is_screen() && std::io::stderr().is_terminal() {
            true => &local.stdout,
            false => &local.stderr,
        },
        &board,
    );
    let sizes = local.signals.size.clone();
    let shown = async {
        match path {
            Some(path) if local.interactive && local.stdout.is_screen() => {
                board.run(path, sizes).await
            }
            Some(path) => watch(path, local.notice.after).await,
            None => std::future::pending().await,
        }
    };
    let mut asides = std::pin::pin!(asides);
    let outcome = tokio::select! {
        biased; // What the program said is shown before anything else ends the session.
        outcome = down => match outcome {
            Err(Broken::Ended | Broken::Stream(_)) if roams => {
                // The server's reason may be on its way, on another stream.
                match tokio::time::timeout(REASON_PATIENCE, &mut asides).await {
                    Ok(outcome) => outcome,
                    Err(_) => return Err(Broken::Ended),
                }
            }
            outcome => outcome?,
        },
        outcome = &mut asides => outcome,
        outcome = up => outcome,
        outcome = shown => outcome,
    };
    if matches!(outcome, Outcome::Exited(_) | Outcome::Killed(_)) {
        local.stdout.flush().await.map_err(Broken::Output)?;
        local.stderr.flush().await.map_err(Broken::Output)?;
    } else {
        board.clear();
        // A screen that stands still keeps nobody from leaving.
        let _ = tokio::time::timeout(SCREEN_PATIENCE, local.stdout.flush()).await;
    }
    Ok(outcome)
}

/// Shows what the program says, until it has ended.
async fn downstream(
    output: &mut RemoteOutput,
    stdout: &Output,
    stderr: &Output,
    board: &Board<'_>,
) -> Result<Outcome, Broken> {
    let mut outcome = None;
    while let Some(event) = output.next().await? {
        if matches!(event, Event::Stdout(_) | Event::Stderr(_)) {
            board.handle_output();
        }
        match event {
            Event::Stdout(bytes) => stdout.write(&bytes).await.map_err(Broken::Output)?,
            Event::Stderr(bytes) => stderr.write(&bytes).await.map_err(Broken::Output)?,
            Event::ExitStatus(status) => outcome = Some(Outcome::Exited(status)),
            Event::ExitSignal { signal, .. } => outcome = Some(Outcome::Killed(signal)),
            Event::Finished => {}
        }
    }
    outcome.ok_or(Broken::Ended)
}

/// Sends a pipe or file, and its end.
async fn copy(source: Option<&mut Input>, input: &mut RemoteInput) -> Result<(), Broken> {
    if let Some(source) = source {
        loop {
            match source.recv().await {
                Ok(Some(bytes)) => input.write(bytes).await?,
                Ok(None) => break,
                // As ssh: what cannot be read has ended, or the program would wait for ever.
                Err(error) => {
                    tracing::warn!("standard input cannot be read: {error}");
                    break;
                }
            }
        }
    }
    input.finish().await
}

/// Reads the keyboard.
struct Keyboard<'a> {
    keys: &'a Keys,
    board: &'a Board<'a>,
    guard: &'a Guard,
    /// Where answers to escapes go: never into what the program's output goes to.
    screen: &'a Output,
    control: &'a Control,
    escape_char: EscapeChar,
    demonstration: Demonstration,
}

impl Keyboard<'_> {
    async fn run(&self, source: Option<&mut Input>, darken: impl Fn()) -> Outcome {
        let mut escape = Escape::new(self.escape_char, self.demonstration);
        let mut actions = Vec::new();
        if let Some(source) = source {
            // An end of the terminal is an end of input; SIGHUP tells the rest.
            while let Ok(Some(bytes)) = source.recv().await {
                escape.handle_keys(bytes, &mut actions);
                for action in actions.drain(..) {
                    match action {
                        Action::Forward(keys) => {
                            let pushed = self.keys.push(keys);
                            self.board.handle_lost(self.keys.take_lost());
                            if self.board.handle_typed(pushed, self.keys.waiting())
                                == Decision::Leave
                            {
                                return Outcome::Left;
                            }
                            if pushed.interrupts > 0 {
                                escape.handle_dropped();
                            }
                            self.keys.has_room().await;
                        }
                        Action::Disconnect => return Outcome::Left,
                        Action::DarkenPath => darken(),
                        Action::Help => self.say(&help(self.escape_char, self.demonstration)),
                        Action::Suspend => self.suspend().await,
                        Action::Unsupported(key) => self.say(&format!(
                            "{}{} is not supported by this program\r\n",
                            self.escape_char,
                            char::from(key).escape_default()
                        )),
                    }
                }
            }
            if let Some(last) = escape.handle_end() {
                self.keys.push(last);
            }
        }
        self.keys.end();
        std::future::pending().await
    }

    async fn suspend(&self) {
        if let Err(error) = self.guard.suspend() {
            tracing::warn!(%error, "the program cannot be suspended");
        }
        self.control.resize(current_size(), true).await;
    }

    fn say(&self, text: &str) {
        self.screen.draw(b"\r\n");
        self.screen.draw(text.as_bytes());
    }
}

/// Signals, sizes and what the server tells besides.
async fn asides(
    mut signals: Signals,
    control: &Control,
    mut events: Option<mpsc::Receiver<ClientEvent>>,
    messages: &Output,
    board: &Board<'_>,
) -> Outcome {
    loop {
        tokio::select! {
            biased; // The end, then what is rare, then what a server may flood us with.
            Ok(()) = signals.ending.changed() => {
                if let Some(ending) = *signals.ending.borrow_and_update() {
                    return Outcome::Signalled(ending);
                }
            }
            Ok(()) = signals.size.changed() => {
                let size = *signals.size.borrow_and_update();
                control.resize(wire_size(size), false).await;
            }
            Ok(()) = signals.continued.changed() => control.resize(current_size(), true).await,
            event = next(&mut events) => match event {
                // The farewell of the connection answers it.
                Some(ClientEvent::Quit(reason)) => {
                    return Outcome::Quit(reason.as_str().to_owned());
                }
                Some(ClientEvent::Warning(text)) => {
                    messages.draw(format!("tssh: the server says: {text}\r\n").as_bytes());
                }
                Some(ClientEvent::Debug(text)) => tracing::debug!(%text, "the server's log"),
                Some(ClientEvent::Discard(discard)) => board.handle_discard(&discard),
                Some(_) => {}
                None => events = None,
            },
        }
    }
}

async fn next(events: &mut Option<mpsc::Receiver<ClientEvent>>) -> Option<ClientEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

/// The terminal's size now; zeros when there is none.
pub fn current_size() -> Size {
    wire_size(crate::terminal::Size::current().unwrap_or_default())
}

/// The size to tell of, when the terminal is not what was asked for.
fn outgrown(asked: Option<Size>, now: crate::terminal::Size) -> Option<Size> {
    let now = wire_size(now);
    asked.filter(|asked| *asked != now).map(|_| now)
}

fn wire_size(size: crate::terminal::Size) -> Size {
    Size {
        columns: size.columns.into(),
        rows: size.rows.into(),
        pixel_width: size.pixel_width.into(),
        pixel_height: size.pixel_height.into(),
    }
}

impl fmt::Debug for Far {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Far")
    }
}

/// Two streams of one connection are not far apart.
const REASON_PATIENCE: std::time::Duration = std::time::Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_was_resized_since_it_was_asked_for_is_told_of() {
        let now = crate::terminal::Size::default();
        let other = Size {
            columns: 100,
            ..wire_size(now)
        };
        assert_eq!(outgrown(Some(other), now), Some(wire_size(now)));
        assert_eq!(outgrown(Some(wire_size(now)), now), None);
        assert_eq!(outgrown(None, now), None);
    }
}
