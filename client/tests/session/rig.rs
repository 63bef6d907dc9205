//! Both programs, a private sshd, and a configuration that joins them.

use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::left;
use crate::sshd::{Setup, Sshd, user};

/// Far beyond what any step takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// What carries the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Kcp,
    Plain,
    /// QUIC by UDP, with TCP beside it.
    Udp,
    /// TCP alone.
    Tcp,
}

/// For tests of what must be the same, whatever carries the session.
pub(crate) const EVERY: [Mode; 4] = [Mode::Plain, Mode::Udp, Mode::Tcp, Mode::Kcp];

/// A host to log in to, called `server`. No `tsshd` is left on it in the end.
pub(crate) struct Rig {
    pub(crate) sshd: Sshd,
    servers_stay: Cell<bool>,
}

/// What a program did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Rig {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// With more lines for sshd's configuration.
    pub(crate) fn start_with(sshd_config: &str) -> Self {
        left::adopt();
        let sshd = Sshd::start_with(Setup {
            config: sshd_config,
            ..Setup::default()
        });
        let _known_hosts = sshd.options();
        let at = |name: &str| sshd.path(name).display().to_string();
        let config = format!(
            "Host server\n HostName 127.0.0.1\n Port {}\n User {}\n IdentityFile {}\n \
             IdentitiesOnly yes\n IdentityAgent none\n UserKnownHostsFile {}\n \
             GlobalKnownHostsFile /dev/null\n TsshdPath {}\n",
            sshd.port(),
            user(),
            at("id"),
            at("known_hosts"),
            tsshd().display(),
        );
        fs::write(sshd.path("ssh_config"), config).unwrap();
        let servers_stay = Cell::new(false);
        Self { sshd, servers_stay }
    }

    /// Nobody will say goodbye to the servers, so nobody waits for their end.
    pub(crate) fn servers_stay(&self) {
        self.servers_stay.set(true);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sshd.path(name)
    }

    /// An executable shell script in the rig's folder.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// A `tsshd` that finds these lines in sshd_config.
    pub(crate) fn tsshd_with(&self, sshd_config: &str) -> PathBuf {
        let config = self.path("config/tsshd");
        fs::create_dir_all(&config).unwrap();
        fs::write(config.join("sshd_config"), sshd_config).unwrap();
        let text = format!(
            "XDG_CONFIG_HOME='{}' exec '{}' \"$@\"",
            self.path("config").display(),
            tsshd().display()
        );
        self.script("tsshd-strict", &text)
    }

    /// The arguments of `tssh` up to its own options.
    pub(crate) fn arguments(&self, mode: Mode) -> Vec<String> {
        let config = self.path("ssh_config").display().to_string();
        let mut arguments = vec!["-F".to_owned(), config];
        match mode {
            Mode::Kcp => arguments.push("--kcp".to_owned()),
            Mode::Plain => {}
            Mode::Tcp | Mode::Udp => arguments.push("--udp".to_owned()),
        }
        if mode == Mode::Tcp {
            arguments.push("-oUdpProxyMode=TCP".to_owned());
        }
        arguments
    }

    pub(crate) fn tssh(&self, mode: Mode, arguments: &[&str]) -> Command {
        let mut command = Command::new(TSSH);
        command
            .args(self.arguments(mode))
            .args(arguments)
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("SSH_ASKPASS")
            .env_remove("DISPLAY");
        command
    }

    /// Runs `tssh` with an empty standard input.
    pub(crate) fn run(&self, mode: Mode, arguments: &[&str]) -> Told {
        self.run_with(mode, arguments, Vec::new())
    }

    /// Runs `tssh` with `input` piped in.
    pub(crate) fn run_with(&self, mode: Mode, arguments: &[&str], input: Vec<u8>) -> Told {
        let (status, stdout, stderr) = finish(&mut self.tssh(mode, arguments), input);
        Told {
            status: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let port = self.sshd.port();
        let awaited = !self.servers_stay.get() && !thread::panicking();
        let stayed = if awaited {
            left::await_ends(port)
        } else {
            Vec::new()
        };
        left::end(port);
        assert!(stayed.is_empty(), "tsshd stays: {stayed:?}");
    }
}

/// A program that printed `stdout` and nothing else.
pub(crate) fn success(stdout: &str) -> Told {
    Told {
        status: Some(0),
        stdout: stdout.to_owned(),
        stderr: String::new(),
    }
}

/// Runs a command that gets `input` to its end, as far as it reads it.
pub(crate) fn finish(command: &mut Command, input: Vec<u8>) -> (ExitStatus, Vec<u8>, Vec<u8>) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that reads no more ends this.
    thread::spawn(move || stdin.write_all(&input));
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let status = wait(child);
    let take = |output: mpsc::Receiver<Vec<u8>>| {
        output
            .recv_timeout(PATIENCE)
            .expect("somebody keeps the output open")
    };
    (status, take(stdout), take(stderr))
}

/// Waits for the end of a process, which must come.
pub(crate) fn wait(mut child: Child) -> ExitStatus {
    let pid = pid(&child);
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait().unwrap()));
    ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _ = kill(pid, Signal::SIGKILL);
        panic!("process {pid} does not end");
    })
}

pub(crate) fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

/// Everything from `source`, once it has ended.
pub(crate) fn collect(mut source: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, collected) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).unwrap();
        sender.send(bytes)
    });
    collected
}

/// Bytes without a pattern that a transport could hide a mistake in; the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        // xorshift64*, Vigna 2016.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let words = length.div_ceil(8);
    let mut bytes: Vec<u8> = (0..words).flat_map(|_| next().to_le_bytes()).collect();
    bytes.truncate(length);
    bytes
}

pub(crate) const TSSH: &str = env!("CARGO_BIN_EXE_tssh");

/// The server program, from the same build as the client.
///
/// Cargo builds the programs of another package for nobody but a whole workspace, so it is asked
/// again where the program is missing, or older than its sources.
pub(crate) fn tsshd() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let profile = Path::new(TSSH).parent().unwrap();
        let program = profile.join("tsshd");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let sources = [
            "core",
            "server",
            "transport-kcp",
            "transport-quic",
            "transport-tcp",
        ];
        let sources = sources.map(|name| root.join(name));
        let newest = sources.iter().map(|path| newest(path)).max().unwrap();
        let built = program.metadata().and_then(|data| data.modified()).ok();
        if built.is_none_or(|built| built < newest) {
            let name = match profile.file_name().unwrap().to_str().unwrap() {
                "debug" => "dev",
                name => name,
            };
            let status = Command::new(env!("CARGO"))
                .current_dir(root)
                .args([
                    "build",
                    "-q",
                    "-p",
                    "tssh-server",
                    "--bin",
                    "tsshd",
                    "--profile",
                    name,
                ])
                .arg("--target-dir")
                .arg(profile.parent().unwrap())
                .status()
                .unwrap();
            assert!(status.success(), "tsshd was not built");
        }
        program
    })
}

fn newest(path: &Path) -> SystemTime {
    let metadata = path.metadata().unwrap();
    if !metadata.is_dir() {
        return metadata.modified().unwrap();
    }
    let entries = fs::read_dir(path).unwrap();
    let newest = entries.map(|entry| newest(&entry.unwrap().path())).max();
    newest.unwrap_or(SystemTime::UNIX_EPOCH)
}
