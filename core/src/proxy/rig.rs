//! A link for tests: what it receives is given, what it sends is kept.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::pipe::PacketPipe;
use crate::transport::{Link, RecvMeta, Transmit};

/// A link that is its own network.
#[derive(Debug, Default)]
pub(super) struct Paper {
    state: Mutex<State>,
    is_stream: bool,
}

#[derive(Debug, Default)]
struct State {
    received: VecDeque<io::Result<Batch>>,
    sent: Vec<(SocketAddr, Vec<u8>)>,
    full: bool,
}

#[derive(Debug)]
struct Batch {
    from: SocketAddr,
    contents: Vec<u8>,
    stride: usize,
}

impl Paper {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// One that loses nothing.
    pub(super) fn stream() -> Arc<Self> {
        Arc::new(Self {
            is_stream: true,
            ..Self::default()
        })
    }

    /// Puts one packet before the link.
    pub(super) fn put(&self, from: SocketAddr, packet: &[u8]) {
        self.put_batch(from, packet, packet.len());
    }

    /// Puts several packets of one length before the link, as a kernel joins them.
    pub(super) fn put_batch(&self, from: SocketAddr, contents: &[u8], stride: usize) {
        let contents = contents.to_vec();
        self.state.lock().unwrap().received.push_back(Ok(Batch {
            from,
            contents,
            stride,
        }));
    }

    pub(super) fn put_error(&self, kind: io::ErrorKind) {
        self.state
            .lock()
            .unwrap()
            .received
            .push_back(Err(kind.into()));
    }

    pub(super) fn set_full(&self, full: bool) {
        self.state.lock().unwrap().full = full;
    }

    /// What was sent since the last call, and where to.
    pub(super) fn take_sent(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.state.lock().unwrap().sent)
    }
}

impl Link for Paper {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        if state.full {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let segment = transmit.segment_size.unwrap_or(transmit.contents.len());
        for packet in transmit.contents.chunks(segment.max(1)) {
            state.sent.push((transmit.destination, packet.to_vec()));
        }
        Ok(())
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.state.lock().unwrap().full {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    }

    fn poll_recv(
        &self,
        _: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let Some(batch) = self.state.lock().unwrap().received.pop_front() else {
            return Poll::Pending;
        };
        let batch = batch?;
        bufs[0][..batch.contents.len()].copy_from_slice(&batch.contents);
        meta[0] = RecvMeta::default();
        meta[0].addr = batch.from;
        meta[0].len = batch.contents.len();
        meta[0].stride = batch.stride;
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    fn is_stream(&self) -> bool {
        self.is_stream
    }
}

/// What the transport is given of all that lies before the links, packet by packet.
pub(super) fn receive_all(pipe: &PacketPipe) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let mut meta = [RecvMeta::default()];
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        let mut bufs = [IoSliceMut::new(&mut buffer)];
        if pipe.poll_recv(&mut cx, &mut bufs, &mut meta).is_pending() {
            return packets;
        }
        let batch = &buffer[..meta[0].len];
        packets.extend(batch.chunks(meta[0].stride).map(<[u8]>::to_vec));
        assert_eq!(meta[0].addr, PacketPipe::PEER);
    }
}

/// Whether the pipe says that it has room.
pub(super) fn is_writable(pipe: &PacketPipe) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    pipe.poll_writable(&mut cx).is_ready()
}

/// Different addresses of one host.
pub(super) fn port(port: u16) -> SocketAddr {
    (Ipv4Addr::new(198, 51, 100, 1), port).into()
}
