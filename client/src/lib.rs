//! The library of the `tssh` program.
//!
//! | folder       | what it is for                                       |
//! |--------------|------------------------------------------------------|
//! | `cli`        | the command line                                     |
//! | `ssh_config` | the configuration files                              |
//! | `settings`   | what both say about one connection                   |
//! | `login`      | the ordinary SSH login                               |

#![warn(missing_docs)]

pub mod cli;
pub mod login;
pub mod settings;
pub mod ssh_config;
