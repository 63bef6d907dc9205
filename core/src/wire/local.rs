//! Requests on the local control socket of a server that can be attached to.
//!
//! PROTOCOL.md, "The control socket".

use std::fmt;
use std::str::FromStr;

use super::error::WireError;
use super::message::message;

/// The first word on a control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocalCommand {
    /// Asks for a fresh `ServerInfo` line.
    Attach,
    /// Asks for [`ServerStatus`], sent as bare JSON that ends with the connection.
    Info,
    /// Followed by [`ViewRequest`]: asks for a session's screen as lines of text that end in CR LF.
    View,
}

impl LocalCommand {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Info => "info",
            Self::View => "view",
        }
    }
}

impl fmt::Display for LocalCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LocalCommand {
    type Err = WireError;

    fn from_str(word: &str) -> Result<Self, WireError> {
        match word {
            "attach" => Ok(Self::Attach),
            "info" => Ok(Self::Info),
            "view" => Ok(Self::View),
            _ => Err(WireError::UnknownCommand(word.to_owned())),
        }
    }
}

message! {
    /// What a server says of itself.
    pub struct ServerStatus {
        /// When it started, in seconds since the Unix epoch.
        "Time" started_at: i64,
        /// The name that its client gave it.
        "Name" name: String,
        /// What runs in it.
        "Sessions" sessions: Vec<SessionStatus>,
    }
}

message! {
    /// One session of a server.
    pub struct SessionStatus {
        /// The session.
        "ID" id: u64,
        /// Its terminal's title, or the program in the foreground.
        "Title" title: String,
    }
}

message! {
    /// Which screen is wanted.
    pub struct ViewRequest {
        /// The session.
        "ID" id: u64,
    }
}

message! {
    /// One line of the list of servers, which is a JSON array of these.
    pub struct ServerItem {
        /// The server's process.
        "Pid" pid: i64,
        /// The JSON of its [`ServerStatus`], or what went wrong.
        "Info" info: String,
    }
}

/// What the text of an unsuccessful answer starts with.
pub const LOCAL_ERROR: &str = "ERROR: ";
