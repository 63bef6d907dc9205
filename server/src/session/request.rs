//! What a start message means: a child's spec.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use tssh_core::wire::{SessionStart, WireError};

use crate::child::modes::{self, ModesError};
use crate::child::{Kind, Login, PtySpec, SpawnError, Spec, Stderr};
use crate::limits::MAX_TERMINAL_SIDE;

/// Why a start message starts nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum RequestError {
    #[error("the start message names no shell, command or subsystem")]
    Nothing,
    #[error("sshd_config of this host has no subsystem {0}")]
    NoSubsystem(tssh_core::wire::Printable),
    #[error(
        "the subsystem {0} is looked for in {file}, which this user may not read: only sftp is known here",
        file = .1.display()
    )]
    Unread(tssh_core::wire::Printable, std::path::PathBuf),
    #[error("the terminal modes cannot be understood")]
    Modes(#[from] ModesError),
    #[error("the server could not start the session: log in again")]
    Broke(#[source] tokio::task::JoinError),
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

impl RequestError {
    /// PROTOCOL.md, "Streams": the code of the refusal.
    pub(super) fn code(&self) -> i64 {
        match self {
            // Without a terminal it may start: our own client asks again.
            Self::Spawn(SpawnError::PtyRefused | SpawnError::Terminal(_)) => WireError::NOT_A_PTY,
            Self::Nothing
            | Self::NoSubsystem(_)
            | Self::Unread(..)
            | Self::Modes(_)
            | Self::Broke(_)
            | Self::Spawn(_) => 0,
        }
    }
}

/// The child that `message` asks for.
pub(super) fn spec(
    message: &SessionStart,
    login: &Login,
    stderr_apart: bool,
) -> Result<Spec, RequestError> {
    let mut spec = Spec::new(kind(message, login)?);
    if message.pty {
        spec.pty = Some(PtySpec {
            cols: side(message.cols),
            rows: side(message.rows),
            term: message.envs.get("TERM").cloned().unwrap_or_default(),
            modes: modes::decode(&message.term_modes)?,
        });
    }
    spec.stderr = match stderr_apart {
        true => Stderr::Apart,
        false => Stderr::Merged,
    };
    spec.envs = message.envs.clone().into_iter().collect();
    Ok(spec)
}

fn kind(message: &SessionStart, login: &Login) -> Result<Kind, RequestError> {
    if !message.subsystem.is_empty() {
        let name = &message.subsystem;
        let line = login.settings.subsystem(name);
        let missing = || {
            let name = tssh_core::wire::Printable::new(name);
            match &login.settings.unread {
                Some(file) => RequestError::Unread(name, file.clone()),
                None => RequestError::NoSubsystem(name),
            }
        };
        return Ok(Kind::Subsystem(line.ok_or_else(missing)?.to_owned()));
    }
    if message.shell {
        return Ok(Kind::Shell);
    }
    if !message.shell_command.is_empty() {
        // A command line is bytes, as sshd takes it.
        return Ok(Kind::Command(OsString::from_vec(
            message.shell_command.clone(),
        )));
    }
    if message.name.is_empty() {
        return Err(RequestError::Nothing);
    }
    Ok(Kind::Argv {
        name: message.name.clone(),
        args: message.args.clone(),
    })
}

/// A terminal's side in the range that a terminal has.
pub(super) fn side(number: u32) -> u16 {
    u16::try_from(number)
        .unwrap_or(MAX_TERMINAL_SIDE)
        .min(MAX_TERMINAL_SIDE)
}
