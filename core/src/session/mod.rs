//! The pure parts of a session: what is dropped, kept and repeated while its client is away.
//!
//! | want to change…                               | look in     |
//! |-----------------------------------------------|-------------|
//! | how stale bytes of a stream are cut off       | `marker.rs` |
//! | what a client that comes back is shown        | `replay.rs` |
//! | how far output may run ahead of the path      | `window.rs` |
//! | which lines give way                          | `kept.rs`   |
//! | which phases a session goes through           | `phase.rs`  |
//! | how the user is told of a loss                | `notice.rs` |
//! | what a line of tmux's control mode looks like | `control.rs` |
//! | what counts as a sequence, a mode, a question | `escape.rs` |
//!
//! Not here: processes, streams and clocks, which the server's session owns.

pub mod control;
mod escape;
mod kept;
pub mod marker;
mod notice;
mod phase;
mod replay;
#[cfg(test)]
mod tests;
mod window;

pub use kept::{Dropped, MAX_KEPT_BYTES};
pub use replay::{Back, Replay};
pub use window::Window;
