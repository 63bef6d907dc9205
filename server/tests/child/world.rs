//! A user with an empty home, and what the tests do to children again and again.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt};
use tssh_server::child::{Account, Child, Kind, Login, PtySpec, Spec, Stderr};
use tssh_server::settings::Settings;

pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) login: Login,
}

impl World {
    pub(crate) fn new() -> Self {
        let home = TempDir::new().unwrap();
        let account = Account {
            name: "ada".into(),
            home: home.path().to_owned(),
            shell: PathBuf::from("/bin/sh"),
            groups: vec![],
        };
        let path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
        let login = Login {
            account,
            settings: Arc::new(Settings::default()),
            inherited: BTreeMap::from([("PATH".into(), path.into())]),
            motd: vec![],
            sshrc: home.path().join("no-sshrc"),
        };
        Self { home, login }
    }

    pub(crate) fn with_settings(change: impl FnOnce(&mut Settings)) -> Self {
        let mut world = Self::new();
        let mut settings = Settings::default();
        change(&mut settings);
        world.login.settings = Arc::new(settings);
        world
    }

    /// Puts a file into the home folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts a command with pipes, standard error apart.
    pub(crate) fn command(&self, line: &str) -> Child {
        let mut spec = Spec::new(Kind::Command(line.into()));
        spec.stderr = Stderr::Apart;
        spec.spawn(&self.login).unwrap()
    }

    /// Starts a command on a terminal.
    pub(crate) fn on_terminal(&self, line: &str) -> Child {
        self.with_pty(Kind::Command(line.into()), terminal())
    }

    pub(crate) fn with_pty(&self, kind: Kind, pty: PtySpec) -> Child {
        let mut spec = Spec::new(kind);
        spec.pty = Some(pty);
        spec.spawn(&self.login).unwrap()
    }
}

pub(crate) fn terminal() -> PtySpec {
    PtySpec {
        cols: 80,
        rows: 24,
        term: "xterm-256color".into(),
        modes: vec![],
    }
}

/// One generous deadline for a whole test.
pub(crate) async fn within<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), test)
        .await
        .expect("nothing came in a minute")
}

/// Everything up to the end.
pub(crate) async fn all(mut stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Everything up to and with `end`.
pub(crate) async fn until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(error) => {
                let so_far = String::from_utf8_lossy(&bytes);
                panic!("{error} while waiting for {end:?}, after {so_far:?}");
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The number in `NAME=number=`, once it comes.
pub(crate) async fn pid_named(stream: &mut (impl AsyncRead + Unpin), name: &str) -> i32 {
    loop {
        until(stream, &format!("{name}=")).await;
        let text = until(stream, "=").await;
        if let Ok(pid) = text.trim_end_matches('=').parse() {
            return pid;
        }
    }
}

/// Runs and is no zombie.
pub(crate) fn lives(pid: i32) -> bool {
    if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) {
        return false;
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .trim_start()
        .starts_with('Z')
}

/// Returns when the process has gone, or is a zombie of somebody else's.
pub(crate) async fn gone(pid: i32) {
    while lives(pid) {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn end(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

/// Bytes that compress badly and are the same in every run.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}
