//! The environment of a child, built as sshd builds it, on top of what the bootstrap login was given.
//!
//! sshd hands a session what PAM, the administrator and the client set; a session behind the server has no PAM of its
//! own. So the variables of the bootstrap login stay, but for those that belong to that one login or to a shell.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::account::Account;
use super::spec::{Display, Spec};
use crate::settings::{Settings, UserEnvironment};

/// Names and values; ordered, so that two children of one spec get the same block.
pub(super) type Environment = BTreeMap<OsString, OsString>;

/// What [`build`] draws on.
pub(super) struct Sources<'a> {
    pub(super) account: &'a Account,
    pub(super) settings: &'a Settings,
    pub(super) inherited: &'a Environment,
    pub(super) spec: &'a Spec,
    /// File of the child's terminal.
    pub(super) tty: Option<&'a Path>,
    /// What the client asked for when `ForceCommand` runs something else.
    pub(super) original_command: Option<&'a OsStr>,
    /// Text of `~/.ssh/environment`.
    pub(super) user_file: Option<&'a str>,
}

/// Builds the environment. Later steps replace earlier ones, in sshd's order: the client cannot set `PATH` or `HOME`,
/// the user's own file can, and nobody sets `SSH_CONNECTION`.
pub(super) fn build(sources: &Sources<'_>) -> Environment {
    let Sources {
        account,
        settings,
        spec,
        ..
    } = *sources;
    let mut env = sources.inherited.clone();
    env.retain(|name, _| !belongs_to_the_bootstrap(name));

    let accepted = spec.envs.iter().filter(|(name, value)| {
        well_formed(name, value) && (name == "TERM" || settings.accepts_env(name))
    });
    for (name, value) in accepted.take(ENVS_MAX) {
        env.insert(name.into(), value.into());
    }

    // A client's agent comes through a socket of ours; the host's own may be named below.
    env.remove(OsStr::new("SSH_AUTH_SOCK"));
    let mut set = |name: &str, value: &OsStr| env.insert(name.into(), value.to_owned());
    set("USER", account.name.as_ref());
    set("LOGNAME", account.name.as_ref());
    set("HOME", account.home.as_os_str());
    set("SHELL", account.shell.as_os_str());
    for name in ["PATH", "MAIL", "TZ"] {
        if let Some(value) = sources.inherited.get(OsStr::new(name)) {
            set(name, value);
        }
    }
    if sources.inherited.get(OsStr::new("PATH")).is_none() {
        set("PATH", OsStr::new(DEFAULT_PATH));
    }
    if let Some(pty) = spec.pty.as_ref().filter(|pty| !pty.term.is_empty()) {
        set("TERM", pty.term.as_ref());
    }
    if let Some(Display { name, .. }) = &spec.display {
        set("DISPLAY", name.as_ref());
    }
    if let Some(socket) = &spec.agent_socket {
        set("SSH_AUTH_SOCK", socket.as_ref());
    }
    for (name, value) in user_variables(sources) {
        set(name, value.as_ref());
    }
    for (name, value) in &settings.set_env {
        set(name, value.as_ref());
    }

    for name in ["SSH_CLIENT", "SSH_CONNECTION"] {
        match sources.inherited.get(OsStr::new(name)) {
            Some(value) => env.insert(name.into(), value.clone()),
            None => env.remove(OsStr::new(name)),
        };
    }
    for (name, value) in [
        ("SSH_TTY", sources.tty.map(Path::as_os_str)),
        ("SSH_ORIGINAL_COMMAND", sources.original_command),
    ] {
        match value {
            Some(value) => env.insert(name.into(), value.to_owned()),
            None => env.remove(OsStr::new(name)),
        };
    }
    env
}

/// The lines of `~/.ssh/environment` that `PermitUserEnvironment` lets through: `NAME=value`, no quoting.
fn user_variables<'a>(sources: &Sources<'a>) -> Vec<(&'a str, &'a str)> {
    let Some(text) = sources.user_file else {
        return Vec::new();
    };
    text.lines()
        .map(|line| line.trim_start_matches([' ', '\t']))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .filter(|(name, value)| well_formed(name, value))
        .filter(
            |(name, _)| match &sources.settings.permit_user_environment {
                UserEnvironment::No => false,
                UserEnvironment::Yes => true,
                UserEnvironment::Only(patterns) => patterns.matches(name),
            },
        )
        .take(ENVS_MAX)
        .collect()
}

fn well_formed(name: &str, value: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
}

fn belongs_to_the_bootstrap(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        STALE.contains(&name) || STALE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    })
}

/// Variables of the bootstrap login itself (its terminal, its forwards, its command), of the shell that started the
/// server (a `SHLVL` makes bash skip `~/.bashrc`), and of the way in which the server was started.
const STALE: [&str; 21] = [
    "SSH_TTY",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "SSH_ORIGINAL_COMMAND",
    "SSH_USER_AUTH",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "TERM",
    "TERMCAP",
    "COLORTERM",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "COLUMNS",
    "LINES",
    "SHLVL",
    "PWD",
    "OLDPWD",
    "_",
    "STY",
    "WINDOW",
];

/// Of tmux, of systemd's service start, and our own.
const STALE_PREFIXES: [&str; 7] = [
    "TMUX",
    "NOTIFY_SOCKET",
    "LISTEN_",
    "WATCHDOG_",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "TSSHD_",
];

/// sshd takes this many variables from a client.
const ENVS_MAX: usize = 128;

/// sshd's own on most systems.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

#[cfg(test)]
#[path = "environment_tests.rs"]
mod tests;
