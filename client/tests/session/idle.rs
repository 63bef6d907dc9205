//! What a session costs at which nobody works: neither program may look after it by a timer of milliseconds.

use std::fs;
use std::thread;
use std::time::Duration;

use nix::unistd::Pid;

use crate::carriers::Session;
use crate::left;
use crate::rig::{Mode, Rig};

#[test]
fn a_session_at_rest_wakes_neither_program_more_than_a_few_times_a_second() {
    for mode in [Mode::Udp, Mode::Tcp, Mode::Kcp] {
        let rig = Rig::start();
        let mut session = Session::start_with(&rig, mode, &[]);
        session.echo(b"here\n");
        let servers = left::servers(rig.sshd.port());
        let [server] = servers[..] else {
            panic!("{mode:?}: {servers:?} serve");
        };
        let programs = [session.pid(), server];
        // What belongs to the beginning comes to rest: keys that are agreed on, sizes of packets that are tried.
        thread::sleep(SETTLES);
        let before = programs.map(switches);
        thread::sleep(LOOKED_AT);
        let after = programs.map(switches);
        for (name, (before, after)) in ["tssh", "tsshd"].iter().zip(before.iter().zip(after)) {
            let a_second = (after - before) / LOOKED_AT.as_secs();
            assert!(a_second <= MOST, "{mode:?}: {name} wakes {a_second} times");
        }
        session.echo(b"still here\n");
        assert_eq!(session.end(), "");
    }
}

/// How often the threads of a program have waited for something so far.
fn switches(program: Pid) -> u64 {
    let threads = fs::read_dir(format!("/proc/{program}/task")).unwrap();
    threads
        .map(|thread| {
            // One that has ended meanwhile waits for nothing.
            let status = fs::read_to_string(thread.unwrap().path().join("status"));
            let status = status.unwrap_or_default();
            let count = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            count.map_or(0, |count| count.trim().parse().unwrap())
        })
        .sum()
}

/// Nothing tells that nothing happens any more. A longer start would only cost the margin.
const SETTLES: Duration = Duration::from_secs(2);

/// Real time, for what is counted is what the system does.
const LOOKED_AT: Duration = Duration::from_secs(4);

/// About one is needed for the heartbeat, and each may take a few turns of two threads: a quiet machine shows
/// two or three. A loop that polls every 10 ms makes a hundred, and one at 50 ms twenty.
const MOST: u64 = 10;
