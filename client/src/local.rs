//! This side of a session, as the settings want it.

use std::io::{self, IsTerminal};

use anyhow::Context;
use nix::sys::termios::tcgetattr;

use crate::login::{Program, Pty};
use crate::session::{Local, Start, current_size, modes_of};
use crate::settings::{self, Environment, RequestTty, SessionType, Settings};
use crate::terminal::escape::Demonstration;
use crate::terminal::notice;
use crate::terminal::{Attributes, EscapeChar, Guard, Input, Output, Signals};

/// Takes this side of the session: raw when there is a terminal on both sides.
pub(crate) fn local(
    settings: &Settings,
    start: &Start,
    has_pty: bool,
    signals: &Signals,
) -> anyhow::Result<Local> {
    let interactive = has_pty && io::stdin().is_terminal() && !settings.stdin_null;
    let attributes = if interactive {
        Attributes::Raw
    } else {
        Attributes::Keep
    };
    let escape_char = match settings.escape_char {
        settings::EscapeChar::None => EscapeChar::Off,
        settings::EscapeChar::Char(byte) => EscapeChar::On(byte),
    };
    let guard = Guard::take(attributes)?;
    let stdout = Output::stdout(guard.screen()).context("opening standard output")?;
    Ok(Local {
        input: match settings.stdin_null {
            true => None,
            false => Some(Input::stdin().context("opening standard input")?),
        },
        stdout,
        stderr: Output::stderr().context("opening standard error")?,
        signals: signals.clone(),
        size: start.size(),
        interactive,
        escape_char,
        notice: notice::Settings {
            place: match settings.show_notification_on_top {
                true => notice::Place::Top,
                false => notice::Place::CursorLine,
            },
            detail: match settings.show_full_notifications {
                true => notice::Detail::Full,
                false => notice::Detail::Brief,
            },
            after: settings.udp_reconnect_timeout,
            escape: escape_char,
        },
        demonstration: Demonstration::Off,
        guard,
    })
}

/// Whether a terminal is wanted on the server.
pub(crate) fn wants_terminal(settings: &Settings, start: &Start) -> bool {
    match settings.request_tty {
        RequestTty::No => false,
        RequestTty::Auto => {
            start.program == Program::Shell && settings.session_type == SessionType::Default
        }
        RequestTty::Yes | RequestTty::Force => true,
    }
}

/// What the server's terminal is to be like; `None` unless standard input is a terminal.
pub(crate) fn terminal(settings: &Settings, env: &Environment) -> Option<Pty> {
    let stdin = io::stdin();
    if settings.stdin_null || !stdin.is_terminal() {
        return None;
    }
    Some(Pty {
        term: env
            .variables
            .get("TERM")
            .cloned()
            .unwrap_or_else(|| "dumb".to_owned()),
        size: current_size(),
        modes: tcgetattr(stdin).map_or_else(|_| Vec::new(), |termios| modes_of(&termios)),
    })
}
