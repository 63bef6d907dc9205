//! Asks the user, and tells the user, while a login is under way.
//!
//! | want to change…                         | look in      |
//! |-----------------------------------------|--------------|
//! | what a login may ask of its surroundings | this file    |
//! | when the terminal or the program is asked | `console.rs` |
//! | how a line is typed and hidden           | `tty.rs`     |
//! | how `SSH_ASKPASS` is run                 | `askpass.rs` |
//!
//! Not here: what is asked, and when (`host_key`, `methods`, `identities`).

mod askpass;
mod console;
#[cfg(test)]
mod tests;
mod tty;

use async_trait::async_trait;
use zeroize::Zeroizing;

pub use console::{Console, Words};

/// Whom a login asks and tells.
#[async_trait]
pub trait Prompter: Send + Sync + 'static {
    /// Asks one question and returns the answer without its line end.
    ///
    /// Cancel safe: dropping the future gives the terminal back.
    ///
    /// # Errors
    ///
    /// [`PromptError`] where there is nobody to ask, or the user broke off.
    async fn ask(&self, question: &Question<'_>) -> Result<Zeroizing<String>, PromptError>;

    /// Tells the user something in passing. `text` holds no control characters but line ends and
    /// tabs, and has no line end at its end.
    fn tell(&self, text: &str);

    /// Tells what went wrong, as [`Self::tell`] takes it.
    fn warn(&self, text: &str) {
        self.tell(text);
    }

    /// Shows the server's banner, as [`Self::tell`] takes it.
    fn banner(&self, text: &str) {
        self.tell(text);
    }
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// What to print; without control characters but line ends and tabs.
    pub text: &'a str,
    /// What kind of answer is wanted.
    pub kind: Answer,
}

/// What kind of answer a question wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes, no or a fingerprint: shown as it is typed.
    Confirmation,
    /// A secret: never shown.
    Secret,
    /// Anything else: shown as it is typed.
    Visible,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// The user pressed the interrupt key or closed the dialog.
    #[error("interrupted at a prompt")]
    Interrupted,
    /// There is no terminal and no program to ask with.
    #[error("there is nobody to ask: no terminal, and no SSH_ASKPASS program")]
    NobodyToAsk,
}

/// A prompter for programs that must not ask: every question has nobody to answer it, and what is
/// told goes to the log at `debug`.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

#[async_trait]
impl Prompter for Silent {
    async fn ask(&self, _: &Question<'_>) -> Result<Zeroizing<String>, PromptError> {
        Err(PromptError::NobodyToAsk)
    }

    fn tell(&self, text: &str) {
        tracing::debug!(text, "login");
    }
}

/// Takes from the peer's `text` what could drive a terminal: every control character but line ends
/// and tabs becomes `?`, and a long text is cut.
pub(super) fn printable(text: &str) -> String {
    let safe = |c: char| {
        if c.is_control() && c != '\n' && c != '\t' {
            '?'
        } else {
            c
        }
    };
    let text = text.replace("\r\n", "\n");
    text.chars()
        .take(MAX_TEXT)
        .map(safe)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// More than a banner needs, less than what floods a terminal.
const MAX_TEXT: usize = 16 << 10;
