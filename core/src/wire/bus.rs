//! The bus: one stream per connection that carries events, each a command followed by its message.
//!
//! PROTOCOL.md, "The bus".

use std::time::Duration;

use bytes::BytesMut;

use super::codec;
use super::error::WireError;
use super::extension::Extension;
use super::message::message;

message! {
    /// The client's first message on the bus.
    pub struct BusHello {
        /// The version of the protocol's original program that the client equals, such as `0.1.8`.
        "ClientVer" client_version: String,
        /// The protocol the client speaks; 0 for a client older than 0.1.7.
        "ProtoVer" protocol: u32,
        /// The server gives up when no [`Alive`] came for so long; zero: never.
        "AliveTimeout" alive_timeout: Duration,
        /// How often the client sends [`Alive`].
        "IntervalTime" interval: Duration,
        /// Silence of this length means that the path is dead.
        "HeartbeatTimeout" heartbeat_timeout: Duration,
        /// A name for the list of servers that can be attached to.
        "SessionName" session_name: String,
        /// Present when the client is one of ours.
        "Tssh" extension: Option<Extension>,
    }
}

message! {
    /// The server's answer to [`BusHello`], sent as a reply (`codec::write_reply`).
    pub struct BusWelcome {
        /// The first session ID that is free.
        "NextSessionID" next_session_id: u64,
    }
}

message! {
    /// Proof of life, echoed unchanged by the server.
    pub struct Alive {
        /// Milliseconds since the Unix epoch by the client's clock.
        "Time" time_ms: i64,
    }
}

message! {
    /// A connection for the client waits: it opens an `accept` stream with this ID.
    pub struct Channel {
        /// `x11` or `auth-agent@openssh.com`.
        "ChannelType" channel_type: String,
        /// One counter serves listeners, X11 and agent connections; it starts at 0.
        "ID" id: u64,
    }
}

message! {
    /// A line for the client's debug log.
    pub struct DebugLine {
        /// Text of the server, not yet safe for a terminal.
        "Msg" text: String,
        /// Milliseconds since the Unix epoch by the server's clock; 0 when unknown.
        "Time" time_ms: i64,
    }
}

message! {
    /// Announces a marker in stdin, or reports what was dropped, or both.
    pub struct Discard {
        /// The client writes these bytes into stdin before its next key; the server drops up to them.
        "DiscardMarker" marker: Vec<u8>,
        /// The input that the server dropped.
        "DiscardedInput" input: Vec<u8>,
        /// How many lines of output were dropped.
        "DiscardedOutputLines" output_lines: u64,
        /// How many bytes of output were dropped.
        "DiscardedOutputBytes" output_bytes: u64,
    }
}

message! {
    /// A warning for the user.
    pub struct ErrorLine {
        /// One of the codes of `WireError::Refused`, or 0.
        "Code" code: i64,
        /// Text of the server, not yet safe for a terminal.
        "Msg" text: String,
    }
}

message! {
    /// From the client: end this session. From the server: it has ended.
    pub struct Exit {
        /// The session.
        "ID" id: u64,
        /// The program's exit code; [`Exit::BY_SIGNAL`] when a signal killed it.
        "ExitCode" code: i64,
        /// Ours: the signal's name without `SIG`, as in RFC 4254, section 6.10; empty when there was none.
        "ExitSignal" signal: String,
    }
}

impl Exit {
    /// The exit code of a program that a signal killed.
    pub const BY_SIGNAL: i64 = -1;
}

message! {
    /// The server is going away, or another client took over.
    pub struct Quit {
        /// Why: text of the server, not yet safe for a terminal.
        "Msg" reason: String,
    }
}

message! {
    /// One half of a key exchange (KCP mode alone).
    pub struct Rekey {
        /// An uncompressed P-256 point, 65 bytes (SEC 1, section 2.3.3).
        "PubKey" public_key: Vec<u8>,
    }
}

message! {
    /// The terminal of a session has another size.
    pub struct Resize {
        /// The session.
        "ID" id: u64,
        /// Characters per line.
        "Cols" cols: u32,
        /// Lines.
        "Rows" rows: u32,
        /// Repaint even when the size is the same.
        "Redraw" redraw: bool,
        /// The server drops the output it holds and sends these bytes before the next; without CR or LF.
        "Marker" marker: Vec<u8>,
    }
}

message! {
    /// Changes how the connection treats data while the path is down; `None` leaves a setting as it is.
    pub struct Setting {
        /// Input that was in flight when the path changed is kept.
        "KeepPendingInput" keep_pending_input: Option<bool>,
        /// Output made while the client was away is kept whole.
        "KeepPendingOutput" keep_pending_output: Option<bool>,
    }
}

/// What travels on the bus after [`BusHello`] and [`BusWelcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BusEvent {
    /// Both directions.
    Alive(Alive),
    /// From the server.
    Channel(Channel),
    /// From the client: end all sessions and the server process. The one event without a message.
    Close,
    /// From the server.
    Debug(DebugLine),
    /// From the server.
    Discard(Discard),
    /// From the server.
    Error(ErrorLine),
    /// Both directions.
    Exit(Exit),
    /// From the server.
    Quit(Quit),
    /// Both directions.
    Rekey(Rekey),
    /// From the client.
    Resize(Resize),
    /// From the client.
    Setting(Setting),
    /// An event of this name, whose message was dropped unread: to be warned of, no more.
    Unknown(String),
}

impl BusEvent {
    /// Appends the event's command and message, as one piece that is to be written at once.
    ///
    /// # Errors
    ///
    /// [`WireError::TooLong`]; `out` is then as it was.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), WireError> {
        match self {
            Self::Alive(message) => codec::encode_command_and_message("alive", message, out),
            Self::Channel(message) => codec::encode_command_and_message("channel", message, out),
            Self::Close => codec::encode_command("close", out),
            Self::Debug(message) => codec::encode_command_and_message("debug", message, out),
            Self::Discard(message) => codec::encode_command_and_message("discard", message, out),
            Self::Error(message) => codec::encode_command_and_message("error", message, out),
            Self::Exit(message) => codec::encode_command_and_message("exit", message, out),
            Self::Quit(message) => codec::encode_command_and_message("quit", message, out),
            Self::Rekey(message) => codec::encode_command_and_message("rekey", message, out),
            Self::Resize(message) => codec::encode_command_and_message("resize", message, out),
            Self::Setting(message) => codec::encode_command_and_message("setting", message, out),
            Self::Unknown(name) => {
                codec::encode_command_and_message(name, &Nothing::default(), out)
            }
        }
    }

    /// Reads the message of the event `name`; a name that is not in the table gives [`Self::Unknown`].
    ///
    /// # Errors
    ///
    /// [`WireError::Json`] when the message is not of the event's shape.
    pub(super) fn decode(name: &str, message: &[u8]) -> Result<Self, WireError> {
        Ok(match name {
            "alive" => Self::Alive(codec::decode_json(message)?),
            "channel" => Self::Channel(codec::decode_json(message)?),
            "debug" => Self::Debug(codec::decode_json(message)?),
            "discard" => Self::Discard(codec::decode_json(message)?),
            "error" => Self::Error(codec::decode_json(message)?),
            "exit" => Self::Exit(codec::decode_json(message)?),
            "quit" => Self::Quit(codec::decode_json(message)?),
            "rekey" => Self::Rekey(codec::decode_json(message)?),
            "resize" => Self::Resize(codec::decode_json(message)?),
            "setting" => Self::Setting(codec::decode_json(message)?),
            _ => Self::Unknown(name.to_owned()),
        })
    }

    /// Whether the table names this event: the message of any other is dropped, not held.
    pub(super) fn is_known(name: &str) -> bool {
        KNOWN.contains(&name)
    }
}

message! {
    /// A message that says nothing: `{}`.
    pub struct Nothing {}
}

/// The events that have a message.
const KNOWN: [&str; 10] = [
    "alive", "channel", "debug", "discard", "error", "exit", "quit", "rekey", "resize", "setting",
];
