//! Packets over a tube: the shortest framing that does its duty.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tssh_core::transport::{Link, RecvMeta, Transmit};

use super::tube::Tube;

/// A link that sends each packet behind its length (two bytes, big-endian). Packets seem to come from
/// `peer`. A link for real sockets may be put in its place: see [`Framing`](super::Framing).
pub fn framed(tube: Tube, local: Option<SocketAddr>, peer: SocketAddr) -> Arc<dyn Link> {
    Arc::new(Framed {
        tube,
        local,
        peer,
        partial: Mutex::default(),
    })
}

#[derive(Debug)]
struct Framed {
    tube: Tube,
    local: Option<SocketAddr>,
    peer: SocketAddr,
    /// What has come of packets that are not whole yet.
    partial: Mutex<Vec<u8>>,
}

impl Framed {
    fn partial(&self) -> MutexGuard<'_, Vec<u8>> {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link for Framed {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let segment = transmit.segment_size.unwrap_or(transmit.contents.len());
        let packets = transmit.contents.chunks(segment.max(1));
        let mut frames = Vec::with_capacity(transmit.contents.len() + packets.len() * HEAD);
        for packet in packets {
            let len = u16::try_from(packet.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
            frames.extend_from_slice(&len.to_be_bytes());
            frames.extend_from_slice(packet);
        }
        // All or nothing: a frame that is cut off takes all that follow with it.
        if self.tube.room() < frames.len() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.tube.write(&frames);
        Ok(())
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tube.poll_room(BATCH, cx).map(Ok)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut partial = self.partial();
        let mut piece = [0; 4096];
        loop {
            let mut filled = 0;
            while filled < bufs.len().min(meta.len()) {
                let Some((head, rest)) = partial.split_first_chunk() else {
                    break;
                };
                let len = usize::from(u16::from_be_bytes(*head));
                let Some(packet) = rest.get(..len) else { break };
                let kept = len.min(bufs[filled].len());
                bufs[filled][..kept].copy_from_slice(&packet[..kept]);
                meta[filled] = RecvMeta::default();
                meta[filled].addr = self.peer;
                meta[filled].len = kept;
                meta[filled].stride = kept.max(1);
                filled += 1;
                partial.drain(..HEAD + len);
            }
            if filled > 0 {
                return Poll::Ready(Ok(filled));
            }
            let count = ready!(self.tube.poll_fill(cx, &mut piece));
            partial.extend_from_slice(&piece[..count]);
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }
}

/// The length before each packet, in bytes.
const HEAD: usize = 2;

/// Room for a packet and its length.
const BATCH: usize = 1600;
