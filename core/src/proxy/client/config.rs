//! The times of the client's path.

use std::time::Duration;

/// How the client looks for a path.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between two claims of one attempt while it is urgent.
    pub retry: Duration,
    /// How long one local port is tried.
    pub attempt: Duration,
    /// How long the peer may be silent before the path counts as dead (`UdpHeartbeatTimeout`).
    pub heartbeat_timeout: Duration,
    /// Whether the server takes a second claim as the proof that its acknowledgement arrived.
    pub confirm: bool,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            retry: Duration::from_millis(50),
            attempt: Duration::from_secs(3),
            heartbeat_timeout: Duration::from_secs(4),
            confirm: false,
        }
    }
}
