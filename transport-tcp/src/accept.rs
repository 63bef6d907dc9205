//! The server's TCP side: strangers say who they are in their first frame, or go.

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tssh_core::auth::AUTH_LEN;
use tssh_core::clock::{now, until};
use tssh_core::proxy::MTU_RANGE;
use tssh_core::proxy::server::Streams;
use tssh_core::transport::{Link as _, RecvMeta};

use crate::tcp::{TcpLink, accepted, limit_segments, open};
use crate::waiting::Waiting;

/// Sockets that listen.
#[derive(Debug)]
pub struct TcpListeners {
    listeners: Vec<TcpListener>,
}

impl TcpListeners {
    /// What [`listen`] returned, once for each address.
    pub fn new(listeners: Vec<TcpListener>) -> Self {
        Self { listeners }
    }

    /// The addresses that are listened on.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        let known = self.listeners.iter().map(TcpListener::local_addr);
        known.filter_map(Result::ok).collect()
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        for listener in &self.listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

/// Accepts connections until `stop`, and hands those to `streams` whose first frame may be a claim.
///
/// At most 16 connections wait for their first frame, 2 s each; the oldest goes when there are more.
pub async fn accept_all(
    listeners: TcpListeners,
    streams: Streams,
    largest: u16,
    stop: CancellationToken,
) {
    let mut waiting = Waiting::new();
    let mut buffer = vec![0; usize::from(*MTU_RANGE.end())];
    // A listener that fails is left alone for a while: the next error would come at once.
    let mut resume = None;
    loop {
        let silent = waiting.handle_time(now());
        if silent > 0 {
            tracing::debug!(silent, "connections without a first frame are closed");
        }
        resume = resume.filter(|at| now() < *at);
        let deadline = [waiting.poll_timeout(), resume].into_iter().flatten().min();
        tokio::select! {
            biased; // What has spoken is heard before it is sent away by those that come.
            () = stop.cancelled() => return,
            (stranger, first) = poll_fn(|cx| poll_first(&mut waiting, &mut buffer, cx)) => {
                let Stranger { link, peer } = stranger;
                match first {
                    Some(frame) => streams.handle_stream(Arc::new(link), peer, &frame),
                    None => tracing::debug!(%peer, "a connection that does not speak the protocol"),
                }
            }
            arrived = poll_fn(|cx| listeners.poll_accept(cx)), if resume.is_none() => match arrived {
                Ok((stream, peer)) => {
                    let link = accepted(stream, peer, largest);
                    waiting.push(Stranger { link, peer }, now());
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    resume = Some(now() + PAUSE);
                }
            },
            () = until(deadline) => {}
        }
    }
}

/// A connection whose first frame has not come.
struct Stranger {
    link: TcpLink,
    peer: SocketAddr,
}

/// The first stranger that has said something, and its first frame; `None` when that is no claim.
fn poll_first(
    waiting: &mut Waiting<Stranger>,
    buffer: &mut [u8],
    cx: &mut Context<'_>,
) -> Poll<(Stranger, Option<[u8; AUTH_LEN]>)> {
    let heard = waiting.take(|stranger| {
        let mut meta = [RecvMeta::default()];
        let mut bufs = [IoSliceMut::new(buffer)];
        match stranger.link.poll_recv(cx, &mut bufs, &mut meta) {
            Poll::Pending => None,
            Poll::Ready(Ok(_)) => Some(buffer[..meta[0].len].try_into().ok()),
            Poll::Ready(Err(_)) => Some(None),
        }
    });
    heard.map_or(Poll::Pending, Poll::Ready)
}

/// Listens on `address`; an IPv6 address is for IPv6 alone.
///
/// # Errors
///
/// What the system says of the address or the port.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of a former server on this port may still be closing.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // What the client may send is told in the handshake.
    limit_segments(&SockRef::from(&socket));
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Connections that the kernel keeps while we look at others.
const BACKLOG: i32 = 16;

/// What an error such as a lack of descriptors is given to pass.
const PAUSE: Duration = Duration::from_millis(200);
