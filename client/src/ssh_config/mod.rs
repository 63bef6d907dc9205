//! Reads `ssh_config(5)`: the user's and the system's files, and one `-o` line at a time.
//!
//! | want to change…                              | look in         |
//! |----------------------------------------------|-----------------|
//! | quoting, comments, the `Keyword=value` form  | `lexer.rs`      |
//! | `*`, `?` and negated lists                   | `pattern.rs`    |
//! | what a `Match` line tests                    | `matcher.rs`    |
//! | which keywords exist, and their old names    | `keyword.rs`    |
//! | what a keyword does to the settings          | `options.rs`    |
//! | keywords about the agent                     | `agent.rs`      |
//! | keywords that take a list                    | `lists.rs`      |
//! | numbers, times, escape characters            | `value.rs`      |
//! | forwards, jump hosts                         | `forward.rs`, `jump.rs` |
//! | `%h` and `${HOME}`                           | `tokens.rs`     |
//! | files, `Include`, ownership                  | `reader.rs`, `include.rs` |
//!
//! Not here: what the settings are and their defaults (`settings`), and the command line (`cli`).

mod agent;
pub mod algorithms;
mod error;
mod forward;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod include;
mod jump;
mod keyword;
pub mod lexer;
mod lists;
mod matcher;
mod options;
pub mod pattern;
mod reader;
#[cfg(test)]
mod tests;
pub mod tokens;
mod value;

pub use error::{ConfigError, Place, Problem};
pub use forward::{Forward, Listener, Target};
pub(crate) use jump::is_sane_user;
pub use jump::{Destination, JumpHop, ProxyJump};
pub(crate) use keyword::Keyword;
pub(crate) use options::{Draft, Effect};
pub(crate) use reader::{Pass, Reader};
pub(crate) use value::{IP_QOS, escape_char, port};
