//! What sessions know of their client: one value, of which only the latest matters.

use bytes::Bytes;

use crate::limits::MAX_MARKERS;

/// The client as its sessions see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientView {
    /// The client is silent: its path is dead, and it will be back.
    pub away: bool,
    /// `KeepPendingOutput`: what programs print while the client is away is kept whole.
    pub keep_output: bool,
    /// The newest markers that the client was told to write into each stdin, the oldest first, at most [`MAX_MARKERS`].
    pub markers: Vec<Marker>,
}

impl ClientView {
    /// The client was told of one more marker.
    pub fn add_marker(&mut self, marker: Marker) {
        if self.markers.len() >= MAX_MARKERS {
            self.markers.remove(0);
        }
        self.markers.push(marker);
    }
}

/// A marker, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Counts the markers of a connection, from 1.
    pub number: u64,
    /// The bytes.
    pub bytes: Bytes,
}
