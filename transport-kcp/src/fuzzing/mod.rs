//! What holds for any bytes at all: bodies of the fuzz targets in `fuzz/`, each a function that panics when
//! it does not hold. Compiled for fuzzing and for tests alone; the tests here run each over random inputs.
//!
//! | want to change…                                       | look in              |
//! |-------------------------------------------------------|----------------------|
//! | numbers of packets, copies, replays                   | `fec.rs`             |
//! | packets that open, keys that are agreed upon          | `keys.rs`            |
//! | segments of a peer that lies                          | `arq/fuzzing.rs`     |
//! | segments between our core and another one             | `arq/oracle.rs`      |
//! | frames of a peer that lies, and what streams do       | `smux/fuzzing.rs`    |
//! | two connections over a path that loses and forges     | `session/fuzzing.rs` |
//! | how bytes become decisions                            | `script.rs`          |

mod fec;
mod keys;
mod script;
#[cfg(test)]
mod tests;

pub use fec::fec;
pub use keys::keys;

pub use crate::arq::fuzzing::kcp;
pub use crate::arq::oracle::kcp_oracle;
pub use crate::session::fuzzing::session;
pub use crate::smux::fuzzing::smux;
pub(crate) use script::Script;
