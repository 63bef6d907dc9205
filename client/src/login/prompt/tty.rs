//! Reads one line from the controlling terminal, and gives the terminal back as it was.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};
use zeroize::{Zeroize as _, Zeroizing};

use super::PromptError;

/// The controlling terminal of this process.
#[derive(Debug)]
pub(super) struct Terminal {
    file: File,
}

impl Terminal {
    /// `None` where the process has no controlling terminal.
    pub(super) fn open() -> Option<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .ok()?;
        tcgetattr(&file).ok()?;
        Some(Self { file })
    }

    /// Prints `prompt` and reads a line, shown as it is typed if `visible`.
    ///
    /// Cancel safe: dropping the future restores the terminal at once; the thread that reads
    /// notices within [`TICK`].
    pub(super) async fn ask(
        self,
        prompt: &str,
        visible: bool,
    ) -> Result<Zeroizing<String>, PromptError> {
        let raw = RawInput::enter(self.file)?;
        let reader = raw.reader()?;
        let given_up = raw.given_up.clone();
        let prompt = prompt.to_owned();
        tokio::task::spawn_blocking(move || read_line(reader, &prompt, visible, &given_up))
            .await
            .map_err(|_| PromptError::Interrupted)?
    }
}

/// The terminal without echo, line editing and signals, for as long as this lives.
///
/// Signals are off because ours would arrive after the process died with the echo still off.
struct RawInput {
    file: File,
    before: Termios,
    given_up: Arc<AtomicBool>,
}

impl RawInput {
    fn enter(file: File) -> Result<Self, PromptError> {
        let before = tcgetattr(&file).map_err(|_| PromptError::NobodyToAsk)?;
        let mut during = before.clone();
        during
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::ISIG);
        during.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
        during.control_chars[SpecialCharacterIndices::VTIME as usize] = TICK;
        // What was typed before the question is not its answer.
        tcsetattr(&file, SetArg::TCSAFLUSH, &during).map_err(|_| PromptError::NobodyToAsk)?;
        Ok(Self {
            file,
            before,
            given_up: Arc::default(),
        })
    }

    fn reader(&self) -> Result<File, PromptError> {
        self.file.try_clone().map_err(|_| PromptError::NobodyToAsk)
    }
}

impl Drop for RawInput {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(&self.file, SetArg::TCSANOW, &self.before);
    }
}

fn read_line(
    mut terminal: File,
    prompt: &str,
    visible: bool,
    given_up: &AtomicBool,
) -> Result<Zeroizing<String>, PromptError> {
    let _ = terminal.write_all(prompt.as_bytes());
    let mut line = LineEditor::default();
    let outcome = loop {
        let mut byte = [0];
        match terminal.read(&mut byte) {
            Ok(0) => {
                // A tick, unless the terminal hung up.
                if given_up.load(Ordering::Relaxed) || tcgetattr(terminal.as_fd()).is_err() {
                    return Err(PromptError::Interrupted);
                }
            }
            Ok(_) => {
                let (echo, outcome) = line.press(byte[0]);
                if visible && !echo.is_empty() {
                    let _ = terminal.write_all(echo);
                }
                byte.zeroize();
                if let Some(outcome) = outcome {
                    break outcome;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(PromptError::Interrupted),
        }
    };
    let _ = terminal.write_all(b"\n");
    match outcome {
        Outcome::Entered => Ok(line.into_text()),
        Outcome::Interrupted => Err(PromptError::Interrupted),
    }
}

/// A line while it is typed.
pub(super) struct LineEditor {
    bytes: Zeroizing<Vec<u8>>,
    echo: [u8; 1],
}

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Entered,
    Interrupted,
}

impl LineEditor {
    /// Takes one byte of input; returns what to show for it, and how the line ended if it did.
    pub(super) fn press(&mut self, byte: u8) -> (&[u8], Option<Outcome>) {
        match byte {
            b'\r' | b'\n' => (b"", Some(Outcome::Entered)),
            CTRL_C | CTRL_BACKSLASH => (b"", Some(Outcome::Interrupted)),
            CTRL_D if self.bytes.is_empty() => (b"", Some(Outcome::Interrupted)),
            CTRL_D => (b"", Some(Outcome::Entered)),
            BACKSPACE | DELETE => match self.rub_out() {
                true => (b"\x08 \x08", None),
                false => (b"", None),
            },
            CTRL_U => {
                let mut rubbed = 0;
                while self.rub_out() {
                    rubbed += 1;
                }
                (&RUB_OUT_LINE[..3 * rubbed], None)
            }
            byte if byte < b' ' || self.bytes.len() >= MAX_LINE => (b"", None),
            byte => {
                self.bytes.push(byte);
                self.echo = [byte];
                (&self.echo, None)
            }
        }
    }

    /// The line so far.
    pub(super) fn into_text(self) -> Zeroizing<String> {
        Zeroizing::new(String::from_utf8_lossy(&self.bytes).into_owned())
    }

    /// Takes back one character, all its bytes.
    fn rub_out(&mut self) -> bool {
        loop {
            match self.bytes.pop() {
                None => return false,
                Some(byte) if byte & 0b1100_0000 == 0b1000_0000 => {}
                Some(_) => return true,
            }
        }
    }
}

impl Default for LineEditor {
    fn default() -> Self {
        // The full size at once: a vector that grows leaves pieces of a password behind.
        Self {
            bytes: Zeroizing::new(Vec::with_capacity(MAX_LINE)),
            echo: [0],
        }
    }
}

/// Tenths of a second between looks at whether the answer is still wanted.
const TICK: u8 = 1;

/// As long as OpenSSH lets an answer be.
const MAX_LINE: usize = 1024;

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const CTRL_BACKSLASH: u8 = 0x1c;
const DELETE: u8 = 0x7f;

static RUB_OUT_LINE: [u8; 3 * MAX_LINE] = {
    let mut bytes = [b' '; 3 * MAX_LINE];
    let mut i = 0;
    while i < MAX_LINE {
        bytes[3 * i] = BACKSPACE;
        bytes[3 * i + 2] = BACKSPACE;
        i += 1;
    }
    bytes
};
