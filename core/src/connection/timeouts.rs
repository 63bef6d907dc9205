//! How long a client waits for what, and how often it asks whether its server is there.

use std::time::Duration;

use crate::heartbeat::Timing;
use crate::wire::ServerInfo;

/// When a peer counts as silent, lost and gone (design: the `Udp…Timeout` options).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Both ends give up.
    pub alive: Duration,
    /// A new path is tried at the latest.
    pub heartbeat: Duration,
    /// The user is told.
    pub reconnect: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            alive: Duration::from_secs(86_520),
            heartbeat: Duration::from_secs(4),
            reconnect: Duration::from_secs(14),
        }
    }
}

impl Timeouts {
    /// Between two probes of `server`.
    pub(super) fn interval(&self, server: &ServerInfo) -> Duration {
        let beats = match server.extension {
            Some(_) => BEATS,
            None => FOREIGN_BEATS,
        };
        Timing::interval(self.alive, self.heartbeat, self.reconnect, beats)
    }
}

/// Probes in the time after which the peer counts as silent. A probe that is lost is sent again by
/// the transport within a few round trips: the second one is there for a wait that is longer.
const BEATS: u32 = 2;

/// The same as the Go client does towards a server that may count on it.
const FOREIGN_BEATS: u32 = 3;
