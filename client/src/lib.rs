//! The library of the `tssh` program.
//!
//! | module       | what it is for                                       |
//! |--------------|------------------------------------------------------|
//! | `cli`        | the command line                                     |
//! | `ssh_config` | the configuration files                              |
//! | `settings`   | what both say about one connection                   |
//! | `target`     | from the settings to the login                       |
//! | `login`      | the ordinary SSH login                               |
//! | `bootstrap`  | starts `tsshd` over it                               |
//! | `background` | `-f`                                                 |
//! | `query`      | `-Q`                                                 |
//! | `roam`       | continues over a roaming connection                  |
//! | `local`      | this side of a session, as the settings want it      |
//! | `session`    | a shell or command between the terminal and a server |
//! | `forward`    | ports that are forwarded                             |
//! | `demo`       | a roaming shell on this very machine                 |
//! | `program`    | all of it, from arguments to exit status             |
//! | `exit`       | its exit status, and what it says at the end         |
//! | `missing`    | what is refused because this version lacks it        |
//! | `links`      | UDP sockets and TCP connections to the server        |
//! | `log`        | standard error or a file                             |
//! | `terminal`   | the user's terminal, and giving it back              |

#![warn(missing_docs)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::unwrap_used,
        reason = "tests own the clock and their tasks, and a test that cannot go on has failed"
    )
)]

pub mod background;
pub mod bootstrap;
pub mod cli;
pub mod demo;
pub mod exit;
pub mod forward;
pub mod links;
mod local;
pub mod log;
pub mod login;
pub mod missing;
pub mod program;
pub mod query;
pub mod roam;
pub mod session;
pub mod settings;
pub mod ssh_config;
pub mod target;
pub mod terminal;
