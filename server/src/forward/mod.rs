//! Connections that this server makes for its client.
//!
//! | want to change…                            | look in     |
//! |--------------------------------------------|-------------|
//! | how a `dial` is judged, made and answered  | `dial.rs`   |
//! | what the words of a `dial` mean            | `target.rs` |
//! | what a client says before it has its answer | `early.rs` |
//!
//! Not here: how the bytes are carried (`tssh_core::forward`), and what sshd_config says (`settings`).

mod dial;
mod early;
mod target;

pub(crate) use dial::Dial;
pub(crate) use target::{Target, TargetError};
