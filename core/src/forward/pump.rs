//! Carries bytes both ways until both directions have ended.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Socket;
use crate::transport::{Stream, WriteHalf};

/// How many bytes a forward has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// From the socket into the stream.
    pub to_peer: u64,
    /// From the stream into the socket.
    pub from_peer: u64,
}

/// Carries bytes between a socket and a stream, and returns how many when both directions have ended
/// and the peer has what it was sent.
///
/// Each direction ends by itself. At its source's end the sink is ended in order. A sink that takes
/// no more ends its direction alone: what the other one still carries arrives. A socket that breaks
/// has ended, as under ssh: a server that answers without having read the question breaks its
/// connection behind the answer, which must arrive. A direction holds 32 KiB at most, so a sink that
/// stalls stalls its source, and nothing else.
///
/// Dropping the future before its end resets both, as an error does.
///
/// # Errors
///
/// A stream that broke, rather than ended: both socket and stream are reset, so that nobody takes a
/// part for the whole.
pub async fn pump(socket: impl Socket, stream: Stream) -> io::Result<Carried> {
    let Stream {
        reader: stream_reader,
        writer,
    } = stream;
    let mut ends = Ends {
        socket: Some(socket),
        writer,
    };
    let mut carried = Carried::default();
    if let Some(socket) = &mut ends.socket {
        let (socket_reader, mut socket_writer) = socket.halves();
        let from_socket = async {
            let carrying = carry(socket_reader, &mut ends.writer, &mut carried.to_peer).await;
            if let Err(error) = carrying {
                tracing::debug!(%error, "a forwarded connection broke off");
                // A peer that is gone needs no end.
                let _ = ends.writer.shutdown().await;
            }
            Ok(())
        };
        tokio::try_join!(
            from_socket,
            carry(stream_reader, &mut socket_writer, &mut carried.from_peer),
        )?;
    }
    // Whoever waits for the end may close the connection then, and with it all that is on its way.
    std::future::poll_fn(|cx| ends.writer.poll_delivered(cx)).await;
    // What ended in order is closed in order.
    drop(ends.socket.take());
    Ok(carried)
}

/// Both sinks, which are reset unless the socket was taken out.
struct Ends<S: Socket> {
    socket: Option<S>,
    writer: Box<dyn WriteHalf>,
}

impl<S: Socket> Drop for Ends<S> {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.take() {
            self.writer.reset();
            socket.reset();
        }
    }
}

/// One direction, from its first byte to its end. Fails when the source breaks.
async fn carry(
    mut source: impl AsyncRead + Unpin,
    sink: &mut (impl AsyncWrite + Unpin),
    count: &mut u64,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = source.read(&mut chunk).await?;
        if length == 0 {
            // A sink that is gone needs no end.
            let _ = sink.shutdown().await;
            return Ok(());
        }
        if sink.write_all(&chunk[..length]).await.is_err() {
            // Dropping the source tells a peer to stop writing.
            return Ok(());
        }
        *count += length as u64;
    }
}

/// Bytes read at once: large enough that system calls cost little beside the copying, small enough
/// that hundreds of idle forwards cost little memory.
const CHUNK: usize = 32 * 1024;
