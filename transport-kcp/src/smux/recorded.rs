//! For tests: what a row of frames says, stream by stream.

use std::collections::BTreeMap;

use super::frame::{Fin, Head};
use super::reader::{Piece, Reader};

/// What one side has said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) bytes: BTreeMap<u32, Vec<u8>>,
    /// Streams that this side ended, and how at last.
    pub(crate) ended: BTreeMap<u32, Fin>,
}

/// Panics unless all frames are whole and known.
pub(crate) fn streams_of(mut bytes: &[u8]) -> Streams {
    let mut streams = Streams::default();
    let mut reader = Reader::default();
    while let Some(piece) = reader.next(&mut bytes).expect("an unknown frame") {
        match piece {
            Piece::Data(id, data) => streams.bytes.entry(id).or_default().extend(data),
            Piece::Frame(Head::Fin(id, fin)) => {
                streams
                    .ended
                    .insert(id, fin.expect("an unknown kind of end"));
            }
            Piece::Frame(Head::Open(_) | Head::Nothing | Head::Push(..) | Head::Update(_))
            | Piece::Update(..) => {}
        }
    }
    streams
}
