//! The library part of `tsshd`: what owns processes and files on the server.
//!
//! | module     | answers                                                        |
//! |------------|----------------------------------------------------------------|
//! | `child`    | how does a shell or command start, run and end?                |
//! | `ports`    | which ports may be tried, in which order?                      |
//! | `settings` | what does sshd_config say for this user from this address?     |

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
pub mod ports;
pub mod settings;
