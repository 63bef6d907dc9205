//! Two ends of a KCP connection, over simulated air or real sockets.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "each test file uses its part; tests own the clock and their tasks"
)]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tssh_conformance::{Air, Weather};
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{Connection, Listener, Transport};
use tssh_core::wire::ServerInfo;
use tssh_transport_kcp::Kcp;

/// A client, a server, and what lies between them.
pub(crate) struct Rig {
    pub(crate) air: Air,
    pub(crate) client: Arc<dyn Connection>,
    pub(crate) server: Arc<dyn Connection>,
    pub(crate) client_pipe: PacketPipe,
    pub(crate) server_pipe: PacketPipe,
}

/// 20 ms each way: a round trip of 40.
pub(crate) const DELAY: Duration = Duration::from_millis(20);

/// In virtual time, far above whatever a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const MTU: u16 = 1400;

impl Rig {
    pub(crate) async fn fair(seed: u64) -> Self {
        Self::new(Air::new(Weather::fair(DELAY), seed), &Kcp::default()).await
    }

    pub(crate) async fn new(air: Air, kcp: &Kcp) -> Self {
        let (client_pipe, server_pipe) = air.pipes(MTU);
        let (client, server) = connected(kcp, client_pipe.clone(), server_pipe.clone()).await;
        Self {
            air,
            client,
            server,
            client_pipe,
            server_pipe,
        }
    }
}

pub(crate) async fn connected(
    kcp: &Kcp,
    client: PacketPipe,
    server: PacketPipe,
) -> (Arc<dyn Connection>, Arc<dyn Connection>) {
    let mut offer = ServerInfo::default();
    let mut listener = kcp.listen(server, &mut offer).await.unwrap();
    let (client, server) =
        soon(async { tokio::join!(kcp.connect(client, &offer), listener.accept()) }).await;
    (client.unwrap(), server.unwrap())
}

pub(crate) async fn listening(kcp: &Kcp, pipe: PacketPipe) -> (Box<dyn Listener>, ServerInfo) {
    let mut offer = ServerInfo::default();
    let listener = kcp.listen(pipe, &mut offer).await.unwrap();
    (listener, offer)
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("nothing happened")
}
