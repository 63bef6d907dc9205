//! How the program ends: its exit status, and what it says then.

use std::io::{self, Write};

use anyhow::Context;

use crate::session::Outcome;
use crate::settings::{LogLevel, SessionType, Settings};
use crate::terminal::Ending;

/// As ssh: whatever went wrong on our side.
pub const FAILURE: i32 = 255;

/// A signal ended the program before there was a session.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Caught(pub(crate) Ending);

/// The exit status that an outcome stands for, and the words that go with it.
///
/// # Errors
///
/// When the server went away by itself.
pub(crate) fn status_of(
    outcome: Outcome,
    settings: &Settings,
    has_pty: bool,
) -> anyhow::Result<i32> {
    let is_the_end = !matches!(outcome, Outcome::Quit(_) | Outcome::Signalled(_));
    if has_pty && is_the_end && !is_quiet(settings) {
        tell(&format!("Connection to {} closed.\r\n", settings.hostname));
    }
    match outcome {
        Outcome::Exited(status) => Ok(i32::try_from(status).unwrap_or(FAILURE)),
        Outcome::Killed(signal) => {
            tracing::info!(signal, "the remote program was killed");
            Ok(FAILURE)
        }
        Outcome::Left => Ok(FAILURE),
        // As ssh: who asked for no session and ends the connection in an orderly way has not failed.
        Outcome::Signalled(Ending::Terminate) if settings.session_type == SessionType::None => {
            Ok(0)
        }
        Outcome::Signalled(ending) => {
            tracing::info!("{ending}");
            Ok(FAILURE)
        }
        Outcome::Quit(reason) => anyhow::bail!("the server went away: {reason}"),
    }
}

fn is_quiet(settings: &Settings) -> bool {
    matches!(
        settings.log_level,
        LogLevel::Quiet | LogLevel::Fatal | LogLevel::Error
    )
}

/// Writes to standard output.
///
/// # Errors
///
/// When nobody reads it.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    io::stdout()
        .write_all(text.as_bytes())
        .context("writing to standard output")
}

/// Writes to standard error, where nobody may listen.
pub(crate) fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// What went wrong, with the causes behind it.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut line = String::new();
    let mut last = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some errors repeat their source in their own words.
        if last.contains(&text) {
            continue;
        }
        if !last.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
        last = text;
    }
    line
}
