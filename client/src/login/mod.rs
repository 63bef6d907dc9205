//! The ordinary SSH login: from [`Options`] to a [`Login`] on which programs can be started.
//!
//! | want to change…                                   | look in           |
//! |---------------------------------------------------|-------------------|
//! | what can be set                                   | `options.rs`      |
//! | how the host is reached: TCP, proxy, jump hosts   | `dial.rs`, `connect.rs` |
//! | which algorithms are offered                      | `algorithms.rs`   |
//! | whether the server is the right one               | `host_key.rs`, `certificate.rs`, `known_hosts/` |
//! | how the user is proven                            | `methods.rs`, `identities.rs`, `signer.rs`, `agent.rs`, `key_file.rs` |
//! | how the user is asked                             | `prompt/`         |
//! | what a running program gives and takes            | `channel.rs`      |
//! | forwarded connections over plain SSH              | `forwarder.rs`    |
//! | the server of the demonstration                   | `embedded/`       |
//!
//! No type of the SSH library leaves this module. Not here: `ssh_config` and its tokens, and what
//! becomes of the login (plain SSH, or the start of a roaming connection).

mod agent;
mod algorithms;
mod certificate;
mod channel;
mod connect;
mod dial;
pub mod embedded;
mod error;
mod forwarder;
mod handler;
mod host_key;
mod identities;
mod key_file;
mod known_hosts;
mod methods;
mod options;
mod prompt;
mod signer;
mod stream;

pub use channel::{Channel, ChannelReader, ChannelWriter, Event, Program, Pty, Request, Size};
pub use connect::Login;
pub use dial::Addresses;
pub use error::LoginError;
pub use forwarder::{Forwarder, Tunnel};
pub use key_file::MemoryKey;
pub use options::{
    AddressFamily, Algorithms, AuthMethod, Options, RekeyLimit, StrictHostKeyChecking,
};
pub use prompt::{Answer, Console, PromptError, Prompter, Question, Silent, Words};
