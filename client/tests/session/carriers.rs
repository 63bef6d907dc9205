//! What carries a session: UDP, TCP where UDP is blocked, and the pipes of a `ProxyCommand`.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::Ordering;

use nix::unistd::Pid;

use crate::relay::Relay;
use crate::rig::{Mode, Rig, Told, collect, pid, success, wait};
use crate::sshd::user;

#[test]
fn where_udp_is_silent_from_the_start_tcp_carries_the_session() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let connections = relay.open_tcp();
    relay.darken();
    let told = rig.run(
        Mode::Udp,
        &[&relay.option(), "server", "echo over TCP; exit 7"],
    );
    assert_eq!(
        (told.status, &told.stdout[..]),
        (Some(7), "over TCP\n"),
        "{}",
        told.stderr
    );
    assert!(connections.load(Ordering::SeqCst) > 0);
}

#[test]
fn when_udp_is_blocked_in_mid_session_tcp_takes_over_and_udp_takes_back() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let connections = relay.open_tcp();
    let mut session = Session::start(&rig, Mode::Udp, &relay);
    session.echo(b"over UDP\n");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    relay.darken();
    session.echo(b"over TCP\n");
    assert!(connections.load(Ordering::SeqCst) > 0);
    relay.lighten();
    // UDP is looked for without a reason.
    relay.wait_for_traffic(4);
    session.echo(b"and back\n");
    assert_eq!(session.end(), "");
}

#[test]
fn where_only_small_packets_pass_by_udp_tcp_carries_the_session() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let connections = relay.open_tcp();
    relay.narrow();
    let line = "head -c 300000 /dev/zero; exit 7";
    let told = rig.run(Mode::Udp, &[&relay.option(), "server", line]);
    assert_eq!(
        (told.status, told.stdout.len(), &told.stderr[..]),
        (Some(7), 300_000, "")
    );
    assert!(connections.load(Ordering::SeqCst) > 0);
}

#[test]
fn a_session_that_comes_to_a_network_where_only_small_packets_pass_by_udp_goes_on_by_tcp() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let connections = relay.open_tcp();
    let mut session = Session::start(&rig, Mode::Udp, &relay);
    session.echo(b"over UDP\n");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    relay.narrow();
    relay.rebind();
    session.echo(b"small\n");
    session.echo(&[b'.'; 500_000]);
    assert!(connections.load(Ordering::SeqCst) > 0);
    assert_eq!(session.end(), "");
}

#[test]
fn what_is_under_way_when_udp_stops_taking_large_packets_comes_by_tcp() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let connections = relay.open_tcp();
    let mut session = Session::start(&rig, Mode::Udp, &relay);
    session.echo(b"over UDP\n");
    relay.narrow();
    session.echo(b"small\n");
    session.echo(&[b'.'; 500_000]);
    assert!(connections.load(Ordering::SeqCst) > 0);
    assert_eq!(session.end(), "");
}

/// Heartbeats pass all the while, and nothing was sent by UDP that was larger.
#[test]
fn a_large_answer_to_a_key_comes_by_tcp_where_udp_takes_no_large_packets_any_more() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let connections = relay.open_tcp();
    let line =
        "read x; echo over UDP; read x; echo small; read x; head -c 20000 /dev/zero; exec cat";
    let mut session = Session::run(&rig, Mode::Udp, &[&relay.option()], line);
    session.ask("over UDP\n".len());
    relay.narrow();
    session.ask("small\n".len());
    assert_eq!(session.ask(20_000), [0; 20_000]);
    assert!(connections.load(Ordering::SeqCst) > 0);
    session.echo(b"still there\n");
    assert_eq!(session.end(), "");
}

#[test]
fn a_tcp_connection_that_stands_still_is_left_for_one_that_works() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let connections = relay.open_tcp();
    relay.darken();
    let mut session = Session::start(&rig, Mode::Tcp, &relay);
    session.echo(b"first\n");
    for _ in 0..3 {
        let before = connections.load(Ordering::SeqCst);
        relay.stall_tcp();
        session.echo(b"over another connection\n");
        assert!(connections.load(Ordering::SeqCst) > before);
    }
    assert_eq!(session.end(), "");
}

/// A command that says again what it is told, at least in the end.
pub(crate) struct Session {
    child: Child,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
}

impl Session {
    fn start(rig: &Rig, mode: Mode, relay: &Relay) -> Self {
        Self::start_with(rig, mode, &[&relay.option()])
    }

    pub(crate) fn start_with(rig: &Rig, mode: Mode, options: &[&str]) -> Self {
        Self::run(rig, mode, options, "cat")
    }

    fn run(rig: &Rig, mode: Mode, options: &[&str], line: &str) -> Self {
        let mut child = rig
            .tssh(mode, &[options, &["server", line]].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdin: child.stdin.take().unwrap(),
            stdout: child.stdout.take().unwrap(),
            child,
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        pid(&self.child)
    }

    pub(crate) fn echo(&mut self, word: &[u8]) {
        self.stdin.write_all(word).unwrap();
        assert_eq!(self.read(word.len()), word);
    }

    /// Says a line, and returns so much of what is said to it.
    fn ask(&mut self, len: usize) -> Vec<u8> {
        self.stdin.write_all(b"\n").unwrap();
        self.read(len)
    }

    fn read(&mut self, len: usize) -> Vec<u8> {
        let mut heard = vec![0; len];
        self.stdout.read_exact(&mut heard).unwrap();
        heard
    }

    /// Ends it with success, and returns what it complained of.
    pub(crate) fn end(mut self) -> String {
        drop(self.stdin);
        let stderr = collect(self.child.stderr.take().unwrap());
        assert_eq!(wait(self.child).code(), Some(0));
        String::from_utf8(stderr.recv().unwrap()).unwrap()
    }
}

#[test]
fn a_proxy_command_carries_login_and_session() {
    let rig = Rig::start();
    let direct = through_ssh(&rig, "%h:%p");
    carries(&rig, &[&format!("-oProxyCommand={direct}")]);
}

#[test]
fn a_proxy_command_carries_login_and_session_to_a_name_that_only_it_knows() {
    let rig = Rig::start();
    let proxy = through_ssh(&rig, "127.0.0.1:%p");
    let options = [
        &format!("-oProxyCommand={proxy}")[..],
        "-oHostName=nowhere.invalid",
        "-oHostKeyAlias=127.0.0.1",
        "-oStrictHostKeyChecking=no",
    ];
    carries(&rig, &options);
}

fn carries(rig: &Rig, options: &[&str]) {
    for mode in [Mode::Tcp, Mode::Udp] {
        let command = ["server", "echo in; echo err >&2; exit 3"];
        let told = rig.run(mode, &[options, &command].concat());
        let found = (told.status, &told.stdout[..]);
        assert_eq!(found, (Some(3), "in\n"), "{mode:?}: {}", told.stderr);
        assert!(told.stderr.contains("err\n"), "{}", told.stderr);
    }
}

#[test]
fn a_proxy_command_that_leads_to_one_port_alone_is_refused_with_udp_proxy_mode_tcp() {
    let rig = Rig::start();
    let target = format!("127.0.0.1:{}", rig.sshd.port());
    let proxy = format!("ProxyCommand={}", through_ssh(&rig, &target));
    let told = rig.run(Mode::Tcp, &["-o", &proxy, "server", "true"]);
    let said = "tssh: UdpProxyMode TCP goes through the ProxyCommand, which does not say to which port: \
                write %p in it, which stands for the port of tsshd then\r\n";
    assert_eq!(told, failure(said));
    assert_eq!(
        rig.run(Mode::Udp, &["-o", &proxy, "server", "echo UDP"]),
        success("UDP\n")
    );
}

#[test]
fn a_proxy_command_that_prints_a_banner_is_named_as_the_cause() {
    let rig = Rig::start();
    let script = rig.script(
        "proxy",
        &format!(
            "test $1 = {} && exec {}\necho 'complaint' >&2\necho 'Welcome to the gate'\ncat >/dev/null",
            rig.sshd.port(),
            through_ssh(&rig, "127.0.0.1:$1"),
        ),
    );
    let proxy = format!("ProxyCommand={} %p", script.display());
    let told = rig.run(
        Mode::Tcp,
        &["-o", &proxy, "-o", "ConnectTimeout=2", "server", "true"],
    );
    assert_eq!(told.status, Some(255));
    let said =
        "the ProxyCommand prints `Welcome to the gate` where only what the server sends is wanted";
    assert!(told.stderr.contains(said), "{}", told.stderr);
    assert!(
        told.stderr.contains("ProxyCommand: complaint"),
        "{}",
        told.stderr
    );
    assert!(told.stderr.contains("no answer from"), "{}", told.stderr);
}

/// A command that connects to `target` through the rig's sshd.
pub(crate) fn through_ssh(rig: &Rig, target: &str) -> String {
    format!(
        "ssh -F none -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} -p {} -l {} -W {target} 127.0.0.1",
        rig.path("id").display(),
        rig.path("known_hosts").display(),
        rig.sshd.port(),
        user(),
    )
}

fn failure(stderr: &str) -> Told {
    Told {
        status: Some(255),
        stdout: String::new(),
        stderr: stderr.to_owned(),
    }
}
