//! One measurement each.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::relay::Relay;
use crate::rig::{Mode, Rig, collect, wait};

/// Which way bulk goes.
#[derive(Clone, Copy)]
pub(crate) enum Bulk {
    Down,
    Up,
}

/// How fast it went, and for what.
pub(crate) struct Rate {
    /// In megabytes (10^6 bytes) a second.
    pub(crate) rate: f64,
    /// Processor seconds of client and server.
    client: f64,
    server: f64,
    gigabytes: f64,
}

impl Rate {
    pub(crate) fn processor(&self) -> String {
        format!(
            "{:.2}+{:.2}",
            self.client / self.gigabytes,
            self.server / self.gigabytes
        )
    }
}

/// Moves `data` through a session. The command tells at its end what its server has used.
pub(crate) fn bulk(mut client: Command, way: Bulk, data: &Path, length: usize) -> Rate {
    let (stdin, stdout, command) = match way {
        Bulk::Up => (
            File::open(data).unwrap().into(),
            Stdio::null(),
            "cat > /dev/null".to_owned(),
        ),
        Bulk::Down => (
            Stdio::null(),
            Stdio::null(),
            format!("cat '{}'", data.display()),
        ),
    };
    let used = used_by_children();
    let started = Instant::now();
    let mut child = client
        .arg(format!("{command}; cat /proc/$PPID/stat >&2"))
        .stdin(stdin)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stat = collect(child.stderr.take().unwrap());
    let status = wait(child);
    let took = started.elapsed().as_secs_f64();
    let stat = String::from_utf8(stat.recv().unwrap()).unwrap();
    assert!(status.success(), "{stat}");
    Rate {
        rate: length as f64 / took / 1e6,
        client: used_by_children() - used,
        server: used_by_server(&stat),
        gigabytes: length as f64 / 1e9,
    }
}

/// Seconds from the start of the client to the first byte of the command, the median of nine.
pub(crate) fn first_byte(client: impl Fn() -> Command) -> f64 {
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let started = Instant::now();
            let mut child = client()
                .arg("printf x")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
            let took = started.elapsed().as_secs_f64();
            wait(child);
            took
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Seconds from a key to its echo: the median and the 99th percentile.
pub(crate) fn echo(mut client: Command) -> (f64, f64) {
    let mut child = client
        .arg("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut times: Vec<f64> = (0..500)
        .map(|_| {
            let started = Instant::now();
            stdin.write_all(b"k").unwrap();
            stdout.read_exact(&mut [0]).unwrap();
            started.elapsed().as_secs_f64()
        })
        // The first ones meet the login's last packets.
        .skip(20)
        .collect();
    drop(stdin);
    wait(child);
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// Seconds from the return of the network to the echo of a key typed at that moment.
pub(crate) fn resume(rig: &Rig) -> f64 {
    let relay = Relay::start(rig);
    let mut child = rig
        .tssh(
            Mode::Udp,
            &[
                &relay.option(),
                "-o",
                "UdpHeartbeatTimeout=1",
                "server",
                "cat",
            ],
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    stdin.write_all(b"k").unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    relay.darken();
    relay.wait_for_new_paths(2);
    relay.rebind();
    relay.lighten();
    let started = Instant::now();
    stdin.write_all(b"k").unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    let took = started.elapsed().as_secs_f64();
    drop(stdin);
    wait(child);
    took
}

fn used_by_children() -> f64 {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    (used.user_time().num_microseconds() + used.system_time().num_microseconds()) as f64 / 1e6
}

/// From a line of `/proc/PID/stat` (proc(5)): `utime` and `stime`, fields 14 and 15.
fn used_by_server(stat: &str) -> f64 {
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS
}

/// `sysconf(_SC_CLK_TCK)`, which Linux has kept at this for every program.
const TICKS: f64 = 100.0;
