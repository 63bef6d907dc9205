//! The line that tells of a lost connection, of keys that wait, and of what was dropped.
//!
//! | want to change…                          | look in    |
//! |------------------------------------------|------------|
//! | when it shows, refreshes and goes         | `state.rs` |
//! | its words                                 | `text.rs`  |
//! | the bytes that draw and erase it          | `draw.rs`  |
//!
//! The way to leave is the escape key and `.`, at any time: Ctrl-C drops the keys that wait, and
//! after it `~.` counts as typed at a line start. Only where `EscapeChar` is `none`, Ctrl-C twice
//! within [`ARMED`] leaves, once no keys wait.
//!
//! Not here: who writes the drawing (`output`), and which keys wait (`typeahead`).

#[cfg(test)]
mod bench;
mod draw;
mod state;
#[cfg(test)]
mod tests;
mod text;

pub use draw::Place;
pub use state::{ARMED, BACK_SHOWN, Decision, Notice, Output, Settings, Waiting};
pub use text::{Detail, Dropped};
