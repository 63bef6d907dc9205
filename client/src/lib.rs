//! Library.

pub mod terminal;
