//! The library part of `tsshd`: what owns processes and files on the server.
//!
//! | module       | answers                                                        |
//! |--------------|----------------------------------------------------------------|
//! | `child`      | how does a shell or command start, run and end?                |
//! | `cli`        | which options are there?                                       |
//! | `connection` | what may a client ask for, from its first stream to its end?   |
//! | `daemon`     | how does the server leave the login that started it?           |
//! | `exit`       | what does the exit code say?                                   |
//! | `forward`    | where may a client be connected to, and how?                   |
//! | `keeper`     | which sessions are there, and what outlives a connection?      |
//! | `limits`     | how much of anything may there be?                             |
//! | `log`        | who is told what the server decides?                           |
//! | `offer`      | where does the server listen, and what is the client told?     |
//! | `serve`      | what does one server process do, in which order?               |
//! | `session`    | how do bytes and size travel between a child and its client?   |
//! | `settings`   | what does sshd_config say for this user from this address?     |

#![warn(missing_docs)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::unwrap_used,
        reason = "tests own the clock and their tasks, and may panic"
    )
)]

pub mod child;
pub mod cli;
pub mod connection;
pub mod daemon;
pub mod exit;
pub(crate) mod forward;
pub mod keeper;
pub mod limits;
pub mod log;
pub mod offer;
pub mod serve;
pub mod session;
pub mod settings;
pub mod transports;
