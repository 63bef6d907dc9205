//! The processes of a session: shells, commands and subsystems, started and ended as sshd does it.
//!
//! | want to change…                              | look in          |
//! |----------------------------------------------|------------------|
//! | what can be asked for, and what is refused   | `spec.rs`        |
//! | which program runs for it                    | `program.rs`     |
//! | with which variables                         | `environment.rs` |
//! | what comes before it (motd; rc files, xauth) | `greeting.rs`, `rc.rs` |
//! | the order of starting                        | `spawn.rs`       |
//! | waiting for the end                          | `task.rs`        |
//! | size, signals, hanging up                    | `control.rs`     |
//! | when output is at its end                    | `stream.rs`      |
//! | the terminal and its modes                   | `pty.rs`, `modes.rs` |
//! | what happens between fork and exec           | `pty_sys.rs`     |
//!
//! Not here: what a lost client means for a child (the keeper decides), and which forwards are allowed (`settings`).

mod account;
mod control;
mod environment;
mod greeting;
pub mod modes;
mod program;
mod pty;
mod pty_sys;
mod rc;
mod spawn;
mod spec;
mod stream;
mod task;

pub use account::{Account, AccountError};
pub use control::{Control, ExitStatus};
pub use nix::sys::signal::Signal;
pub use pty::PtySpec;
pub use spawn::Child;
pub use spec::{Display, Kind, Login, SpawnError, Spec, Stderr};
pub use stream::{Input, Output};
