//! What sessions know of their client: one value, of which only the latest matters.

use bytes::Bytes;

/// The client as its sessions see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientView {
    /// The client is silent: its path is dead, and it will be back.
    pub away: bool,
    /// `KeepPendingOutput`: what programs print while the client is away is kept whole.
    pub keep_output: bool,
    /// The newest marker that the client was told to write into each stdin.
    pub marker: Option<Marker>,
}

/// A marker, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Counts the markers of a connection, from 1.
    pub number: u64,
    /// The bytes.
    pub bytes: Bytes,
}
