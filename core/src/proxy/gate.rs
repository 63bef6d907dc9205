//! What a pipe asks about packets, and who answers where nothing ever moves.

use std::fmt::Debug;
use std::io;

use super::pipe::PacketPipe;
use super::table::{LinkId, Route, Source};

/// Decides about packets from sources that the table does not believe.
///
/// Called on the data path for strangers only.
pub trait Gate: Send + Sync + Debug + 'static {
    /// Whether `packet` from `source` goes to the transport.
    fn admit(&self, pipe: &PacketPipe, source: Source, packet: &[u8]) -> bool;

    /// Whether `packet` from a believed source is withheld from the transport.
    fn intercept(&self, pipe: &PacketPipe, source: Source, packet: &[u8]) -> bool;

    /// Whether `bytes` may be sent along `route`; counts them when they may.
    fn may_send(&self, route: &Route, bytes: usize) -> bool;

    /// A packet of the peer opened under the connection's keys.
    fn handle_opened(&self, pipe: &PacketPipe);

    /// The link failed to send or to receive.
    fn handle_link_error(&self, link: LinkId, error: &io::Error);
}

/// Believes nobody but the fixed peer, and limits nothing.
#[derive(Debug)]
pub(super) struct Open;

impl Gate for Open {
    fn admit(&self, _: &PacketPipe, _: Source, _: &[u8]) -> bool {
        false
    }

    fn intercept(&self, _: &PacketPipe, _: Source, _: &[u8]) -> bool {
        false
    }

    fn may_send(&self, _: &Route, _: usize) -> bool {
        true
    }

    fn handle_opened(&self, _: &PacketPipe) {}

    fn handle_link_error(&self, link: LinkId, error: &io::Error) {
        tracing::debug!(?link, %error, "the link failed");
    }
}
