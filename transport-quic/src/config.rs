//! Windows, limits and timeouts, and what they become in quinn's words.

use std::sync::Arc;
use std::time::Duration;
use tssh_core::proxy::{MTU_RANGE, PacketPipe};

use crate::congestion::Measured;
use crate::delivery::Told;
use crate::doubles::Doubles;

use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig};
use quinn::{
    AckFrequencyConfig, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt,
};
use quinn_proto::RandomConnectionIdGenerator;

/// What a host may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How this side decides how much to send.
    pub congestion: Congestion,
    /// What chance is drawn from; `None` for the system's randomness.
    insecure_seed: Option<u64>,
}

impl Config {
    /// The defaults with another congestion control.
    #[must_use]
    pub fn with_congestion(mut self, congestion: Congestion) -> Self {
        self.congestion = congestion;
        self
    }

    /// Draws what QUIC leaves to chance (packet numbers left out, the length of a key's life) from
    /// `seed`, so that a simulation repeats itself. A peer could foresee it: never for a real one.
    /// Keys, certificates and connection IDs stay random.
    #[must_use]
    pub fn with_insecure_seed(mut self, seed: u64) -> Self {
        self.insecure_seed = Some(seed);
        self
    }

    /// What one connection over `pipe` is made of.
    pub(crate) fn transport(
        self,
        side: Side,
        pipe: &PacketPipe,
        doubles: &Arc<Doubles>,
    ) -> TransportConfig {
        let mtu = pipe.mtu();
        let idle = IdleTimeout::try_from(IDLE_TIMEOUT).expect("a year in milliseconds is a varint");
        let streams = match side {
            Side::Client => 0,
            Side::Server => MAX_STREAMS,
        };
        let mut config = TransportConfig::default();
        config
            .max_idle_timeout(Some(idle))
            .keep_alive_interval(None)
            .initial_rtt(INITIAL_RTT)
            .packet_threshold(OVERTAKEN)
            .initial_mtu(mtu)
            .mtu_discovery_config(Some(search(mtu)))
            .max_concurrent_bidi_streams(VarInt::from_u32(streams))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
            .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
            .send_window(SEND_WINDOW)
            .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER))
            .datagram_send_buffer_size(DATAGRAM_BUFFER);
        if side == Side::Server {
            // What the client says is answered by the program it talks to, and an acknowledgement
            // travels with that. What a server says is answered by nobody: its acknowledgement would
            // wait 25 ms, and wake the client once more for each heartbeat. An extension of quinn.
            let mut frequency = AckFrequencyConfig::default();
            frequency.ack_eliciting_threshold(VarInt::from_u32(0));
            config.ack_frequency_config(Some(frequency));
        }
        let factory: Arc<dyn ControllerFactory + Send + Sync> = match self.congestion {
            Congestion::Bbr => Arc::new(BbrConfig::default()),
            Congestion::Cubic => Arc::new(CubicConfig::default()),
            Congestion::Measured => Arc::new(Measured {
                doubles: doubles.clone(),
            }),
        };
        config.congestion_controller_factory(Arc::new(Told::new(factory, pipe.clone())));
        config
    }

    /// What both sides' endpoints are made of. `mtu` in bytes.
    pub(crate) fn endpoint(self, mtu: u16) -> EndpointConfig {
        let mut config = EndpointConfig::default();
        config.cid_generator(|| Box::new(RandomConnectionIdGenerator::new(CONNECTION_ID)));
        config
            .max_udp_payload_size(mtu.clamp(LARGEST_PACKET, *MTU_RANGE.end()))
            .expect("it is above 1200 and below 65528");
        config.rng_seed(self.insecure_seed.map(|seed| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            bytes
        }));
        config
    }
}

/// How a side decides how much to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Congestion {
    /// Keeps up with a path that loses packets at random; stands in the queue of a full one.
    Bbr,
    /// Takes every loss for a full path.
    Cubic,
    /// Measures how fast bytes arrive, keeps up with a path that loses packets at random, and leaves the queue of a full
    /// one short: [`tssh_core::congestion`].
    #[default]
    Measured,
}

/// Where packets of `mtu` bytes pass, nothing is searched and no probe is sent. Where they do not,
/// because the path has changed, quinn falls back to 1200 bytes; this finds the way up again.
fn search(mtu: u16) -> MtuDiscoveryConfig {
    let mut search = MtuDiscoveryConfig::default();
    search.upper_bound(mtu).minimum_change(1);
    search
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// PROTOCOL.md, "QUIC mode": a session outlives any outage that its keeper allows.
const IDLE_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// PROTOCOL.md, "QUIC mode". In path time: an outage does not count.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// A first packet that is lost is sent again after three of these. RFC 9002's 333 ms make that a
/// second of waiting at login; a path slower than 300 ms costs a repeated packet or two.
const INITIAL_RTT: Duration = Duration::from_millis(100);

/// A packet that so many others overtook is lost. RFC 9002's three take a path whose delay differs from packet to packet for
/// one that loses half of them: of bulk over 300 ms and 30 ms more or less, each packet is overtaken by dozens. Here time
/// decides, as in RFC 8985: an eighth of a round trip behind one that arrived.
const OVERTAKEN: u32 = 1000;

/// More than a browser behind a SOCKS forward opens; each costs well below a kilobyte when idle.
const MAX_STREAMS: u32 = 1000;

/// While a lost packet is sent again, and again when it was lost again, what comes behind it waits here: on a path of 100 ms
/// that loses one in twenty, for three round trips. quinn ends the connection when a stream's receive buffer has more than
/// 1024 gaps: packets of 1350 bytes, each second one lost at random, have a quarter as many gaps as there are packets, 875.
const STREAM_WINDOW: u32 = 9 << 19;

/// A stream that nobody reads holds its own window, and must hold nobody else's: a connection has room
/// for as many full ones as a server of ours forwards, and a few for its sessions. What is really held
/// in memory is what was not read.
const CONNECTION_WINDOW: u32 = FULL_STREAMS * STREAM_WINDOW;

/// The same for what is written and not yet acknowledged: bulk must not take the room of a key. Each
/// stream holds what its reader's window admits, at most.
const SEND_WINDOW: u64 = CONNECTION_WINDOW as u64;

/// 256 forwards, and sessions with their standard errors.
const FULL_STREAMS: u32 = 272;

/// A few hundred datagrams each way: more is a queue that a game or a call is better off without.
const DATAGRAM_BUFFER: usize = 512 << 10;

/// As the Go programs have it; longer ones leave too little room for a forwarded datagram of 1355
/// bytes at the default MTU.
const CONNECTION_ID: usize = 4;

/// What fits into an Ethernet frame: the peer may send more than we do.
const LARGEST_PACKET: u16 = 1472;
