//! Starts a program of the current user, on a terminal or with pipes.

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, User};
use pty_process::Size;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::Command;

/// What a client asked for before it named the program.
#[derive(Debug, Default)]
pub(super) struct Setup {
    pub(super) env: Vec<(String, String)>,
    pub(super) terminal: Option<(String, Size)>,
}

/// A started program.
pub(super) struct Child {
    pub(super) stdin: Input,
    pub(super) stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// Only with pipes.
    pub(super) stderr: Option<Box<dyn AsyncRead + Send + Unpin>>,
    pub(super) process: Process,
}

/// What is written to a program.
pub(super) enum Input {
    Pipe(Box<dyn AsyncWrite + Send + Unpin>),
    Terminal(pty_process::OwnedWritePty),
}

/// A process and the group it leads. Dropping it ends the group, as far as that can be.
pub(super) struct Process {
    child: tokio::process::Child,
    group: Option<Pid>,
}

impl Child {
    /// Runs `command`, or a login shell, as sshd does: by the user's shell, in their home.
    pub(super) fn spawn(
        command: Option<&[u8]>,
        setup: &Setup,
        user: &User,
        address: Option<SocketAddr>,
    ) -> io::Result<Self> {
        let shell = user.shell.as_os_str();
        let shell = if shell.is_empty() {
            OsStr::new("/bin/sh")
        } else {
            shell
        };
        let mut base = Command::new(shell);
        let name = std::path::Path::new(shell).file_name().unwrap_or(shell);
        match command {
            Some(line) => base.arg0(name).arg("-c").arg(OsStr::from_bytes(line)),
            None => base.arg0(format!("-{}", name.to_string_lossy())),
        };
        base.env("HOME", &user.dir)
            .env("USER", &user.name)
            .env("LOGNAME", &user.name)
            .env("SHELL", shell)
            .env_remove("SSH_TTY")
            .env_remove("SSH_ORIGINAL_COMMAND")
            .envs(setup.env.iter().map(|(name, value)| (name, value)));
        if let Some(address) = address {
            let (ip, port) = (address.ip(), address.port());
            base.env("SSH_CONNECTION", format!("{ip} {port} {ip} {port}"));
            base.env("SSH_CLIENT", format!("{ip} {port} {port}"));
        }
        if user.dir.is_dir() {
            base.current_dir(&user.dir);
        }
        match &setup.terminal {
            Some((term, size)) => on_terminal(base, term, *size),
            None => with_pipes(base),
        }
    }
}

impl Input {
    /// Resizes the terminal, if there is one.
    pub(super) fn resize(&self, size: Size) {
        if let Self::Terminal(pty) = self {
            // A terminal whose program is gone has no size to change.
            let _ = pty.resize(size);
        }
    }
}

impl Process {
    fn new(child: tokio::process::Child) -> Self {
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw);
        Self { child, group }
    }

    /// Cancel safe.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        // From here on the number may be somebody else's.
        self.group = None;
        status
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = killpg(group, signal); // A group that is gone needs no signal.
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGHUP);
        // A program that was started by nohup hands the deafness for SIGHUP down to its children.
        self.signal(Signal::SIGTERM);
    }
}

fn on_terminal(command: Command, term: &str, size: Size) -> io::Result<Child> {
    let (pty, pts) = pty_process::open().map_err(io::Error::other)?;
    pty.resize(size).map_err(io::Error::other)?;
    let command = pty_process::Command::from(command).env("TERM", term);
    let child = command.spawn(pts).map_err(io::Error::other)?;
    let (read, write) = pty.into_split();
    Ok(Child {
        stdin: Input::Terminal(write),
        stdout: Box::new(read),
        stderr: None,
        process: Process::new(child),
    })
}

fn with_pipes(mut command: Command) -> io::Result<Child> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let taken = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let process = Process::new(child);
    let (Some(stdin), Some(stdout), Some(stderr)) = taken else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    Ok(Child {
        stdin: Input::Pipe(Box::new(stdin)),
        stdout: Box::new(stdout),
        stderr: Some(Box::new(stderr)),
        process,
    })
}
