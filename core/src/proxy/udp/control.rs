//! Linux: `sendmsg` with the control messages of a batch.
//!
//! quinn-udp sends too, but gives each packet a whole traffic class with the ECN bits alone, and
//! that of a packet outweighs that of the socket.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::libc::{
    EINVAL, IP_PKTINFO, IP_TOS, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO, IPV6_TCLASS, SOL_UDP,
    UDP_SEGMENT,
};
use socket2::{MsgHdr, SockAddr, Socket};

use super::DSCP_EF;
use super::batches::has_segments;
use crate::transport::{EcnCodepoint, Transmit};

/// Sends with a traffic class per packet for as long as the kernel takes one.
#[derive(Debug, Default)]
pub(super) struct Marks {
    refused: AtomicBool,
}

impl Marks {
    /// Sends a batch by one system call.
    pub(super) fn send(&self, socket: &Socket, transmit: &Transmit<'_>) -> io::Result<()> {
        let marked = !self.refused.load(Relaxed);
        match send_message(socket, transmit, &control(transmit, marked)) {
            // A batch may be refused for being one: its packets will tell.
            Err(error)
                if marked && error.raw_os_error() == Some(EINVAL) && !has_segments(transmit) =>
            {
                send_message(socket, transmit, &control(transmit, false))?;
                // The socket's own traffic class is left to it, without ECN.
                tracing::debug!("the kernel takes no traffic class per packet");
                self.refused.store(true, Relaxed);
                Ok(())
            }
            sent => sent,
        }
    }
}

fn send_message(socket: &Socket, transmit: &Transmit<'_>, control: &Control) -> io::Result<()> {
    let destination = SockAddr::from(transmit.destination);
    let contents = [IoSlice::new(transmit.contents)];
    let message = MsgHdr::new()
        .with_addr(&destination)
        .with_buffers(&contents)
        .with_control(control.bytes());
    loop {
        match socket.sendmsg(&message, 0) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            sent => return sent.map(|_| ()),
        }
    }
}

fn control(transmit: &Transmit<'_>, marked: bool) -> Control {
    let mut control = Control::default();
    if marked {
        control.push_class(transmit.destination, transmit.ecn);
    }
    if let Some(segment) = transmit.segment_size.filter(|_| has_segments(transmit)) {
        // A larger one exceeds what UDP carries, and the kernel says so.
        let segment = u16::try_from(segment).unwrap_or(u16::MAX);
        control.push(SOL_UDP, UDP_SEGMENT, &segment.to_ne_bytes());
    }
    if let Some(source) = transmit.src_ip {
        control.push_source(source);
    }
    control
}

/// Control messages in the kernel's layout (`cmsg(3)`): length, level and kind, the data, and
/// zeros up to the next word.
#[derive(Debug)]
struct Control {
    buffer: [u8; CAPACITY],
    used: usize,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            buffer: [0; CAPACITY],
            used: 0,
        }
    }
}

impl Control {
    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    fn push_class(&mut self, destination: SocketAddr, ecn: Option<EcnCodepoint>) {
        // PROTOCOL.md, "The path": DSCP 46.
        let class = DSCP_EF | ecn.map_or(0, |ecn| ecn as u32);
        let (level, kind) = match destination {
            SocketAddr::V4(_) => (IPPROTO_IP, IP_TOS),
            SocketAddr::V6(_) => (IPPROTO_IPV6, IPV6_TCLASS),
        };
        self.push(level, kind, &class.to_ne_bytes());
    }

    /// The local address to send from, on any interface.
    fn push_source(&mut self, source: IpAddr) {
        match source {
            // `in_pktinfo`: interface, source, and a destination that counts only on receipt.
            IpAddr::V4(source) => {
                let mut info = [0; 12];
                info[4..8].copy_from_slice(&source.octets());
                self.push(IPPROTO_IP, IP_PKTINFO, &info);
            }
            // `in6_pktinfo`: source, interface.
            IpAddr::V6(source) => {
                let mut info = [0; 20];
                info[..16].copy_from_slice(&source.octets());
                self.push(IPPROTO_IPV6, IPV6_PKTINFO, &info);
            }
        }
    }

    fn push(&mut self, level: i32, kind: i32, data: &[u8]) {
        let message = &mut self.buffer[self.used..][..space(data.len())];
        let (header, body) = message.split_at_mut(HEADER);
        header[..WORD].copy_from_slice(&(HEADER + data.len()).to_ne_bytes());
        header[WORD..WORD + 4].copy_from_slice(&level.to_ne_bytes());
        header[WORD + 4..].copy_from_slice(&kind.to_ne_bytes());
        body[..data.len()].copy_from_slice(data);
        self.used += space(data.len());
    }
}

/// What a message with `data` bytes takes.
const fn space(data: usize) -> usize {
    HEADER + data.next_multiple_of(WORD)
}

const WORD: usize = size_of::<usize>();

/// `cmsghdr`: a word for the length, two `int`s.
const HEADER: usize = WORD + 8;

/// A traffic class, a segment size and the larger of the two kinds of source.
const CAPACITY: usize = space(4) + space(2) + space(20);
