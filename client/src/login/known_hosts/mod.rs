//! What the known_hosts files say about a host (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
//!
//! | want to change…                     | look in      |
//! |-------------------------------------|--------------|
//! | how a line is read, which one counts | `line.rs`    |
//! | which key is known, changed, revoked | `lookup.rs`  |
//! | how files are read and appended to   | `file.rs`    |
//!
//! Not here: what is done about the verdict, and what the user is asked (`host_key`).

mod file;
mod line;
mod lookup;
#[cfg(test)]
mod tests;

pub(super) use file::{append, load, revoked_in};
pub(super) use line::{matches_pattern, type_label};
pub(super) use lookup::{HostNames, KnownHosts, Origin, Verdict};
