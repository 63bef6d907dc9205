//! What the client's data path does with strangers: there are none, but for acknowledgements.

use std::io;

use tokio::sync::mpsc;

use crate::auth::{AUTH_LEN, Claim, ProxyKey};
use crate::proxy::pipe::{Gate, PacketPipe};
use crate::proxy::table::{LinkId, Route, Source};

/// What the data path tells the client's proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A packet of 44 bytes opened on this link.
    Ack(LinkId, Claim),
    /// The link failed; `refused` when the host answered that nothing listens there.
    LinkFailed { link: LinkId, refused: bool },
}

/// Lets through what comes from the server's address and is no acknowledgement.
#[derive(Debug)]
pub(super) struct ClientGate {
    pub(super) key: ProxyKey,
    /// Losing a note under a flood is harmless: claims and their acknowledgements are repeated.
    pub(super) notes: mpsc::Sender<Note>,
}

impl Gate for ClientGate {
    fn admit(&self, _: &PacketPipe, _: Source, _: &[u8]) -> bool {
        false
    }

    fn intercept(&self, _: &PacketPipe, source: Source, packet: &[u8]) -> bool {
        if packet.len() != AUTH_LEN {
            return false;
        }
        let Some(claim) = self.key.open(packet) else {
            return false;
        };
        let _ = self.notes.try_send(Note::Ack(source.link, claim));
        true
    }

    fn may_send(&self, _: &Route, _: usize) -> bool {
        true
    }

    fn handle_opened(&self, _: &PacketPipe) {}

    fn handle_link_error(&self, link: LinkId, error: &io::Error) {
        let refused = error.kind() == io::ErrorKind::ConnectionRefused;
        let _ = self.notes.try_send(Note::LinkFailed { link, refused });
    }
}
