//! Forwarded connections over plain SSH.

use std::io;
use std::net::SocketAddr;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connect::Server;
use super::error::LoginError;

/// Opens TCP connections from a server. Clones share the login, and do not keep it.
#[derive(Clone, Debug)]
pub struct Forwarder {
    server: Server,
}

/// A connection from the server to somewhere.
pub struct Tunnel {
    channel: Channel<Msg>,
}

impl Forwarder {
    pub(super) fn new(server: Server) -> Self {
        Self { server }
    }

    /// Opens a connection from the server to `host` (RFC 4254 section 7.2), on behalf of `origin`.
    ///
    /// # Errors
    ///
    /// [`LoginError::ChannelRefused`], or the connection ended.
    pub async fn open(
        &self,
        host: &str,
        port: u16,
        origin: SocketAddr,
    ) -> Result<Tunnel, LoginError> {
        let channel = self.server.open_tcp(host, port, origin).await?;
        Ok(Tunnel { channel })
    }
}

impl Tunnel {
    /// Carries bytes between `socket` and the server until both directions have ended, or the server
    /// has closed the channel.
    ///
    /// A socket that takes nothing stops the whole login once a queue of packets waits for it: the
    /// SSH library hands packets over in its only read loop.
    ///
    /// # Errors
    ///
    /// The socket or the login broke. The socket then ends by a reset.
    pub async fn carry(self, mut socket: TcpStream) -> io::Result<()> {
        let (reader, writer) = self.channel.split();
        let carried = {
            let (source, sink) = socket.split();
            let mut up = std::pin::pin!(upwards(source, &writer));
            let mut down = std::pin::pin!(downwards(reader, sink));
            tokio::select! {
                biased; // Each goes on when the other has ended, but for what the server has closed.
                ended = &mut down => match ended {
                    Ok(Ended::Refused) => up.await,
                    // The server sends nothing more, and takes nothing more.
                    Ok(Ended::Closed) => Ok(()),
                    Err(error) => Err(error),
                },
                sent = &mut up => match sent {
                    Ok(()) => down.await.map(drop),
                    Err(error) => Err(error),
                },
            }
        };
        // A server that is gone, or has closed its side, needs no farewell.
        let _ = writer.close().await;
        if carried.is_err() {
            tssh_core::forward::Socket::reset(socket);
        }
        carried
    }
}

async fn upwards(
    mut source: impl AsyncReadExt + Unpin,
    writer: &ChannelWriteHalf<Msg>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = source.read(&mut chunk).await?;
        let sent = match length {
            0 => writer.eof().await,
            _ => writer.data(&chunk[..length]).await,
        };
        sent.map_err(io::Error::other)?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// Why nothing more comes from the server.
enum Ended {
    /// It has closed the channel, as it does once both directions have ended.
    Closed,
    /// The socket takes no more. The other direction may still be of use.
    Refused,
}

async fn downwards(
    mut reader: ChannelReadHalf,
    mut sink: impl AsyncWriteExt + Unpin,
) -> io::Result<Ended> {
    loop {
        match reader.wait().await {
            Some(ChannelMsg::Data { data }) => {
                if sink.write_all(&data).await.is_err() {
                    // Dropping the reader drops what still comes.
                    return Ok(Ended::Refused);
                }
            }
            Some(ChannelMsg::Eof) => {
                // A socket that is gone needs no end.
                let _ = sink.shutdown().await;
            }
            Some(ChannelMsg::Close) => return Ok(Ended::Closed),
            None => return Err(io::ErrorKind::ConnectionAborted.into()),
            Some(_) => {}
        }
    }
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel").finish_non_exhaustive()
    }
}

/// Bytes read at once: the largest packet that OpenSSH takes.
const CHUNK: usize = 32 * 1024;
