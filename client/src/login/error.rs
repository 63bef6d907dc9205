//! Why a login or a channel ended, in one sentence each.

use std::io;

/// Why there is no login, or no channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// A list of algorithms names nothing that this client has.
    #[error("{option} names no algorithm this client has: {list}")]
    Algorithms {
        /// The name of the option.
        option: &'static str,
        /// What it said.
        list: String,
    },
    /// A local address or interface to connect from cannot be used.
    #[error("cannot connect from {from}: {reason}")]
    Bind {
        /// The address or interface of the options.
        from: String,
        /// What the system said.
        reason: String,
    },
    /// The server refused a channel or a request on it.
    #[error("{host} refused {what}")]
    ChannelRefused {
        /// The host as the user named it.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// No address of the host answered.
    #[error("connect to host {host} port {port}: {reason}")]
    Connect {
        /// The host as the user named it.
        host: String,
        /// The TCP port.
        port: u16,
        /// What the last address tried said.
        reason: String,
    },
    /// All methods were tried.
    #[error("{user}@{host}: Permission denied ({methods}).")]
    Denied {
        /// The remote account.
        user: String,
        /// The host as the user named it.
        host: String,
        /// The methods that the server would still have liked, comma-separated.
        methods: String,
    },
    /// The connection ended, at any time after it was made.
    #[error("connection to {host} port {port} closed: {reason}")]
    Disconnected {
        /// The host as the user named it.
        host: String,
        /// The TCP port.
        port: u16,
        /// What the server or the system said.
        reason: String,
    },
    /// The SSH handshake went wrong.
    #[error("handshake with {host} port {port}: {reason}")]
    Handshake {
        /// The host as the user named it.
        host: String,
        /// The TCP port.
        port: u16,
        /// What went wrong.
        reason: String,
    },
    /// The host key is not one to trust; the user has been told more through the prompter.
    #[error("host key verification failed for {host}: {reason}")]
    HostKey {
        /// The name that was looked up.
        host: String,
        /// What is wrong with the key.
        reason: String,
    },
    /// The user broke off a prompt.
    #[error("interrupted at a prompt")]
    Interrupted,
    /// The proxy command did not start.
    #[error("cannot start the proxy command {command:?}: {reason}")]
    ProxyCommand {
        /// The command line.
        command: String,
        /// What the system said.
        reason: String,
    },
    /// The host has no address.
    #[error("cannot resolve hostname {host}: {reason}")]
    Resolve {
        /// The host as the user named it.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// The SSH library reported something that no caller can act on.
    #[error("{0}")]
    Ssh(String),
    /// Nobody answered in time.
    #[error("connect to host {host} port {port}: timed out after {seconds} s")]
    TimedOut {
        /// The host as the user named it.
        host: String,
        /// The TCP port.
        port: u16,
        /// The `ConnectTimeout`.
        seconds: u64,
    },
}

impl LoginError {
    /// Whether trying again later may help, with nothing changed on this side.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Disconnected { .. }
                | Self::Resolve { .. }
                | Self::TimedOut { .. }
        )
    }
}

impl From<russh::Error> for LoginError {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(sentence(&error))
    }
}

impl From<russh::SendError> for LoginError {
    fn from(_: russh::SendError) -> Self {
        Self::Ssh(CLOSED.into())
    }
}

/// The library's errors in this program's words where users meet them often.
pub(super) fn sentence(error: &russh::Error) -> String {
    use russh::Error as E;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library adds variants at will"
    )]
    match error {
        E::Disconnect | E::HUP | E::RecvError | E::SendError => CLOSED.into(),
        E::IO(io) if io.kind() == io::ErrorKind::UnexpectedEof => CLOSED.into(),
        E::KeepaliveTimeout => "the server stopped answering".into(),
        E::NoCommonAlgo { kind, theirs, .. } => {
            format!(
                "no common {kind:?} algorithm; the server offers {}",
                theirs.join(",")
            )
        }
        E::NoAuthMethod => "the server knows no further way to log in".into(),
        E::Version => "the other side does not speak SSH 2".into(),
        other => other.to_string(),
    }
}

/// What is said when the other side hung up without a word.
pub(super) const CLOSED: &str = "closed by the remote host";
