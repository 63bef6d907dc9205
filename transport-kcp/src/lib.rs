//! The place of the KCP transport, which this version does not have: the crate is empty.
//!
//! The bytes it will speak are in `PROTOCOL.md`; what it will owe is the contract on
//! `tssh_core::transport::Transport`.

#![warn(missing_docs)]
