//! What a client knows of its server, and the times of its path.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::auth::ProxyKey;

/// What a client needs to know to find its server.
#[derive(Debug)]
pub struct Config {
    /// The server's addresses, the best first; not empty.
    pub servers: Vec<SocketAddr>,
    /// `ClientID` of the server info.
    pub client_id: u64,
    /// `ServerID` of the server info.
    pub server_id: u64,
    /// `ProxyKey` of the server info.
    pub key: ProxyKey,
    /// The largest packet in bytes.
    pub mtu: u16,
    /// How a path is looked for.
    pub timing: Timing,
}

/// What may carry packets to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carriers {
    /// UDP alone.
    #[default]
    Udp,
    /// Streams alone.
    Stream,
    /// UDP, and a stream while UDP does not pass. The server takes both at the same port.
    Both,
}

impl fmt::Display for Carriers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Udp => "UDP",
            Self::Stream => "TCP",
            Self::Both => "UDP and TCP",
        })
    }
}

/// How the client looks for a path.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between two claims of one attempt while it is urgent.
    pub retry: Duration,
    /// How long one local port is tried.
    pub attempt: Duration,
    /// How long the peer may be silent before the path counts as dead (`UdpHeartbeatTimeout`).
    pub heartbeat_timeout: Duration,
    /// Whether the server takes the stamp of its acknowledgement as the proof that it arrived.
    pub confirm: bool,
    /// Whether several claims may stand side by side at the server.
    pub race: bool,
    /// Whether it is to be found out if large packets pass: the server answers questions of any size.
    pub wide: bool,
    /// What the server listens for.
    pub carriers: Carriers,
    /// How long the answer to a claim on a stream may take before another stream makes one.
    ///
    /// A server believes the latest claim: two at once would overtake each other on a slow path for ever.
    pub stream_answer: Duration,
}

impl Timing {
    /// Between two claims when nothing hints that there is a path again, after `lost_for` without one.
    pub(super) fn retry_after(&self, lost_for: Duration) -> Duration {
        BACK_OFF
            .iter()
            .find(|(up_to, _)| lost_for < *up_to)
            .map_or(SLOWEST, |(_, interval)| *interval)
            .max(self.retry)
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            retry: Duration::from_millis(50),
            attempt: Duration::from_secs(3),
            heartbeat_timeout: Duration::from_secs(4),
            confirm: false,
            race: false,
            wide: false,
            carriers: Carriers::Udp,
            stream_answer: Duration::from_millis(1500),
        }
    }
}

/// How often to try, by the length of the outage: a battery pays for every attempt.
const BACK_OFF: [(Duration, Duration); 2] = [
    (Duration::from_secs(120), Duration::from_millis(50)),
    (Duration::from_secs(900), Duration::from_millis(250)),
];

/// After a quarter of an hour. A notice of the system or a key makes it at once again.
const SLOWEST: Duration = Duration::from_secs(1);
