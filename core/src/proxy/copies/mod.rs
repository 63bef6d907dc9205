//! Small packets sent again while the path loses some: a lost key then costs milliseconds, not a
//! round trip and more.
//!
//! QUIC and KCP drop doubles by themselves, so any peer profits, and neither knows of it. Only what
//! a person waits for is copied: small packets beside which there is no bulk, within a fixed budget,
//! and only after loss was seen. An authentication packet never comes this way, nor does anything on
//! a link that is a byte stream.
//!
//! | want to change…                                   | look in      |
//! |---------------------------------------------------|--------------|
//! | which packets are copied, how often, for how long | `state.rs`   |
//! | how a copy waits, and when it is due              | `waiting.rs` |
//! | the budget, and what bulk is                      | `bucket.rs`  |
//! | how a transport reports loss                      | `handle.rs`  |
//! | who waits for the moment                          | `actor.rs`   |
//!
//! Not here: how loss is noticed (each transport knows), and what is sent again behind an
//! authentication packet (`held.rs`).

mod actor;
mod bucket;
mod handle;
#[cfg(test)]
mod properties;
mod state;
#[cfg(test)]
mod tests;
mod waiting;

pub(super) use actor::beside;
pub use actor::send_copies;
pub use handle::Copies;
