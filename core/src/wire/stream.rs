//! What the first bytes of a stream mean: the command, and the message that starts a session.
//!
//! PROTOCOL.md, "Streams" and "Sessions".

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::error::WireError;
use super::message::message;
use super::secret::Secret;

/// The first word on a stream: what the client wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Command {
    /// Claims a connection that waits at the server.
    Accept,
    /// Claims a UDP flow that waits at the server.
    AcceptUdp,
    /// The one bus of the connection.
    Bus,
    /// Connects from the server to a TCP or Unix socket.
    Dial,
    /// Opens a UDP flow from the server.
    DialUdp,
    /// Listens at the server for connections.
    Listen,
    /// Listens at the server for UDP flows.
    ListenUdp,
    /// Starts a shell, a command or a subsystem.
    Session,
    /// Carries the stderr of a session apart.
    Stderr,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 9] = [
        Self::Accept,
        Self::AcceptUdp,
        Self::Bus,
        Self::Dial,
        Self::DialUdp,
        Self::Listen,
        Self::ListenUdp,
        Self::Session,
        Self::Stderr,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::AcceptUdp => "accept-udp",
            Self::Bus => "bus",
            Self::Dial => "dial",
            Self::DialUdp => "dial-udp",
            Self::Listen => "listen",
            Self::ListenUdp => "listen-udp",
            Self::Session => "session",
            Self::Stderr => "stderr",
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Command {
    type Err = WireError;

    fn from_str(word: &str) -> Result<Self, WireError> {
        let known = Self::ALL
            .into_iter()
            .find(|command| command.as_str() == word);
        known.ok_or_else(|| WireError::UnknownCommand(word.to_owned()))
    }
}

message! {
    /// Starts a session, or takes over a running one (`attach`).
    ///
    /// Of `shell`, `name` with `args`, and `subsystem` one is set.
    pub struct SessionStart {
        /// Chosen by the client, from `BusWelcome::next_session_id` upwards.
        "ID" id: u64,
        /// Run in a pseudo terminal.
        "Pty" pty: bool,
        /// The user's login shell.
        "Shell" shell: bool,
        /// A program, looked up in `PATH`.
        "Name" name: String,
        /// Its arguments.
        "Args" args: Vec<String>,
        /// Characters per line; 0 means 80.
        "Cols" cols: u32,
        /// Lines; 0 means 24.
        "Rows" rows: u32,
        /// Environment variables; `TERM` is always taken, others by the server's `AcceptEnv`.
        "Envs" envs: BTreeMap<String, String>,
        /// X11 connections come back to the client.
        "X11" x11: Option<X11Request>,
        /// Agent connections come back to the client.
        "Agent" agent: Option<AgentRequest>,
        /// A subsystem of the server's `sshd_config`.
        "Subs" subsystem: String,
        /// Take over the running session `id`.
        "Attach" attach: bool,
        /// With `attach`: the ID under which the client opened `stderr`.
        "ErrID" stderr_id: u64,
        /// Ours: a command line for the user's own shell, run as `sshd` runs it. It wins over `name` and `args`.
        "ShellCommand" shell_command: Vec<u8>,
        /// Ours: terminal modes encoded as in RFC 4254, section 8; meaningful with `pty`.
        "TermModes" term_modes: Vec<u8>,
    }
}

impl SessionStart {
    /// A session that runs `line` as `sshd` would, whoever the server is.
    ///
    /// Our server takes `shell_command`. Any other takes `name` and `args`, which hand the line to the
    /// user's shell through `sh`; bytes that are not UTF-8 are replaced there.
    pub fn command(id: u64, line: &[u8]) -> Self {
        let mut text = String::from_utf8_lossy(line).into_owned();
        if text.starts_with("~/") {
            // A Go server takes an argument with this start for a sign that it must join all arguments
            // into a line of its own making. A blank before a command line means nothing.
            text.insert(0, ' ');
        }
        let args = ["-c", THROUGH_USERS_SHELL, "sh", &text].map(str::to_owned);
        Self {
            id,
            name: "sh".to_owned(),
            args: args.into(),
            shell_command: line.to_owned(),
            ..Self::default()
        }
    }
}

/// `$SHELL` is what the SSH server that started the peer found in the user's password entry.
const THROUGH_USERS_SHELL: &str = r#"exec "${SHELL:-sh}" -c "$1""#;

message! {
    /// X11 forwarding, as in RFC 4254, section 6.3.1.
    pub struct X11Request {
        /// The `channel_type` of the bus events that announce connections: `x11`.
        "ChannelType" channel_type: String,
        /// Only the first connection is forwarded.
        "SingleConnection" single_connection: bool,
        /// Such as `MIT-MAGIC-COOKIE-1`.
        "AuthProtocol" auth_protocol: String,
        /// In hexadecimal.
        "AuthCookie" auth_cookie: Secret,
        /// The screen of the client's display.
        "ScreenNumber" screen_number: u32,
    }
}

message! {
    /// Agent forwarding.
    pub struct AgentRequest {
        /// The `channel_type` of the bus events that announce connections: `auth-agent@openssh.com`.
        "ChannelType" channel_type: String,
    }
}

message! {
    /// Opens the stderr of the session that is about to start.
    pub struct StderrStart {
        /// The session, or with `attach` an ID of its own (`SessionStart::stderr_id`).
        "ID" id: u64,
    }
}

/// The type of X11 channels.
pub const CHANNEL_X11: &str = "x11";
/// The type of agent channels.
pub const CHANNEL_AGENT: &str = "auth-agent@openssh.com";
