//! Continues over a roaming connection: the login is over, the session goes on.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tssh_core::connection::{
    Client, ClientConfig, ClientEvent, ConnectError, Supervisor, Timeouts,
};
use tssh_core::proxy::client::{Binder, Carriers};
use tssh_core::proxy::network::NetworkEvents;
use tssh_core::transport::Registry;
use tssh_core::wire::{InfoError, ServerInfo, WireError, feature};
use tssh_transport_kcp::Kcp;
use tssh_transport_quic::Quic;

use crate::bootstrap::Offer;
use crate::session::{Control, Far, Offline, RemoteOutput, Roaming, Start};
use crate::settings::{Settings, UdpProxyMode};

/// Why the session did not move.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoamError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server speaks a transport that this program lacks.
    #[error(transparent)]
    Mode(#[from] InfoError),
    /// TCP was wanted, and is not to be had.
    #[error(
        "UdpProxyMode TCP is wanted and the server listens on UDP alone: its tsshd is too old, or leave out UdpProxyMode"
    )]
    NoTcp,
    /// The session was refused.
    #[error("the session did not start: {0}")]
    Start(#[from] WireError),
}

/// A roaming connection with its tasks, which run while this lives.
#[derive(Debug)]
pub struct Roam {
    /// The connection.
    pub client: Client,
    /// What the server tells.
    pub events: mpsc::Receiver<ClientEvent>,
    tasks: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

impl Roam {
    /// Connects to the server of `offer`. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`RoamError::Connect`], [`RoamError::Mode`].
    pub async fn connect(
        offer: Offer,
        transports: &Registry,
        settings: &Settings,
        keep_output: bool,
        binder: Arc<dyn Binder>,
    ) -> Result<Self, RoamError> {
        let transport = transports.chosen(&offer.info)?;
        let mut carriers = carriers_of(&offer.info, settings.udp_proxy_mode)?;
        if offer.servers[0].ip().is_unspecified() {
            // Nobody here knows where it is, but the ProxyCommand.
            carriers = Carriers::Stream;
        }
        let by_process = matches!(settings.proxy_words(offer.info.port), Ok(Some(_)));
        let config = ClientConfig {
            info: offer.info,
            servers: offer.servers,
            carriers,
            stream_answer: by_process.then_some(PROCESS_ANSWER),
            timeouts: Timeouts {
                alive: settings.udp_alive_timeout,
                heartbeat: settings.udp_heartbeat_timeout,
                reconnect: settings.udp_reconnect_timeout,
            },
            mtu: settings.udp_mtu,
            connect_timeout: settings.connect_limit().unwrap_or(CONNECT_TIMEOUT),
            session_name: settings.host.clone(),
            keep_output,
        };
        let stop = CancellationToken::new();
        let network = NetworkEvents::of_this_machine();
        let (client, events, tasks) =
            Client::connect(&*transport, config, binder, network, &stop).await?;
        Ok(Self {
            client,
            events,
            tasks: spawn(tasks),
            stop,
        })
    }

    /// Starts the session, and returns its far side, and whether that has the terminal that was asked
    /// for: where the server refuses it the session goes on without, as under ssh.
    ///
    /// # Errors
    ///
    /// [`RoamError::Start`].
    pub async fn start(&mut self, start: &Start) -> Result<(Far, bool), RoamError> {
        let mut has_pty = start.pty.is_some();
        let mut started = self.client.start(start.to_session(), !has_pty).await;
        if let Err(WireError::Refused { code, reason }) = &started
            && *code == WireError::NOT_A_PTY
            && has_pty
        {
            tracing::debug!(%reason, "no terminal");
            has_pty = false;
            let without = start.without_pty().to_session();
            started = self.client.start(without, true).await;
        }
        let session = started?;
        let control = Control::Roaming {
            client: self.client.clone(),
            id: session.id,
        };
        let typing = self.client.clone();
        let offline = Offline {
            path: Some(self.client.path()),
            typed: Arc::new(move || typing.handle_typed()),
        };
        let (output, input) = Roaming::split(session);
        let (_, none) = mpsc::channel(1);
        let events = Some(std::mem::replace(&mut self.events, none));
        let far = Far {
            input,
            output: RemoteOutput::Roaming(output),
            control,
            offline,
            events,
        };
        Ok((far, has_pty))
    }

    /// Ends the server process and the connection.
    pub async fn close(self) {
        self.client.close().await;
        self.stop.cancel();
        // The supervisor ends its tasks within its own grace; a panic in it was reported already.
        let _ = self.tasks.await;
    }
}

/// The transports of `tssh`. A program with another one adds it.
pub fn transports() -> Registry {
    Registry::new().with(Quic::default()).with(Kcp::default())
}

/// What the server listens for, as far as the user lets us use it.
fn carriers_of(info: &ServerInfo, wanted: UdpProxyMode) -> Result<Carriers, RoamError> {
    let tcp_alone = info.is_tcp()?;
    let extension = info.extension.as_ref();
    let both = extension.is_some_and(|extension| extension.offers(feature::TCP_TOO));
    match wanted {
        _ if tcp_alone => Ok(Carriers::Stream),
        UdpProxyMode::Tcp if both => Ok(Carriers::Stream),
        UdpProxyMode::Tcp => Err(RoamError::NoTcp),
        UdpProxyMode::Auto if both => Ok(Carriers::Both),
        UdpProxyMode::Auto | UdpProxyMode::Udp => Ok(Carriers::Udp),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one task of this process; `close` joins it"
)]
fn spawn(tasks: Supervisor) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        tasks.run().await;
    })
}

/// A `ProxyCommand` may have to log in somewhere itself.
const PROCESS_ANSWER: std::time::Duration = std::time::Duration::from_secs(4);

/// As the server waits for its client.
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
