//! A `tsshd` of its own process.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use tokio::process::{Child, Command};
use tssh_core::wire::ServerInfo;

/// A server that is told where its client logged in as sshd tells it, if it is told; and what it prints.
pub(crate) fn start(ssh_connection: Option<&str>, arguments: &[&str]) -> (Child, ServerInfo) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsshd"));
    match ssh_connection {
        Some(login) => command.env("SSH_CONNECTION", login),
        None => command.env_remove("SSH_CONNECTION"),
    };
    let mut server = command
        .arg("--detached")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let stdout = server.stdout.take().unwrap().into_owned_fd().unwrap();
    let mut line = String::new();
    BufReader::new(File::from(stdout))
        .read_line(&mut line)
        .unwrap();
    let info = ServerInfo::from_json(line.trim_matches(['\x07', '\n']).as_bytes());
    (server, info.unwrap())
}
