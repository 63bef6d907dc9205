//! The program itself: its line, its exit codes, and that it leaves the login.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test owns the clock, and fails where it stands"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tssh_core::wire::ServerInfo;

#[test]
fn it_prints_bel_and_one_line_of_server_info_and_leaves_the_login() {
    let output = tsshd(&["--connect-timeout", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    let info = server_info(&output.stdout);
    assert_eq!(
        (info.mode.as_str(), info.mtu, info.protocol),
        ("QUIC", 0, 1)
    );
    assert!((61_001..=61_999).contains(&info.port), "{}", info.port);
    assert_ne!(info.client_id, 0);
    assert_ne!(info.server_id, 0);
    assert!(info.proxy_key().is_ok() && info.server_cert().is_ok() && info.client_key().is_ok());
}

#[test]
fn the_size_of_packets_is_told_when_it_was_asked_for_and_not_otherwise() {
    for (asked, told) in [(&[][..], None), (&["--mtu", "1400"], Some(1400))] {
        let output = tsshd(&[&["--connect-timeout", "1"], asked].concat()).output();
        let line = String::from_utf8(output.unwrap().stdout).unwrap();
        let named = line.contains("\"MTU\"");
        assert_eq!(named, told.is_some(), "{asked:?}");
        let info = server_info(line.as_bytes());
        assert_eq!(info.mtu, told.unwrap_or_default());
    }
}

#[test]
fn every_login_gets_keys_of_its_own() {
    let [one, other] =
        [0, 1].map(|_| server_info(&tsshd(&["--connect-timeout", "1"]).output().unwrap().stdout));
    assert!(one.proxy_key != other.proxy_key);
    assert!(one.client_key != other.client_key);
    assert_ne!(one.client_id, other.client_id);
    assert_ne!(one.server_id, other.server_id);
}

#[test]
fn without_a_client_the_server_ends_with_94() {
    let started = Instant::now();
    let output = tsshd(&["--detached", "--connect-timeout", "1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(94));
    assert!(started.elapsed() >= Duration::from_secs(1));
    server_info(&output.stdout);
}

#[test]
fn a_signal_before_a_client_came_ends_it_with_96() {
    let mut child = tsshd(&["--detached"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(96));
}

#[test]
fn a_server_that_cannot_start_ends_with_93() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let output = tsshd(&["--detached", "--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(93));
    assert!(text(&output.stdout).starts_with("tsshd cannot start: "));
}

#[test]
fn a_server_that_cannot_detach_says_why_and_ends_with_91() {
    // Enough descriptors to load the program, and none for the pipe to the one in the background.
    let line = "exec 3<&- 4<&-; ulimit -n 5; exec \"$0\"";
    let output = Command::new("sh")
        .args(["-c", line, env!("CARGO_BIN_EXE_tsshd")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(output.status.code(), Some(91), "{}", text(&said));
    assert!(text(&said).starts_with("tsshd could not start itself again in the background: "));
}

#[test]
fn a_server_whose_line_nobody_reads_ends_with_92() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = tsshd(&["--detached"]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(92));
}

#[test]
fn the_login_is_left_even_while_the_server_waits() {
    let mut login = tsshd(&["--connect-timeout", "3"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let mut stdout = Vec::new();
    login
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut stdout)
        .unwrap();
    login
        .stderr
        .take()
        .unwrap()
        .read_to_end(&mut Vec::new())
        .unwrap();
    assert!(login.wait().unwrap().success());
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "the server held the login open"
    );
    server_info(&stdout);
}

#[test]
fn a_port_that_is_named_is_taken_and_one_that_is_taken_is_named_as_the_reason() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let output = tsshd(&["--port", &port.to_string()]).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "the parent has nothing to complain of"
    );
    let said = text(&output.stdout);
    assert!(
        said.starts_with(&format!(
            "tsshd cannot start: no UDP port of {port} can be listened on: free one, or name others with --port"
        )),
        "{said}"
    );
    drop(socket);
    let output = tsshd(&["--connect-timeout", "1", "--port", &port.to_string()])
        .output()
        .unwrap();
    assert_eq!(server_info(&output.stdout).port, port);
}

#[test]
fn options_that_make_no_sense_are_explained_where_the_client_looks() {
    for (args, reason) in [
        (
            &["--port", "8010-8000"][..],
            "port range is upside down: 8010 is above 8000",
        ),
        (
            &["--port", "ssh"],
            "\"ssh\" is not a port number (1 to 65535)",
        ),
        (&["--mtu", "100"], "100 is not in 1200..=9000"),
        (
            &["--no-such-option"],
            "unexpected argument '--no-such-option' found",
        ),
        (&["--attachable"], "this tsshd does not know how to attach"),
    ] {
        let output = tsshd(args).output().unwrap();
        assert_eq!(output.status.code(), Some(97), "{args:?}");
        let said = text(&output.stdout);
        assert!(said.contains(reason), "{args:?}: {said}");
    }
}

#[test]
fn version_and_help_are_no_errors() {
    for args in [["-v"], ["-V"], ["--version"], ["--help"]] {
        let output = tsshd(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(text(&output.stdout).contains("tsshd"), "{args:?}");
    }
}

/// The program, as a login on the loopback address starts it.
fn tsshd(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsshd"));
    command
        .args(args)
        .env("SSH_CONNECTION", "127.0.0.1 40000 127.0.0.1 22")
        .stdin(Stdio::null());
    command
}

fn server_info(stdout: &[u8]) -> ServerInfo {
    let line = stdout
        .strip_prefix(b"\x07")
        .unwrap_or_else(|| panic!("no BEL: {}", text(stdout)));
    let line = line.strip_suffix(b"\n").unwrap();
    assert!(!line.contains(&b'\n'));
    ServerInfo::from_json(line).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
