//! Two ends of a connection over simulated air, for what a transport's own tests try.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{Connection, Listener, Transport};
use tssh_core::wire::ServerInfo;

use crate::medium::Air;
use crate::rig::{DELAY, MTU, soon};
use crate::weather::Weather;

/// A client, a server, and what lies between them.
pub struct Couple {
    /// What lies between them.
    pub air: Air,
    /// The client's end.
    pub client: Arc<dyn Connection>,
    /// The server's.
    pub server: Arc<dyn Connection>,
    /// The client's pipe.
    pub client_pipe: PacketPipe,
    /// The server's.
    pub server_pipe: PacketPipe,
}

impl Couple {
    /// Both ends in fair weather, [`DELAY`] away from each other.
    pub async fn fair(transport: &dyn Transport, seed: u64) -> Self {
        Self::new(transport, Air::new(Weather::fair(DELAY), seed)).await
    }

    /// Both ends over `air`.
    pub async fn new(transport: &dyn Transport, air: Air) -> Self {
        let (client_pipe, server_pipe) = air.pipes(MTU);
        let (client, server) = connected(transport, client_pipe.clone(), server_pipe.clone()).await;
        Self {
            air,
            client,
            server,
            client_pipe,
            server_pipe,
        }
    }

    /// Megabytes a second that a stream carries towards the client for `time`, once the path has had four seconds to be
    /// filled. A measure, for virtual time.
    ///
    /// # Panics
    ///
    /// When the connection ends meanwhile.
    pub async fn megabytes_a_second(&self, time: Duration) -> f64 {
        let mut near = self.client.open().await.expect("a stream");
        near.write_all(b"x").await.expect("a byte");
        let mut far = self.server.accept().await.expect("a stream");
        let flood = async {
            let chunk = vec![7; 32 << 10];
            while far.write_all(&chunk).await.is_ok() {}
        };
        let count = async {
            let begun = Instant::now() + WARM_UP;
            let mut chunk = vec![0; 64 << 10];
            let mut heard = 0;
            while let Ok(read) = timeout_at(begun + time, near.read(&mut chunk)).await {
                let read = read.expect("the connection");
                heard += if Instant::now() >= begun { read } else { 0 };
            }
            heard as f64 / time.as_secs_f64() / 1e6
        };
        tokio::select! {
            () = flood => panic!("the connection has ended"),
            rate = count => rate,
        }
    }
}

/// The path is being filled.
const WARM_UP: Duration = Duration::from_secs(4);

impl fmt::Debug for Couple {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Couple").finish_non_exhaustive()
    }
}

/// Both ends of a connection through a client's and a server's pipe.
pub async fn connected(
    transport: &dyn Transport,
    client: PacketPipe,
    server: PacketPipe,
) -> (Arc<dyn Connection>, Arc<dyn Connection>) {
    let (mut listener, offer) = listening(transport, server).await;
    let both = async { tokio::join!(transport.connect(client, &offer), listener.accept()) };
    let (client, server) = soon(both).await;
    (
        client.expect("the client could not connect"),
        server.expect("the server could not accept"),
    )
}

/// A listener, and what it offers.
pub async fn listening(
    transport: &dyn Transport,
    pipe: PacketPipe,
) -> (Box<dyn Listener>, ServerInfo) {
    let mut offer = ServerInfo::default();
    let listener = soon(transport.listen(pipe, &mut offer)).await;
    (listener.expect("the server could not listen"), offer)
}
