//! The process of a `ProxyCommand` that carries a session, and ends in the middle of it.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode as FileMode;
use nix::unistd::{Pid, mkfifo};

use crate::carriers::{Session, through_ssh};
use crate::rig::{Mode, PATIENCE, Rig, noise};

#[test]
fn a_process_that_is_killed_is_started_again_and_nothing_is_lost() {
    let rig = Rig::start();
    let proxy = Proxy::new(&rig);
    let mut session = Session::start_with(&rig, Mode::Tcp, &[&proxy.option()]);
    session.echo(b"before\n");
    for _ in 0..3 {
        kill(proxy.next().0, Signal::SIGKILL).unwrap();
        session.echo(b"after\n");
    }

    let sent = noise(51, BULK);
    let bulk = sent.clone();
    let mut stdin = File::from(session.stdin.as_fd().try_clone_to_owned().unwrap());
    let writer = thread::spawn(move || stdin.write_all(&bulk).unwrap());
    let mut came = vec![0; BULK];
    let (first, rest) = came.split_at_mut(BULK / 4);
    session.stdout.read_exact(first).unwrap();
    kill(proxy.next().0, Signal::SIGKILL).unwrap();
    session.stdout.read_exact(rest).unwrap();
    writer.join().unwrap();
    assert!(came == sent, "the echo differs");
    // The one that serves now.
    proxy.next();
    let told = session.end();
    let complaint = "ProxyCommand: what is to be read";
    assert_eq!(told.matches(complaint).count(), 5, "{told}");
}

#[test]
fn one_that_ends_at_once_is_started_ever_more_rarely_until_it_works() {
    let rig = Rig::start();
    let proxy = Proxy::new(&rig);
    let options = [&proxy.option()[..], "-oUdpHeartbeatTimeout=1"];
    let mut session = Session::start_with(&rig, Mode::Tcp, &options);
    session.echo(b"before\n");
    let (first, _) = proxy.next();
    File::create(&proxy.broken).unwrap();
    kill(first, Signal::SIGKILL).unwrap();
    let mut before = Instant::now();
    // 250 ms, and twice as long after each; anew while the transport still has something to say.
    let paused = (0..MOST_STARTS).find(|_| {
        let (_, started) = proxy.next();
        let pause = started - std::mem::replace(&mut before, started);
        pause >= Duration::from_millis(1900)
    });
    assert!(paused.is_some(), "{MOST_STARTS} starts without a pause");
    fs::remove_file(&proxy.broken).unwrap();
    session.echo(b"after\n");
    session.end();
}

#[test]
fn one_that_is_started_again_and_prints_a_banner_then_is_named_and_the_next_one_serves() {
    let rig = Rig::start();
    let proxy = Proxy::new(&rig);
    let mut session = Session::start_with(&rig, Mode::Tcp, &[&proxy.option()]);
    session.echo(b"before\n");
    let (first, _) = proxy.next();
    fs::write(&proxy.broken, "Welcome back\n").unwrap();
    kill(first, Signal::SIGKILL).unwrap();
    proxy.next();
    proxy.next();
    fs::remove_file(&proxy.broken).unwrap();
    session.echo(b"after\n");
    let told = session.end();
    assert!(
        told.contains("the ProxyCommand prints `Welcome back` where only"),
        "{told}"
    );
}

/// A `ProxyCommand` that tells when it is started for the session, and as which process.
struct Proxy {
    script: PathBuf,
    /// While this exists it says what stands there, and ends.
    broken: PathBuf,
    starts: mpsc::Receiver<(Pid, Instant)>,
}

impl Proxy {
    fn new(rig: &Rig) -> Self {
        let (told, broken) = (rig.path("started"), rig.path("broken"));
        mkfifo(&told, FileMode::S_IRUSR | FileMode::S_IWUSR).unwrap();
        let script = rig.script(
            "proxy",
            &format!(
                "test $1 = {} || {{ echo $$ > '{}'; echo 'what is to be read' >&2; \
                 test ! -e '{broken}' || exec cat '{broken}'; }}\nexec {}",
                rig.sshd.port(),
                told.display(),
                through_ssh(rig, "127.0.0.1:$1"),
                broken = broken.display(),
            ),
        );
        // Open for both, so that it has no end while nobody writes.
        let fifo = OpenOptions::new().read(true).write(true).open(&told);
        let lines = BufReader::new(fifo.unwrap()).lines();
        let (sender, starts) = mpsc::channel();
        thread::spawn(move || tell(lines, &sender));
        Self {
            script,
            broken,
            starts,
        }
    }

    fn option(&self) -> String {
        format!("-oProxyCommand={} %p", self.script.display())
    }

    /// The next process that was started, and when.
    fn next(&self) -> (Pid, Instant) {
        let started = self.starts.recv_timeout(PATIENCE);
        started.expect("it is not started")
    }
}

fn tell(lines: Lines<BufReader<File>>, starts: &mpsc::Sender<(Pid, Instant)>) {
    for line in lines {
        let pid = Pid::from_raw(line.unwrap().trim().parse().unwrap());
        if starts.send((pid, Instant::now())).is_err() {
            return;
        }
    }
}

/// More than the buffers on the way hold.
const BULK: usize = 8 << 20;

/// Before they are as rare as wanted: a loop without pauses makes as many in a quarter of a second.
const MOST_STARTS: usize = 20;
