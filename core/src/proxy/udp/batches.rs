//! Batches to and from the system: what it is given, and what happens when it refuses.

use std::io::{self, IoSliceMut};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use quinn_udp::{UdpSockRef, UdpSocketState};
use socket2::Socket;

use crate::transport::{RecvMeta, Transmit};

/// How one socket sends and receives batches, and what its system refused so far.
#[derive(Debug)]
pub(super) struct Batches {
    state: UdpSocketState,
    /// How many packets the system took in one call, as far as we know.
    segments: AtomicUsize,
    #[cfg(target_os = "linux")]
    marks: super::control::Marks,
}

impl Batches {
    /// Sets the options that receiving needs.
    pub(super) fn new(socket: &Socket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(socket))?;
        Ok(Self {
            segments: AtomicUsize::new(state.max_gso_segments()),
            state,
            #[cfg(target_os = "linux")]
            marks: super::control::Marks::default(),
        })
    }

    /// Sends a batch in one call, or packet by packet when the system refuses that.
    pub(super) fn send(&self, socket: &Socket, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.call(socket, transmit) {
            // Some devices refuse what the kernel offers, at the first batch or at a later one.
            Err(error) if is_about_offload(&error) && has_segments(transmit) => {
                self.send_each(socket, transmit)
            }
            Err(error) => forgive_size(error, transmit.contents.len()),
            Ok(()) => Ok(()),
        }
    }

    pub(super) fn recv(
        &self,
        socket: &Socket,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> io::Result<usize> {
        self.state.recv(UdpSockRef::from(socket), bufs, meta)
    }

    pub(super) fn max_send_segments(&self) -> usize {
        self.segments.load(Relaxed)
    }

    pub(super) fn max_recv_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn send_each(&self, socket: &Socket, batch: &Transmit<'_>) -> io::Result<()> {
        for packet in packets(batch) {
            match self.call(socket, &packet) {
                // What stopped the batch was the batch: a vanished source address or a path that
                // became narrower stops each packet as well, and says nothing of the device.
                Ok(()) => self.segments.store(1, Relaxed),
                Err(error) => forgive_size(error, packet.contents.len())?,
            }
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn call(&self, socket: &Socket, transmit: &Transmit<'_>) -> io::Result<()> {
        self.marks.send(socket, transmit)
    }

    #[cfg(not(target_os = "linux"))]
    fn call(&self, socket: &Socket, transmit: &Transmit<'_>) -> io::Result<()> {
        self.state.try_send(UdpSockRef::from(socket), transmit)
    }
}

/// Whether `transmit` holds more than one packet.
pub(super) fn has_segments(transmit: &Transmit<'_>) -> bool {
    transmit
        .segment_size
        .is_some_and(|segment| segment < transmit.contents.len())
}

/// The packets of a batch, each by itself.
fn packets<'a>(batch: &'a Transmit<'a>) -> impl Iterator<Item = Transmit<'a>> {
    let segment = batch.segment_size.unwrap_or(batch.contents.len());
    batch
        .contents
        .chunks(segment.max(1))
        .map(|contents| Transmit {
            destination: batch.destination,
            ecn: batch.ecn,
            contents,
            segment_size: None,
            src_ip: batch.src_ip,
        })
}

/// One packet is too large for an interface; others may pass.
fn forgive_size(error: io::Error, bytes: usize) -> io::Result<()> {
    if error.raw_os_error() != Some(MESSAGE_TOO_LONG) {
        return Err(error);
    }
    tracing::debug!(bytes, "too large for the interface");
    Ok(())
}

#[cfg(unix)]
fn is_about_offload(error: &io::Error) -> bool {
    use nix::libc::{EINVAL, EIO};
    matches!(error.raw_os_error(), Some(EINVAL | EIO))
}

#[cfg(not(unix))]
fn is_about_offload(_: &io::Error) -> bool {
    false
}

#[cfg(unix)]
const MESSAGE_TOO_LONG: i32 = nix::libc::EMSGSIZE;

/// `WSAEMSGSIZE`.
#[cfg(not(unix))]
const MESSAGE_TOO_LONG: i32 = 10040;
