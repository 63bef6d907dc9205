//! A socket in the network: what is sent there, and what arrives.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use tssh_core::clock;
use tssh_core::transport::{Link, RecvMeta, Transmit};

use super::{Network, SERVER};

/// A socket of one of the two machines.
#[derive(Debug)]
pub(super) struct NetworkLink {
    pub(super) network: Network,
    pub(super) local: SocketAddr,
}

impl Link for NetworkLink {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let now = clock::now();
        let mut shared = self.network.lock();
        if self.local != SERVER && !shared.addresses.contains(&self.local.ip()) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        let segment = transmit.segment_size.unwrap_or(transmit.contents.len());
        for packet in transmit.contents.chunks(segment.max(1)) {
            shared.send(self.local, transmit.destination, packet, now);
        }
        Ok(())
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut shared = self.network.lock();
        loop {
            let now = clock::now();
            let mut filled = 0;
            while filled < bufs.len().min(meta.len()) {
                let Some(packet) = shared.take(self.local, now) else {
                    break;
                };
                let len = packet.contents.len().min(bufs[filled].len());
                bufs[filled][..len].copy_from_slice(&packet.contents[..len]);
                meta[filled] = RecvMeta::default();
                meta[filled].addr = packet.from;
                meta[filled].len = len;
                meta[filled].stride = len;
                filled += 1;
            }
            if filled > 0 {
                return Poll::Ready(Ok(filled));
            }
            let Some(inbox) = shared.sockets.get_mut(&self.local) else {
                return Poll::Pending;
            };
            inbox.receiver = Some(cx.waker().clone());
            let Some(((next, _), _)) = inbox.flying.first_key_value() else {
                return Poll::Pending;
            };
            let next = (*next).into();
            let sleep = inbox
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
            if sleep.deadline() != next {
                sleep.as_mut().reset(next);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Some(self.local)
    }

    fn max_send_segments(&self) -> usize {
        MAX_SEGMENTS
    }
}

impl Drop for NetworkLink {
    fn drop(&mut self) {
        let inbox = self.network.lock().sockets.remove(&self.local);
        // Its sleep wakes who waits: not under the lock.
        drop(inbox);
    }
}

/// What a socket with segmentation offload takes.
const MAX_SEGMENTS: usize = 10;
