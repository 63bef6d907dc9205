//! What shall run, for whom, and with which streams.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::account::Account;
use super::pty::PtySpec;
use crate::settings::Settings;

/// One shell or command to start.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What runs.
    pub kind: Kind,
    /// A terminal, or pipes when `None`.
    pub pty: Option<PtySpec>,
    /// Where standard error goes; a terminal takes it in any case.
    pub stderr: Stderr,
    /// Variables that the client sent, unfiltered.
    pub envs: Vec<(String, String)>,
    /// Our end of a forwarded agent: the value of `SSH_AUTH_SOCK`.
    pub agent_socket: Option<PathBuf>,
    /// Our end of a forwarded X11 display.
    pub display: Option<Display>,
}

/// What a [`Spec`] runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user's login shell, its name preceded by a dash.
    Shell,
    /// A command line for `shell -c`, as sshd runs every command.
    Command(OsString),
    /// The rule of the Go programs (PROTOCOL.md, "Sessions"): run without a shell when `PATH` has the name.
    Argv {
        /// Looked up in the child's `PATH`.
        name: String,
        /// Without the name.
        args: Vec<String>,
    },
    /// The command line of a subsystem, from [`Settings::subsystem`]; like a command, but `.ssh/rc` is left out.
    Subsystem(String),
}

/// Where standard error of a child without a terminal goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stderr {
    /// A stream of its own.
    Apart,
    /// Into standard output, in the order of writing.
    #[default]
    Merged,
}

/// A forwarded X11 display, as the child sees it.
#[derive(Clone)]
pub struct Display {
    /// Value of `DISPLAY`, such as `localhost:10.0`.
    pub name: String,
    /// Name under which `xauth` keeps the cookie, such as `unix:10.0`.
    pub auth_name: String,
    /// Such as `MIT-MAGIC-COOKIE-1`.
    pub protocol: String,
    /// Hex; secret, wiped on drop, handed over through a pipe only.
    pub cookie: Zeroizing<String>,
}

/// What the bootstrap login left for every child: who, under which settings, with which variables.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user.
    pub account: Account,
    /// sshd's settings as they hold for this user and address.
    pub settings: Arc<Settings>,
    /// The variables that the server itself was started with.
    pub inherited: BTreeMap<OsString, OsString>,
    /// Files printed for a login shell, in order.
    pub motd: Vec<PathBuf>,
    /// Runs before a session of a user without a `.ssh/rc`.
    pub sshrc: PathBuf,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The administrator's word; the client may ask again without a terminal.
    #[error("sshd_config has PermitTTY no for this user: ask for a session without a terminal")]
    PtyRefused,
    /// No pseudo-terminal is to be had.
    #[error("no pseudo-terminal: check that /dev/pts is mounted and not full")]
    Terminal(#[source] io::Error),
    /// No descriptors are left, mostly.
    #[error("no pipes for the child: check the limit on open files")]
    Pipes(#[source] io::Error),
    /// `internal-sftp` stands for a program that is not there.
    #[error(
        "sftp-server is in none of its usual folders: install OpenSSH's sftp-server, or name it by `Subsystem sftp`"
    )]
    SftpServerMissing,
    /// The kernel refused.
    #[error("{} did not start: check that it exists and may be executed", path.display())]
    Exec {
        /// The program.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl Spec {
    /// A spec without a terminal, variables or forwards.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            pty: None,
            stderr: Stderr::default(),
            envs: Vec::new(),
            agent_socket: None,
            display: None,
        }
    }
}

impl Kind {
    /// What sshd would call the original command when `ForceCommand` runs something else.
    pub(super) fn command_line(&self) -> Option<OsString> {
        match self {
            Self::Shell => None,
            Self::Command(line) => Some(line.clone()),
            Self::Subsystem(line) => Some(line.into()),
            Self::Argv { name, args } => Some(
                [std::slice::from_ref(name), &args[..]]
                    .concat()
                    .join(" ")
                    .into(),
            ),
        }
    }
}

impl Login {
    /// The login of the running process: its variables, and the files of this system.
    pub fn of_this_process(account: Account, settings: Arc<Settings>) -> Self {
        Self {
            account,
            settings,
            inherited: std::env::vars_os().collect(),
            motd: ["/run/motd.dynamic", "/etc/motd"].map(PathBuf::from).into(),
            sshrc: PathBuf::from("/etc/ssh/sshrc"),
        }
    }
}

impl std::fmt::Debug for Display {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Display")
            .field("name", &self.name)
            .field("auth_name", &self.auth_name)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
