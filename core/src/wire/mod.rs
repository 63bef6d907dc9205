//! Every message that two peers exchange, as types, and their bytes.
//!
//! | want to change…                               | look in        |
//! |-----------------------------------------------|----------------|
//! | how long a message may be, how it is framed   | `codec.rs`     |
//! | the events of the bus                         | `bus.rs`       |
//! | the same, read piece by piece                 | `decoder.rs`   |
//! | what opens a stream, what starts a session    | `stream.rs`    |
//! | forwarded connections and UDP flows           | `forward.rs`   |
//! | the line that a server prints at login        | `info.rs`      |
//! | how that line is found in a shell's noise     | `scanner.rs`   |
//! | the control socket of a server                | `local.rs`     |
//! | what our own programs offer each other        | `extension.rs` |
//! | which versions may speak to each other        | `version.rs`   |
//! | how JSON is read and written, as Go does      | `message.rs`, `json.rs` |
//!
//! Not here: the 44-byte authentication packet (`auth`), datagrams and their frames (the transports), and
//! what anybody does about a message. `PROTOCOL.md` is the same in words.

mod bus;
pub mod codec;
mod decoder;
mod error;
mod extension;
mod forward;
mod info;
mod json;
mod local;
mod message;
mod scanner;
mod secret;
mod stream;
mod version;

pub use bus::{
    Alive, BusEvent, BusHello, BusWelcome, Channel, DebugLine, Discard, ErrorLine, Exit, Nothing,
    Quit, Rekey, Resize, Setting,
};
pub use codec::MAX_MESSAGE;
pub use decoder::BusDecoder;
pub use error::{Printable, WireError};
pub use extension::{Extension, feature};
pub use forward::{
    Accept, DialReply, DialRequest, DialUdpReply, ListenRequest, RemoteAddr, UdpReady,
};
pub use info::{Extra, InfoError, ServerInfo};
pub use local::{LOCAL_ERROR, LocalCommand, ServerItem, ServerStatus, SessionStatus, ViewRequest};
pub use message::{Decode, Message};
pub use scanner::{MAX_OUTPUT, Scanner};
pub use secret::Secret;
pub use stream::{
    AgentRequest, CHANNEL_AGENT, CHANNEL_X11, Command, SessionStart, StderrStart, X11Request,
};
pub use version::{PROTOCOL, SERVER_VERSION, VersionError};
