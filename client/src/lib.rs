//! The `tssh` program's library.

#![warn(missing_docs)]

pub mod login;
