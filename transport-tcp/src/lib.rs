//! The place of packets framed in TCP, which this version does not have: the crate is empty.
//!
//! The bytes it will speak are in `PROTOCOL.md`; what it will owe is the contract on
//! `tssh_core::transport::Link`.

#![warn(missing_docs)]
