//! Sessions through a network that goes away and comes back.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::left;
use crate::relay::Relay;
use crate::rig::{Mode, Rig, collect, noise, wait};

/// So much that it does not fit into the buffers on the way: an outage finds most of it unsent.
const BULK: usize = 24 << 20;

/// An outage is noticed within a second, and a server that nobody comes back to ends.
const SOON: [&str; 6] = [
    "-o",
    "UdpHeartbeatTimeout=1",
    "-o",
    "UdpReconnectTimeout=2",
    "-o",
    "UdpAliveTimeout=60",
];

/// What a script's user is told, on standard error.
const TOLD: [&str; 2] = [
    "tssh: the connection is lost; trying to reconnect",
    "tssh: the connection is back",
];

macro_rules! over_each_transport {
    ($($test:ident,)*) => {
        mod over_quic {
            use crate::rig::Mode;

            $(
                #[test]
                fn $test() {
                    super::$test(Mode::Udp);
                }
            )*
        }

        mod over_kcp {
            use crate::rig::Mode;

            $(
                #[test]
                fn $test() {
                    super::$test(Mode::Kcp);
                }
            )*
        }
    };
}

over_each_transport! {
    an_upload_survives_an_outage_and_a_new_address,
    a_download_survives_an_outage_and_a_new_address,
    an_idle_session_keeps_its_path,
    packets_out_of_order_change_nothing,
    a_command_that_ends_during_an_outage_is_reported_after_it,
}

fn an_upload_survives_an_outage_and_a_new_address(mode: Mode) {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let sent = noise(11, BULK);
    let copy = rig.path("copy");
    let mut child = start(mode, &rig, &relay, &format!("cat > '{}'", copy.display()));
    let mut stdin = child.stdin.take().unwrap();
    let (first, second) = sent.split_at(BULK / 2);
    stdin.write_all(first).unwrap();
    relay.darken();
    let second = second.to_vec();
    let writing = thread::spawn(move || stdin.write_all(&second));

    relay.wait_for_new_paths(2);
    relay.rebind();
    relay.lighten();
    relay.wait_for_traffic(200);
    relay.rebind();

    writing.join().unwrap().unwrap();
    let stderr = collect(child.stderr.take().unwrap());
    assert_eq!(wait(child).code(), Some(0));
    assert!(fs::read(&copy).unwrap() == sent, "the copy differs");
    let told = String::from_utf8(stderr.recv().unwrap()).unwrap();
    // Nothing is said of an outage that was over before anybody had to know.
    let lines: Vec<_> = told.lines().collect();
    assert!(lines.is_empty() || lines == TOLD, "{told}");
}

fn a_download_survives_an_outage_and_a_new_address(mode: Mode) {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let kept = noise(12, BULK);
    fs::write(rig.path("kept"), &kept).unwrap();
    let mut child = start(
        mode,
        &rig,
        &relay,
        &format!("cat '{}'", rig.path("kept").display()),
    );
    let mut stdout = child.stdout.take().unwrap();
    let mut got = vec![0; BULK / 2];
    stdout.read_exact(&mut got).unwrap();
    relay.darken();

    relay.wait_for_new_paths(2);
    relay.rebind();
    relay.lighten();
    let rest = collect(stdout);
    relay.wait_for_traffic(200);
    relay.rebind();

    assert_eq!(wait(child).code(), Some(0));
    got.extend(rest.recv().unwrap());
    assert!(got == kept, "{} bytes came", got.len());
}

fn an_idle_session_keeps_its_path(mode: Mode) {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let path = relay.option();
    let mut child = rig
        .tssh(mode, &[&path, "server", "echo ready; cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut ready)
        .unwrap();
    // Several heartbeats.
    relay.wait_for_traffic(30);
    assert_eq!(relay.paths(), 1);
    drop(child.stdin.take());
    assert_eq!(wait(child).code(), Some(0));
}

fn packets_out_of_order_change_nothing(mode: Mode) {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    relay.reorder();
    let sent = noise(13, BULK / 4);
    let mut child = start(mode, &rig, &relay, "cat");
    let mut stdin = child.stdin.take().unwrap();
    let echo = collect(child.stdout.take().unwrap());
    stdin.write_all(&sent).unwrap();
    drop(stdin);
    assert_eq!(wait(child).code(), Some(0));
    assert!(echo.recv().unwrap() == sent, "the echo differs");
}

fn a_command_that_ends_during_an_outage_is_reported_after_it(mode: Mode) {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let gate = rig.path("gate");
    let ended = rig.path("ended");
    let command = format!(
        "mkfifo '{gate}'; echo ready; cat '{gate}'; echo last words; echo over > '{ended}'; exit 9",
        gate = gate.display(),
        ended = ended.display()
    );
    let mut child = start(mode, &rig, &relay, &command);
    let mut stdout = child.stdout.take().unwrap();
    let mut ready = [0; 6];
    stdout.read_exact(&mut ready).unwrap();
    relay.darken();
    // Opening a pipe to write waits for its reader.
    drop(fs::OpenOptions::new().write(true).open(&gate).unwrap());
    relay.wait_for_new_paths(1);
    assert_eq!(fs::read_to_string(&ended).unwrap(), "over\n");
    relay.lighten();

    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(
        (wait(child).code(), rest.as_str()),
        (Some(9), "last words\n")
    );
}

#[test]
fn a_script_whose_server_was_killed_is_not_kept_waiting() {
    let rig = Rig::start();
    let soon = ["-o", "UdpHeartbeatTimeout=1", "-o", "UdpReconnectTimeout=1"];
    let command = "echo $PPID; exec cat > /dev/null";
    let mut child = rig
        .tssh(Mode::Udp, &[&soon[..], &["server", command]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _stdin = child.stdin.take();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let server = Pid::from_raw(line.trim().parse().unwrap());
    kill(server, Signal::SIGKILL).unwrap();
    let stderr = collect(child.stderr.take().unwrap());
    assert_eq!(wait(child).code(), Some(255));
    let told = String::from_utf8(stderr.recv().unwrap()).unwrap();
    let gone = "tssh: the server went away: nothing listens there any more, so tsshd was ended or \
                the machine restarted";
    assert_eq!(told.lines().collect::<Vec<_>>(), [gone]);
}

#[test]
fn a_connection_without_a_session_ends_with_its_server() {
    let rig = Rig::start();
    let soon = ["-o", "UdpHeartbeatTimeout=1", "-o", "UdpReconnectTimeout=1"];
    let mut child = rig
        .tssh(Mode::Udp, &[&soon[..], &["-v", "-N", "server"]].concat())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().contains("connected to")));
    for server in left::servers(rig.sshd.port()) {
        kill(server, Signal::SIGKILL).unwrap();
    }
    assert_eq!(wait(child).code(), Some(255));
    assert!(told.any(|line| line.unwrap().contains("nothing listens there any more")));
}

fn start(mode: Mode, rig: &Rig, relay: &Relay, command: &str) -> Child {
    let path = relay.option();
    let arguments = [&SOON[..], &[&path, "server", command]].concat();
    rig.tssh(mode, &arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
