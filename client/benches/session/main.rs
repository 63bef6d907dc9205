//! A session over loopback next to `ssh` in the same run: throughput, processor time, time to the
//! first byte, echo of a key, and what an outage costs. `benches/README.md` explains the table.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench reads clocks, prints its table, and stops where it cannot go on"
)]

#[path = "../../tests/session/left.rs"]
mod left;
mod measure;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/session/relay.rs"]
mod relay;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/session/rig.rs"]
mod rig;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/login/sshd.rs"]
mod sshd;

use std::process::Command;

use measure::{Bulk, bulk, echo, first_byte, resume};
use rig::{Mode, Rig};

/// Enough that a second of throughput outweighs the login.
const BULK: usize = 512 << 20;

fn main() {
    let rig = Rig::start();
    let clients: [(&str, &dyn Fn() -> Command); 3] = [
        ("ssh", &|| ssh(&rig)),
        ("tssh", &|| rig.tssh(Mode::Plain, &["server"])),
        ("tssh --udp", &|| rig.tssh(Mode::Udp, &["server"])),
    ];
    let data = rig.path("data");
    std::fs::write(&data, rig::noise(1, BULK)).unwrap();
    println!(
        "{:12} {:>9} {:>16} {:>9} {:>16} {:>11} {:>9} {:>9}",
        "",
        "up MB/s",
        "cpu s/GB cl+srv",
        "down MB/s",
        "cpu s/GB cl+srv",
        "first byte",
        "echo p50",
        "echo p99"
    );
    for (name, command) in clients {
        let up = best(|| bulk(command(), Bulk::Up, &data, BULK));
        let down = best(|| bulk(command(), Bulk::Down, &data, BULK));
        let first = first_byte(command);
        let (middle, slow) = echo(command());
        println!(
            "{name:12} {:9.0} {:>16} {:9.0} {:>16} {:8.0} ms {:6.2} ms {:6.2} ms",
            up.rate,
            up.processor(),
            down.rate,
            down.processor(),
            first * 1e3,
            middle * 1e3,
            slow * 1e3
        );
    }
    let mut resumes: Vec<f64> = (0..RUNS).map(|_| resume(&rig)).collect();
    resumes.sort_by(f64::total_cmp);
    println!(
        "after an outage, from the network's return to an echo: median {:.0} ms, worst {:.0} ms of {RUNS}",
        resumes[RUNS / 2] * 1e3,
        resumes[RUNS - 1] * 1e3
    );
}

const RUNS: usize = 5;

/// The machine is not this program's alone: the best of three says what is possible.
fn best(measured: impl Fn() -> measure::Rate) -> measure::Rate {
    let runs = (0..3).map(|_| measured());
    runs.max_by(|a, b| a.rate.total_cmp(&b.rate)).unwrap()
}

fn ssh(rig: &Rig) -> Command {
    // It does not know the options of roaming.
    let config = rig.path("ssh_config");
    let known = std::fs::read_to_string(&config).unwrap();
    let known: String = known
        .lines()
        .filter(|line| !line.contains("Tsshd"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(rig.path("openssh_config"), known).unwrap();
    let mut command = Command::new("ssh");
    command
        .arg("-F")
        .arg(rig.path("openssh_config"))
        .arg("server");
    command
}
