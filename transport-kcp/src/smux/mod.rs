//! Streams over the one row of bytes that KCP delivers.
//!
//! | want to change…                                     | look in     |
//! |-----------------------------------------------------|-------------|
//! | bytes of a frame                                    | `frame.rs`  |
//! | how frames are cut out of what arrives              | `reader.rs` |
//! | the state of one stream                             | `stream.rs` |
//! | buffers that have grown                             | `spare.rs`  |
//! | how far the peer may run ahead of each reader       | `windows.rs`|
//! | what the halves of a stream do with it              | `ends.rs`   |
//! | whether the peer has what was written               | `delivery.rs`|
//! | which stream goes first; what a frame does          | `state.rs`  |
//!
//! PROTOCOL.md, "KCP mode": smux version 2, with three kinds of FIN.

mod delivery;
mod ends;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(any(test, fuzzing))]
mod model;
mod reader;
#[cfg(test)]
pub(crate) mod recorded;
mod spare;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod windows;

pub(crate) use state::{Ended, Mux, Side};
