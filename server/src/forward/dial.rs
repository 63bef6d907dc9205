//! A `dial`: connects, answers, and carries the bytes.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tssh_core::forward::{Socket, dial_tcp, pump};
use tssh_core::transport::Stream;
use tssh_core::wire::{DialReply, RemoteAddr, WireError, codec};

use super::Target;
use super::early::Early;
use crate::limits::DIAL_TIMEOUT;

/// A forward that is permitted and not made yet.
#[derive(Debug)]
pub(crate) struct Dial {
    /// Whose answer to the request is still to be written.
    pub(crate) stream: Stream,
    /// Where it leads.
    pub(crate) target: Target,
    /// How long to try; zero is our own [`DIAL_TIMEOUT`].
    pub(crate) limit: Duration,
    /// Its place among the forwards of the connection.
    pub(crate) place: OwnedSemaphorePermit,
}

impl Dial {
    /// Runs the forward to its end.
    pub(crate) async fn run(self) {
        let Self {
            mut stream,
            target,
            limit,
            place,
        } = self;
        let limit = match limit {
            Duration::ZERO => DIAL_TIMEOUT,
            named => named.min(DIAL_TIMEOUT),
        };
        let mut early = Early::default();
        match &target {
            Target::Tcp { host, port, family } => {
                let dialled = dial_tcp(host, *port, *family, limit);
                if let Some(dialled) = unless_given_up(&mut early, &mut stream, dialled).await {
                    let socket = dialled.map_err(|error| error.to_string());
                    carry(early.into_stream(stream), socket.and_then(ready)).await;
                }
            }
            Target::Unix(path) => {
                let dialled = dial_unix(path, limit);
                if let Some(socket) = unless_given_up(&mut early, &mut stream, dialled).await {
                    let socket = socket.map(|socket| (socket, None));
                    carry(early.into_stream(stream), socket).await;
                }
            }
        }
        drop(place);
    }
}

/// `None` when the client wants the forward no more: its place is another's then.
async fn unless_given_up<T>(
    early: &mut Early,
    stream: &mut Stream,
    dialling: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased; // What is done already needs not be thrown away.
        dialled = dialling => Some(dialled),
        () = early.given_up(stream) => {
            tracing::debug!("a forward was given up by the client before it was made");
            None
        }
    }
}

async fn dial_unix(path: &Path, limit: Duration) -> Result<UnixStream, String> {
    let shown = path.display();
    match timeout(limit, UnixStream::connect(path)).await {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(error)) => Err(format!("connect to {shown}: {error}")),
        Err(_) => Err(format!("{shown} did not answer in time")),
    }
}

/// A socket whose small writes leave at once, and the address that it reached.
fn ready(socket: TcpStream) -> Result<(TcpStream, Option<SocketAddr>), String> {
    let address = socket.peer_addr();
    let address = address.map_err(|error| format!("the connection ended at once: {error}"))?;
    // A socket that refuses carries the same bytes, some of them later.
    let _ = socket.set_nodelay(true);
    Ok((socket, Some(address)))
}

async fn carry(mut stream: Stream, dialled: Result<(impl Socket, Option<SocketAddr>), String>) {
    let (socket, address) = match dialled {
        Ok(dialled) => dialled,
        Err(reason) => {
            tracing::debug!(reason, "a forward came to nothing");
            let told = async {
                codec::write_refusal(&mut stream, 0, &reason).await?;
                stream.shutdown().await?;
                Ok::<_, WireError>(())
            };
            // A client that has left needs no reason.
            let _ = told.await;
            return;
        }
    };
    let reply = DialReply {
        remote_addr: address.map(RemoteAddr::from),
    };
    if let Err(error) = codec::write_reply(&mut stream, &reply).await {
        tracing::debug!(%error, "a forward was given up by the client");
        return;
    }
    match pump(socket, stream).await {
        Ok(carried) => tracing::debug!(?carried, "a forward has ended"),
        Err(error) => tracing::debug!(%error, "a forward broke"),
    }
}
