//! The session scenarios over every transport and link. `-- --json` prints lines of JSON; other arguments are names of
//! transports, or parts of the names of scenarios and groups.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario fails where it stands, and owns its tasks"
)]

#[path = "../tests/host/mod.rs"]
mod host;
#[path = "../tests/host/rigs.rs"]
mod rigs;

use std::process::ExitCode;

use host::host;
use tssh_conformance::{Over, matrix, session_stage};

fn main() -> ExitCode {
    let links = &[Over::Udp, Over::Tcp, Over::Process];
    let all = &[Over::Nothing, Over::Udp, Over::Tcp, Over::Process];
    matrix::run_sessions(&[
        ("memory", all, session_stage!(rigs::memory, host)),
        ("quic", links, session_stage!(rigs::quic, host)),
        ("kcp", links, session_stage!(rigs::kcp, host)),
    ])
}
