//! How two of our own programs recognise each other, and what they may then do.
//!
//! The object travels as `Tssh` in `ServerInfo` and in `BusHello`. A peer that does not know it ignores it.

use super::info::ServerInfo;
use super::message::message;

message! {
    /// What this program can do beyond the common protocol.
    pub struct Extension {
        /// The program's own version, such as `0.3.0`: for messages to people alone.
        "Version" version: String,
        /// Names of [`feature`]; unknown ones are ignored. A feature is used when both sides name it.
        "Features" features: Vec<String>,
    }
}

impl Extension {
    /// Whether the sender named `feature`.
    pub fn offers(&self, feature: &str) -> bool {
        self.features.iter().any(|offered| offered == feature)
    }
}

impl ServerInfo {
    /// Whether the server named `feature`.
    pub fn offers(&self, feature: &str) -> bool {
        let extension = self.extension.as_ref();
        extension.is_some_and(|extension| extension.offers(feature))
    }
}

/// The names of features. PROTOCOL.md, "Our extensions", says what each permits.
pub mod feature {
    /// The server answers questions on the path in use, small and large ones.
    pub const ASK: &str = "ask";
    /// Several authenticated paths may stand side by side until real packets choose one.
    pub const CANDIDATES: &str = "candidates";
    /// A client proves to a server that an acknowledgement arrived, by what stands in it.
    pub const CONFIRM: &str = "confirm";
    /// Small packets are copied under the transport once there is loss, so that KCP sends no parity.
    pub const COPIES: &str = "copies";
    /// The client sends bus, session and first data without waiting for each greeting.
    pub const PIPELINE: &str = "pipeline";
    /// What both of our programs always can.
    pub const ALWAYS: [&str; 4] = [CANDIDATES, CONFIRM, COPIES, PIPELINE];
    /// The server listens on UDP and TCP at the same port number.
    pub const TCP_TOO: &str = "tcp-too";
}
