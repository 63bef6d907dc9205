//! Forwarded ports, over plain SSH and over UDP.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;

use nix::sys::signal::{Signal, kill};

use crate::left;
use crate::relay::Relay;
use crate::rig::{EVERY, Mode, PATIENCE, Rig, noise, pid, wait};

/// Larger than every buffer and window on the way.
const BULK: usize = 24 << 20;

#[test]
fn bytes_go_both_ways_at_once_and_each_direction_ends_by_itself() {
    let rig = Rig::start();
    for mode in EVERY {
        let echo = Far::answering(|mut socket| {
            let mut heard = Vec::new();
            socket.read_to_end(&mut heard).unwrap();
            // Only after the end of what it heard.
            socket.write_all(&heard).unwrap();
        });
        let port = free_port();
        let tssh = Running::start(&rig, mode, &["-L", &forward(port, &echo)]);
        let mut socket = connect(port);
        let sent = noise(31, BULK);
        let mut writing = socket.try_clone().unwrap();
        let up = sent.clone();
        let writer = thread::spawn(move || {
            writing.write_all(&up).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
        });
        let mut got = Vec::new();
        socket.read_to_end(&mut got).unwrap();
        writer.join().unwrap();
        assert!(got == sent, "{mode:?}: {} bytes came back", got.len());
        tssh.end();
    }
}

#[test]
fn forwards_of_the_configuration_are_made_for_each_address_and_with_no_command_at_all() {
    let rig = Rig::start();
    let (one, two) = (Far::saying(b"one"), Far::saying(b"two"));
    let (first, second) = (free_port(), free_port());
    let mut config = fs::OpenOptions::new()
        .append(true)
        .open(rig.path("ssh_config"))
        .unwrap();
    writeln!(config, " LocalForward {first} 127.0.0.1:{}", one.port).unwrap();
    writeln!(
        config,
        " LocalForward [127.0.0.1]:{second} localhost:{}",
        two.port
    )
    .unwrap();
    for mode in EVERY {
        let mut tssh = rig
            .tssh(mode, &["-N", "-o", "LogLevel=VERBOSE", "server"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(tssh.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("connected to")));
        assert_eq!(read(connect(first)), b"one", "{mode:?}");
        assert_eq!(read(connect(second)), b"two", "{mode:?}");
        kill(pid(&tssh), Signal::SIGTERM).unwrap();
        assert_eq!(wait(tssh).code(), Some(0), "{mode:?}");
    }
}

#[test]
fn a_forward_survives_an_outage_and_a_new_address_and_loses_nothing() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let download = noise(32, BULK);
    let kept = download.clone();
    let (heard, hears) = mpsc::channel();
    let far = Far::answering(move |mut socket| {
        let mut writing = socket.try_clone().unwrap();
        let down = kept.clone();
        let writer = thread::spawn(move || {
            writing.write_all(&down).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
        });
        let mut upload = Vec::new();
        socket.read_to_end(&mut upload).unwrap();
        writer.join().unwrap();
        heard.send(upload).unwrap();
    });
    let port = free_port();
    let soon = ["-o", "UdpHeartbeatTimeout=1", "-o", "UdpAliveTimeout=60"];
    let to = forward(port, &far);
    let path = relay.option();
    let arguments = [&soon[..], &["-L", &to, &path]].concat();
    let tssh = Running::start(&rig, Mode::Udp, &arguments);
    let upload = noise(33, BULK);
    let mut socket = connect(port);
    let mut writing = socket.try_clone().unwrap();
    let up = upload.clone();
    let writer = thread::spawn(move || {
        writing.write_all(&up).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = vec![0; BULK / 4];
    socket.read_exact(&mut got).unwrap();

    relay.darken();
    relay.wait_for_new_paths(2);
    // Whoever comes in the dark waits.
    let late = connect(port);
    relay.rebind();
    relay.lighten();

    socket.read_to_end(&mut got).unwrap();
    writer.join().unwrap();
    assert!(got == download, "{} bytes came down", got.len());
    let came = hears.recv_timeout(PATIENCE).unwrap();
    assert!(came == upload, "{} bytes came up", came.len());
    late.shutdown(Shutdown::Write).unwrap();
    assert!(read(late) == download);
    tssh.end();
}

#[test]
fn what_sshd_config_forbids_is_not_forwarded_over_udp_either_and_the_user_is_told() {
    let rig = Rig::start();
    let far = Far::saying(b"secret");
    let server = rig.tsshd_with("AllowTcpForwarding no\n");
    let port = free_port();
    let path = format!("--tsshd-path={}", server.display());
    let tssh = Running::start(&rig, Mode::Udp, &["-L", &forward(port, &far), &path]);
    assert_eq!(read(connect(port)), b"");
    let told = tssh.end();
    let expected = format!(
        "tssh: a connection to 127.0.0.1 port {} is not forwarded: the server refuses: \
         sshd_config on the server permits no such forward: see AllowTcpForwarding there",
        far.port
    );
    assert_eq!(told.trim_end(), expected);
}

#[test]
fn a_target_that_refuses_is_told_of_and_the_next_connection_is_tried_again() {
    let rig = Rig::start();
    for mode in EVERY {
        let closed = free_port();
        let port = free_port();
        let to = format!("{port}:127.0.0.1:{closed}");
        let tssh = Running::start(&rig, mode, &["-L", &to]);
        assert_eq!(read(connect(port)), b"", "{mode:?}");
        let far = TcpListener::bind((Ipv4Addr::LOCALHOST, closed)).unwrap();
        let answering = thread::spawn(move || far.accept().unwrap().0.write_all(b"here").unwrap());
        assert_eq!(read(connect(port)), b"here", "{mode:?}");
        answering.join().unwrap();
        let told = tssh.end();
        assert!(
            told.contains("is not forwarded") && told.contains("refused"),
            "{mode:?}: {told}"
        );
        assert_eq!(told.lines().count(), 1, "{mode:?}: {told}");
    }
}

#[test]
fn a_port_in_use_is_a_warning_unless_a_forward_must_not_fail() {
    let rig = Rig::start();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let to = format!("127.0.0.1:{port}:127.0.0.1:1");
    let sentence = format!(
        "tssh: cannot listen on 127.0.0.1:{port}: another program listens there, \
         end it or choose another port\r\n"
    );
    for mode in EVERY {
        let told = rig.run(mode, &["-L", &to, "server", "echo went on"]);
        assert_eq!(told.stderr, sentence, "{mode:?}");
        assert_eq!((told.status, told.stdout.as_str()), (Some(0), "went on\n"));

        let must = [
            "-o",
            "ExitOnForwardFailure=yes",
            "-L",
            &to,
            "server",
            "echo went on",
        ];
        let told = rig.run(mode, &must);
        assert_eq!(told.stderr, sentence, "{mode:?}");
        assert_eq!((told.status, told.stdout.as_str()), (Some(255), ""));

        let cleared = [
            "-o",
            "ClearAllForwardings=yes",
            "-L",
            &to,
            "server",
            "echo went on",
        ];
        let told = rig.run(mode, &cleared);
        assert_eq!(
            (told.stderr.as_str(), told.stdout.as_str()),
            ("", "went on\n")
        );
    }
}

#[test]
fn a_command_that_has_ended_leaves_the_connection_to_who_still_uses_the_port() {
    let rig = Rig::start();
    for mode in EVERY {
        let echo = Far::answering(|mut socket| {
            std::io::copy(&mut socket.try_clone().unwrap(), &mut socket).unwrap();
        });
        let port = free_port();
        let verbose = ["-o", "LogLevel=VERBOSE", "-L", &forward(port, &echo)];
        let mut tssh = Running::start(&rig, mode, &verbose);
        let mut socket = connect(port);
        say_and_hear(&mut socket, b"before");

        drop(tssh.child.stdin.take());
        let mut lines = BufReader::new(tssh.child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("waiting for forwarded")));
        say_and_hear(&mut socket, b"after");

        drop(socket);
        assert_eq!(wait(tssh.child).code(), Some(0), "{mode:?}");
    }
}

#[test]
fn a_server_that_is_gone_ends_the_wait_for_who_still_uses_the_port() {
    let rig = Rig::start();
    let far = Far::answering(|mut socket| {
        std::io::copy(&mut socket.try_clone().unwrap(), &mut socket).unwrap();
    });
    let port = free_port();
    let soon = ["-o", "UdpHeartbeatTimeout=1", "-o", "UdpReconnectTimeout=1"];
    let verbose = ["-o", "LogLevel=VERBOSE", "-L", &forward(port, &far)];
    let mut tssh = Running::start(&rig, Mode::Udp, &[&soon[..], &verbose].concat());
    let mut socket = connect(port);
    say_and_hear(&mut socket, b"before");
    drop(tssh.child.stdin.take());
    let mut lines = BufReader::new(tssh.child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("waiting for forwarded")));

    for server in left::servers(rig.sshd.port()) {
        kill(server, Signal::SIGKILL).unwrap();
    }

    assert_eq!(wait(tssh.child).code(), Some(255));
    assert!(lines.any(|line| line.unwrap().contains("nothing listens there any more")));
}

/// A web server that refuses an upload answers, and leaves the rest of it unread.
#[test]
fn what_a_server_said_before_it_broke_off_arrives() {
    let rig = Rig::start();
    let answer = noise(3, 20_000);
    for mode in EVERY {
        let said = answer.clone();
        let far = Far::answering(move |mut socket| {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            socket.write_all(&said).unwrap();
            // Closing with bytes unread breaks a connection off.
            assert_eq!(socket.peek(&mut byte).unwrap(), 1);
        });
        let port = free_port();
        let tssh = Running::start(&rig, mode, &["-L", &forward(port, &far)]);
        let mut socket = connect(port);
        socket.write_all(b"12").unwrap();
        let mut heard = Vec::new();
        socket.read_to_end(&mut heard).unwrap();
        assert!(heard == answer, "{mode:?}: {} bytes came", heard.len());
        drop(socket);
        tssh.end();
    }
}

/// A `tssh` whose command says `ready` and waits for the end of its input.
pub(crate) struct Running {
    child: Child,
    /// Kept open: what the command still says must not break it.
    _stdout: BufReader<std::process::ChildStdout>,
}

impl Running {
    pub(crate) fn start(rig: &Rig, mode: Mode, arguments: &[&str]) -> Self {
        let command = "echo ready; cat";
        let mut child = rig
            .tssh(mode, &[arguments, &["server", command]].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self {
            child,
            _stdout: stdout,
        }
    }

    /// Ends the session, and returns what the user was told.
    pub(crate) fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let mut told = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut told).unwrap();
        assert_eq!(wait(self.child).code(), Some(0), "{told}");
        told
    }
}

/// What a forward leads to.
pub(crate) struct Far {
    port: u16,
}

impl Far {
    pub(crate) fn answering(answer: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for socket in listener.incoming() {
                answer(socket.unwrap());
            }
        });
        Self { port }
    }

    fn saying(words: &'static [u8]) -> Self {
        Self::answering(|mut socket| socket.write_all(words).unwrap())
    }
}

pub(crate) fn forward(port: u16, far: &Far) -> String {
    format!("{port}:127.0.0.1:{}", far.port)
}

pub(crate) fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn read(mut socket: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    bytes
}

pub(crate) fn say_and_hear(socket: &mut TcpStream, words: &[u8]) {
    socket.write_all(words).unwrap();
    let mut heard = vec![0; words.len()];
    socket.read_exact(&mut heard).unwrap();
    assert_eq!(heard, words);
}

/// A port that nobody has a moment ago; the system gives the next one to ask another.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
