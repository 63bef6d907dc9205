//! The pure parts of a session: what is dropped, kept and repeated while its client is away.
//!
//! | want to change…                               | look in     |
//! |-----------------------------------------------|-------------|
//! | how input in flight is cut off                | `marker.rs` |
//!
//! Not here: processes, streams and clocks, which the server's session owns.

pub mod marker;
