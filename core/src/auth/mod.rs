//! Is this packet our peer's? The 44-byte authentication packets of the path.
//!
//! | want to change…                              | look in    |
//! |----------------------------------------------|------------|
//! | the bytes of a packet, and the key           | `seal.rs`  |
//! | which packets the server accepts             | `state.rs` |
//! | which acknowledgements the client accepts    | `state.rs` |
//!
//! Not here: what happens to an address that has authenticated (`proxy`).

mod seal;
mod state;
#[cfg(test)]
mod tests;

pub use seal::{AUTH_LEN, Ack, Claim, ProxyKey};
pub use state::{Challenger, Verdict, Verifier};
