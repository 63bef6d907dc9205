//! Ports that are forwarded: `-L`, `LocalForward`.
//!
//! | want to change…                                   | look in     |
//! |---------------------------------------------------|-------------|
//! | which addresses a forward listens on              | `bind.rs`   |
//! | what becomes of a connection, and how many may be | `accept.rs` |
//! | how the server makes it: roaming or plain SSH     | `way.rs`    |
//!
//! Not here: what the configuration says (`ssh_config/forward.rs`), and how bytes are carried
//! (`tssh_core::forward`, and for plain SSH `login/forwarder.rs`).

mod accept;
mod bind;
mod way;

pub use accept::Forwards;
pub use bind::BindError;
pub use way::Way;
