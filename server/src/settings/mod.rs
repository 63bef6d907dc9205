//! Reads sshd_config as sshd would for this user and this connection.
//!
//! | want to change…                                   | look in        |
//! |---------------------------------------------------|----------------|
//! | which settings there are, and their defaults      | `effective.rs` |
//! | how a value is written                            | `value.rs`     |
//! | which value wins; what an unsure block may change | `layers.rs`    |
//! | what `Match` can ask                              | `matcher.rs`   |
//! | which files are read; `Include`                   | `reader.rs`, `glob.rs` |
//! | quotes and comments                               | `lexer.rs`     |
//! | `*`, `?`, `!` and address prefixes                | `pattern.rs`   |
//!
//! Not here: what a setting does (`child` and the forwards ask), and keywords about login, which are sshd's business.

mod effective;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod glob;
mod layers;
mod lexer;
mod matcher;
mod pattern;
mod reader;
#[cfg(test)]
mod tests;
mod value;

pub use effective::{Forwarding, GatewayPorts, Permit, Settings, UserEnvironment};
pub use matcher::{Connection, Subject};
pub use pattern::PatternList;
pub use reader::{Complaint, locate, read};
