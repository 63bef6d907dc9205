//! How a connection is offered, made and accepted.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::SystemTime;

use async_trait::async_trait;
use quinn::{ClientConfig, Connecting, ConnectionError, Endpoint, ServerConfig};
use tssh_core::clock::PathClock;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{Connection, ErrorKind, Listener, Transport, TransportError};
use tssh_core::wire::ServerInfo;

use crate::config::{Config, HANDSHAKE_TIMEOUT, Side};
use crate::connection::{Life, QuicConnection};
use crate::doubles::Doubles;
use crate::error::connection_error;
use crate::opened::Reporting;
use crate::runtime::PathRuntime;
use crate::socket::PipeSocket;
use crate::tls::{self, Identity, SERVER_NAME};

/// The QUIC transport.
#[derive(Clone, Debug, Default)]
pub struct Quic {
    config: Config,
}

impl Quic {
    /// A transport with other settings than the defaults.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    fn life(
        &self,
        pipe: PacketPipe,
        doubles: Arc<Doubles>,
        server: Option<ServerConfig>,
    ) -> Result<Life, TransportError> {
        let config = self.config.endpoint(pipe.mtu());
        let runtime = Arc::new(PathRuntime::new(pipe.clock().clone()));
        let socket = Arc::new(PipeSocket::new(pipe, doubles));
        let endpoint =
            Endpoint::new_with_abstract_socket(config, server, socket.clone(), runtime.clone())
                .map_err(|cause| {
                    TransportError::new(ErrorKind::Unsupported, "no QUIC endpoint can be made")
                        .because(cause)
                })?;
        Ok(Life {
            endpoint,
            socket,
            runtime,
        })
    }
}

#[async_trait]
impl Transport for Quic {
    fn mode(&self) -> &'static str {
        MODE
    }

    fn needs_large_packets(&self) -> bool {
        true
    }

    async fn listen(
        &self,
        pipe: PacketPipe,
        offer: &mut ServerInfo,
    ) -> Result<Box<dyn Listener>, TransportError> {
        let now = wall_time();
        let (own, client) = (Identity::new(now)?, Identity::new(now)?);
        let (server_cert, client_cert) = (own.certificate_hex(), client.certificate_hex());
        let tls = tls::server(own, &client)?;
        let doubles = Arc::<Doubles>::default();
        let mut config = ServerConfig::with_crypto(Arc::new(Reporting::new(tls, pipe.clone())));
        config
            .transport_config(Arc::new(self.config.transport(
                Side::Server,
                &pipe,
                &doubles,
            )))
            .migration(false)
            .max_incoming(MAX_ATTEMPTS)
            .incoming_buffer_size(INCOMING_BUFFER)
            .incoming_buffer_size_total(INCOMING_BUFFER * MAX_ATTEMPTS as u64);
        let clock = pipe.clock().clone();
        let life = self.life(pipe, doubles, Some(config))?;
        offer.mode = MODE.into();
        offer.server_cert = server_cert;
        offer.client_cert = client_cert;
        offer.client_key = client.key_hex();
        Ok(Box::new(QuicListener {
            clock,
            attempts: Vec::new(),
            life: Some(life),
        }))
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let tls = tls::client(offer)?;
        let mut config = ClientConfig::new(Arc::new(Reporting::new(tls, pipe.clone())));
        let doubles = Arc::<Doubles>::default();
        config.transport_config(Arc::new(self.config.transport(
            Side::Client,
            &pipe,
            &doubles,
        )));
        let clock = pipe.clock().clone();
        let life = self.life(pipe, doubles, None)?;
        let connecting = life
            .endpoint
            .connect_with(config, PacketPipe::PEER, SERVER_NAME)
            .map_err(|cause| {
                TransportError::new(ErrorKind::Unsupported, "no QUIC connection can be begun")
                    .because(cause)
            })?;
        let connection = handshake(connecting, &clock).await?;
        Ok(Arc::new(QuicConnection::new(
            connection,
            Side::Client,
            life,
        )))
    }
}

/// Waits for the one client. Dropping it before, or the connection after, ends the endpoint.
struct QuicListener {
    clock: PathClock,
    /// Handshakes under way, the oldest first: a client that gave one up begins another, which
    /// must not wait behind the first.
    attempts: Vec<Attempt>,
    /// Taken by the connection.
    life: Option<Life>,
}

type Attempt = Pin<Box<dyn Future<Output = Result<quinn::Connection, TransportError>> + Send>>;

#[async_trait]
impl Listener for QuicListener {
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError> {
        let Some(life) = &self.life else {
            let message = "this listener has accepted its only connection";
            return Err(TransportError::new(ErrorKind::Closed, message));
        };
        let connection = loop {
            let attempts = &mut self.attempts;
            let mut incoming = pin!(life.endpoint.accept());
            let event = poll_fn(|cx| {
                for at in 0..attempts.len() {
                    if let Poll::Ready(end) = attempts[at].as_mut().poll(cx) {
                        drop(attempts.remove(at));
                        return Poll::Ready(Event::Ended(end));
                    }
                }
                incoming
                    .as_mut()
                    .poll(cx)
                    .map(|incoming| Event::Begun(incoming.map(quinn::Incoming::accept)))
            })
            .await;
            match event {
                Event::Ended(Ok(connection)) => break connection,
                Event::Ended(Err(error)) => tracing::debug!(%error, "a handshake came to nothing"),
                Event::Begun(Some(Ok(connecting))) => {
                    if attempts.len() == MAX_ATTEMPTS {
                        drop(attempts.remove(0));
                    }
                    let clock = self.clock.clone();
                    attempts.push(Box::pin(async move { handshake(connecting, &clock).await }));
                }
                Event::Begun(Some(Err(error))) => {
                    tracing::debug!(%error, "a first packet came to nothing");
                }
                Event::Begun(None) => {
                    let message = "the endpoint has ended before a client came";
                    return Err(TransportError::new(ErrorKind::Closed, message));
                }
            }
        };
        self.attempts.clear();
        life.endpoint.set_server_config(None);
        let life = self.life.take().expect("it was there above");
        Ok(Arc::new(QuicConnection::new(
            connection,
            Side::Server,
            life,
        )))
    }
}

enum Event {
    Ended(Result<quinn::Connection, TransportError>),
    /// `None` when the endpoint has ended.
    Begun(Option<Result<Connecting, ConnectionError>>),
}

async fn handshake(
    connecting: Connecting,
    clock: &PathClock,
) -> Result<quinn::Connection, TransportError> {
    let mut connecting = pin!(connecting);
    let mut timer = clock.timer(clock.now() + HANDSHAKE_TIMEOUT);
    poll_fn(|cx| {
        if let Poll::Ready(end) = connecting.as_mut().poll(cx) {
            return Poll::Ready(end.map_err(connection_error));
        }
        timer.poll_elapsed(cx).map(|()| {
            let message = format!(
                "the peer did not finish the QUIC handshake within {} s",
                HANDSHAKE_TIMEOUT.as_secs()
            );
            Err(TransportError::new(ErrorKind::TimedOut, message))
        })
    })
    .await
}

#[expect(
    clippy::disallowed_methods,
    reason = "a certificate is valid by the calendar"
)]
fn wall_time() -> SystemTime {
    SystemTime::now()
}

/// PROTOCOL.md, "Server info".
const MODE: &str = "QUIC";

/// A client gives up one handshake and begins the next; more at once come from nobody honest.
const MAX_ATTEMPTS: usize = 4;

/// A client hello with a post-quantum key share takes two packets; a repeated one as many again.
const INCOMING_BUFFER: u64 = 16 << 10;
