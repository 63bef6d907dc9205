//! Decides between the terminal and the `SSH_ASKPASS` program, as ssh(1) describes it.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{Answer, PromptError, Prompter, Question, askpass, tty};

/// Asks on `/dev/tty`, or by the `SSH_ASKPASS` program where there is no terminal.
#[derive(Clone, Debug)]
pub struct Console {
    program: Option<OsString>,
    require: Require,
    display: bool,
    words: Words,
    log_file: Option<PathBuf>,
}

/// What is told (`LogLevel`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Banners, news and errors.
    All,
    /// What went wrong.
    Errors,
    /// Nothing.
    None,
}

/// `SSH_ASKPASS_REQUIRE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Require {
    /// The program always.
    Force,
    /// The terminal always.
    Never,
    /// The program where there is one.
    Prefer,
    /// The program where there is no terminal.
    WithoutTerminal,
}

impl Console {
    /// Reads `SSH_ASKPASS`, `SSH_ASKPASS_REQUIRE`, `DISPLAY` and `WAYLAND_DISPLAY`.
    /// What is told goes to `log_file` where there is one (`-E`), but for banners.
    pub fn from_env(words: Words, log_file: Option<&Path>) -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            program: set("SSH_ASKPASS"),
            require: match set("SSH_ASKPASS_REQUIRE")
                .as_ref()
                .and_then(|value| value.to_str())
            {
                Some("force") => Require::Force,
                Some("never") => Require::Never,
                Some("prefer") => Require::Prefer,
                _ => Require::WithoutTerminal,
            },
            display: set("DISPLAY").is_some() || set("WAYLAND_DISPLAY").is_some(),
            words,
            log_file: log_file.map(Path::to_owned),
        }
    }

    fn write(&self, text: &str) {
        let Some(path) = &self.log_file else {
            return show(text);
        };
        let file = OpenOptions::new().append(true).create(true).open(path);
        // The log has complained of a file that takes nothing.
        let _ = file.and_then(|mut file| writeln!(file, "{text}"));
    }

    /// The program to ask with, given whether there is a terminal.
    fn program(&self, terminal: bool) -> Option<&OsString> {
        let program = self.program.as_ref()?;
        match self.require {
            Require::Force => Some(program),
            Require::Never => None,
            Require::Prefer => self.display.then_some(program),
            Require::WithoutTerminal => (!terminal && self.display).then_some(program),
        }
    }
}

#[async_trait]
impl Prompter for Console {
    async fn ask(&self, question: &Question<'_>) -> Result<Zeroizing<String>, PromptError> {
        let terminal = tty::Terminal::open();
        if let Some(program) = self.program(terminal.is_some()) {
            return askpass::ask(program, question).await;
        }
        let terminal = terminal.ok_or(PromptError::NobodyToAsk)?;
        terminal
            .ask(question.text, question.kind != Answer::Secret)
            .await
    }

    fn tell(&self, text: &str) {
        if self.words == Words::All {
            self.write(text);
        }
    }

    fn warn(&self, text: &str) {
        if self.words != Words::None {
            self.write(text);
        }
    }

    fn banner(&self, text: &str) {
        if self.words == Words::All {
            show(text);
        }
    }
}

fn show(text: &str) {
    // Nothing can be done for a user whose stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
