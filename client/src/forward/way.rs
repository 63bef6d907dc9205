//! How the server makes a connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tssh_core::connection::Client;
use tssh_core::forward::pump;
use tssh_core::wire::DialRequest;

use crate::login::Forwarder;

/// What carries forwarded connections.
#[derive(Clone, Debug)]
pub enum Way {
    /// Channels of an SSH login.
    Plain(Forwarder),
    /// Streams of a roaming connection.
    Roaming {
        /// The connection.
        client: Client,
        /// How long the server is to try; zero leaves it to the server.
        limit: Duration,
    },
}

impl Way {
    /// Has the server connect to `host`, and carries `socket` there until both directions have ended.
    pub(super) async fn carry(&self, socket: TcpStream, origin: SocketAddr, host: &str, port: u16) {
        // A socket that refuses carries the same bytes, some of them later.
        let _ = socket.set_nodelay(true);
        let carried = match self {
            Self::Plain(forwarder) => match forwarder.open(host, port, origin).await {
                Ok(tunnel) => tunnel.carry(socket).await,
                Err(error) => return tracing::warn!("a connection is not forwarded: {error}"),
            },
            Self::Roaming { client, limit } => {
                let request = DialRequest {
                    net: "tcp".to_owned(),
                    addr: match host.contains(':') {
                        true => format!("[{host}]:{port}"),
                        false => format!("{host}:{port}"),
                    },
                    timeout: *limit,
                };
                match client.dial(&request).await {
                    Ok((stream, _)) => pump(socket, stream).await.map(drop),
                    Err(error) => {
                        return tracing::warn!(
                            "a connection to {host} port {port} is not forwarded: {error}"
                        );
                    }
                }
            }
        };
        if let Err(error) = carried {
            tracing::debug!(%error, host, port, "a forwarded connection broke");
        }
    }
}
