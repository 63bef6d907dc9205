//! Servers that outlive their test: a `tsshd` whose client said goodbye must end.
//!
//! This process adopts the servers that leave their login, so that their end can be waited for.

use std::fs;
use std::sync::mpsc;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpid};

use crate::rig::PATIENCE;

/// To be called before the first login.
pub(crate) fn adopt() {
    nix::sys::prctl::set_child_subreaper(true).unwrap();
}

/// Waits for the end of every server that was started by a login at `port`, and returns those that stay.
pub(crate) fn await_ends(port: u16) -> Vec<Pid> {
    let (sender, ended) = mpsc::channel();
    let mut left = servers(port);
    for server in left.clone() {
        let sender = sender.clone();
        thread::spawn(move || {
            // Somebody else's child cannot be waited for, and is not ours to mind.
            let _ = waitpid(server, None);
            sender.send(server)
        });
    }
    while !left.is_empty()
        && let Ok(server) = ended.recv_timeout(PATIENCE)
    {
        left.retain(|one| *one != server);
    }
    left
}

/// Ends what a test left on purpose.
pub(crate) fn end(port: u16) {
    for server in servers(port) {
        // One that has just ended needs no signal.
        let _ = kill(server, Signal::SIGKILL);
        let _ = waitpid(server, None);
    }
}

/// The servers that this process has adopted and whose login came to `port`.
pub(crate) fn servers(port: u16) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_ours =
        |pid: &i32| is_server(*pid) && came_to(*pid, port) && parent(*pid) == Some(getpid());
    numbers.filter(is_ours).map(Pid::from_raw).collect()
}

fn is_server(pid: i32) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm"));
    name.is_ok_and(|name| name.trim_end() == "tsshd")
}

fn came_to(pid: i32, port: u16) -> bool {
    let connection = |variable: &[u8]| {
        let value = variable.strip_prefix(b"SSH_CONNECTION=")?;
        let (_, port) = std::str::from_utf8(value).ok()?.rsplit_once(' ')?;
        port.parse().ok()
    };
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).find_map(connection) == Some(port)
}

fn parent(pid: i32) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok().map(Pid::from_raw)
}
