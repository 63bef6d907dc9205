//! A transport that lives outside of the workspace: QUIC by noq, on the packet pipe and the path clock.
//!
//! | want to change…                                   | look in         |
//! |---------------------------------------------------|-----------------|
//! | how a connection is offered, made and accepted    | `lib.rs`        |
//! | what a connection does, and how it ends           | `connection.rs` |
//! | the halves of a stream                            | `stream.rs`     |
//! | the pipe as noq's socket, the clock as its runtime| `pipe.rs`       |
//! | which packets are a sign of life                  | `opened.rs`     |
//! | whom each side believes                           | `trust.rs`      |

#![warn(missing_docs)]

mod connection;
mod opened;
mod pipe;
mod stream;
mod trust;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use noq::{
    ClientConfig, Connecting, Endpoint, EndpointConfig, IdleTimeout, ServerConfig, TransportConfig,
    VarInt,
};
use noq_proto::RandomConnectionIdGenerator;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{Connection, ErrorKind, Listener, Transport, TransportError};
use tssh_core::wire::{Secret, ServerInfo};

use connection::{Life, NoqConnection, Side, ended};
use opened::Reporting;
use pipe::{PathRuntime, PipeSocket};
use trust::Identity;

/// QUIC by noq. Its `Mode` word is `NOQ`.
#[derive(Clone, Debug, Default)]
pub struct Noq {
    seed: Option<u64>,
}

impl Noq {
    /// A transport whose dice fall by `seed`, for tests that are to fall out the same each time.
    pub fn with_insecure_seed(seed: u64) -> Self {
        Self { seed: Some(seed) }
    }

    fn life(
        &self,
        pipe: &PacketPipe,
        server: Option<ServerConfig>,
    ) -> Result<Life, TransportError> {
        let mut config = EndpointConfig::default();
        config.rng_seed(self.seed.map(|seed| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_be_bytes());
            bytes[8] = u8::from(server.is_some());
            bytes
        }));
        config.cid_generator(Arc::new(|| {
            Box::new(RandomConnectionIdGenerator::new(CONNECTION_ID))
        }));
        let runtime = Arc::new(PathRuntime::new(pipe.clock().clone()));
        let (socket, mute) = PipeSocket::new(pipe.clone());
        let endpoint =
            Endpoint::new_with_abstract_socket(config, server, Box::new(socket), runtime.clone())
                .map_err(|cause| unusable("no endpoint can be made").because(cause))?;
        Ok(Life {
            endpoint,
            runtime,
            mute,
        })
    }
}

#[async_trait]
impl Transport for Noq {
    fn mode(&self) -> &'static str {
        "NOQ"
    }

    fn needs_large_packets(&self) -> bool {
        true
    }

    async fn listen(
        &self,
        pipe: PacketPipe,
        offer: &mut ServerInfo,
    ) -> Result<Box<dyn Listener>, TransportError> {
        let (own, client) = (Identity::new()?, Identity::new()?);
        let crypto = Reporting::new(trust::server(&own, &client)?, pipe.clone());
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        config
            .transport_config(Arc::new(settings(Side::Server, pipe.mtu())))
            .migration(false);
        let life = self.life(&pipe, Some(config))?;
        offer.mode = self.mode().to_owned();
        offer.server_cert = hex::encode(&own.certificate);
        offer.client_cert = hex::encode(&client.certificate);
        offer.client_key = Secret::hex(client.key.as_bytes());
        Ok(Box::new(NoqListener { life: Some(life) }))
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let crypto = Reporting::new(trust::client(offer)?, pipe.clone());
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::new(settings(Side::Client, pipe.mtu())));
        let life = self.life(&pipe, None)?;
        let connecting = life
            .endpoint
            .connect_with(config, PacketPipe::PEER, trust::NAME)
            .map_err(|cause| unusable("no connection can be begun").because(cause))?;
        let mut timer = pipe.clock().timer(pipe.clock().now() + HANDSHAKE);
        let connection = tokio::select! {
            connected = connecting => connected.map_err(ended)?,
            () = std::future::poll_fn(|cx| timer.poll_elapsed(cx)) => {
                let message = "the peer did not finish the handshake within 30 s";
                return Err(TransportError::new(ErrorKind::TimedOut, message));
            }
        };
        Ok(Arc::new(NoqConnection::new(connection, Side::Client, life)))
    }
}

/// Waits for the one client.
struct NoqListener {
    /// Taken by the connection.
    life: Option<Life>,
}

#[async_trait]
impl Listener for NoqListener {
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError> {
        let Some(life) = &self.life else {
            return Err(closed("this listener has accepted its only client"));
        };
        // A client that gives up one attempt begins another: they race.
        let mut attempts: Vec<Connecting> = Vec::new();
        let connection = loop {
            let first = std::future::poll_fn(|cx| {
                for at in 0..attempts.len() {
                    let attempt = std::pin::Pin::new(&mut attempts[at]);
                    if let std::task::Poll::Ready(end) = attempt.poll(cx) {
                        drop(attempts.remove(at));
                        return std::task::Poll::Ready(end);
                    }
                }
                std::task::Poll::Pending
            });
            tokio::select! {
                Ok(connection) = first => break connection,
                incoming = life.endpoint.accept() => {
                    let incoming = incoming.ok_or_else(|| closed("the endpoint has ended"))?;
                    // A first packet that comes to nothing is nobody's client.
                    if let Ok(connecting) = incoming.accept() {
                        attempts.truncate(MOST_ATTEMPTS - 1);
                        attempts.push(connecting);
                    }
                }
            }
        };
        life.endpoint.set_server_config(None);
        let life = self.life.take().expect("it was there above");
        Ok(Arc::new(NoqConnection::new(connection, Side::Server, life)))
    }
}

/// What both sides' connections are made of; `mtu` in bytes.
fn settings(side: Side, mtu: u16) -> TransportConfig {
    let streams = match side {
        Side::Client => 0,
        Side::Server => 1000,
    };
    let mut search = noq::MtuDiscoveryConfig::default();
    search.upper_bound(mtu).minimum_change(1);
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::MAX)))
        .initial_mtu(mtu)
        .mtu_discovery_config(Some(search))
        .max_concurrent_bidi_streams(VarInt::from_u32(streams))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(FULL_STREAMS * STREAM_WINDOW))
        .send_window(8 << 20)
        .datagram_receive_buffer_size(Some(DATAGRAMS))
        .datagram_send_buffer_size(DATAGRAMS);
    config
}

fn closed(message: &str) -> TransportError {
    TransportError::new(ErrorKind::Closed, message)
}

fn unusable(message: &str) -> TransportError {
    TransportError::new(ErrorKind::Unsupported, message)
}

/// Bytes. Longer ones leave too little room for the largest datagram of a forwarded UDP packet.
const CONNECTION_ID: usize = 4;

/// In path time: an outage does not count.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// More at once come from nobody honest.
const MOST_ATTEMPTS: usize = 4;

/// Bytes of one stream that nobody has read. noq ends a connection whose stream has too many gaps: bulk at full speed of
/// which every second packet is lost must stay below that.
const STREAM_WINDOW: u32 = 1 << 20;

/// Streams that nobody reads, and that leave room for others: 256 forwards, and sessions.
const FULL_STREAMS: u32 = 272;

/// Bytes of datagrams that wait, each way.
const DATAGRAMS: usize = 512 << 10;
