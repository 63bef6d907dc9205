//! The suite, played with the transport that needs no network. `-- --json` prints lines of JSON.

use std::process::ExitCode;

use tssh_conformance::{Over, Rig, matrix, stage};
use tssh_core::transport::memory::Memory;

fn main() -> ExitCode {
    let ways = [Over::Nothing, Over::Udp, Over::Tcp, Over::Process];
    matrix::run("memory", &ways, stage!(rig))
}

fn rig(_: u64) -> Rig {
    let memory = Memory::with_datagrams();
    let air = memory.air();
    let rig = Rig::new(memory).with_datagrams();
    rig.with_own_way(move |cut| match cut {
        true => air.darken(),
        false => air.clear(),
    })
}
