//! Starts a child: settings and spec become descriptors, an environment and a task that waits for the end.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::control::{Control, Phase, Shared};
use super::environment::{self, Sources};
use super::program::Program;
use super::pty::{Master, Pty};
use super::pty_sys::Terminal;
use super::spec::{Kind, Login, SpawnError, Spec, Stderr};
use super::stream::{Input, Output};
use super::task::{Launch, Task};
use super::{greeting, rc};
use crate::settings::UserEnvironment;

/// A started shell or command: its streams, and the handle for everything else.
///
/// The process lives on when all of this is dropped, as far as it can do without its streams; the runtime reaps it.
#[derive(Debug)]
pub struct Child {
    /// Standard input.
    pub input: Input,
    /// Standard output; of a terminal, all output.
    pub output: Output,
    /// Standard error, when it was asked for apart and there is no terminal.
    pub errors: Option<Output>,
    /// Size, signals, end.
    pub control: Control,
}

/// The child's side of the streams.
#[derive(Debug)]
pub(super) struct Slots {
    pub(super) input: OwnedFd,
    pub(super) output: OwnedFd,
    pub(super) errors: OwnedFd,
}

/// Our side.
struct Ends {
    master: Option<Master>,
    input: Option<pipe::Sender>,
    output: Option<pipe::Receiver>,
    errors: Option<pipe::Receiver>,
}

impl Spec {
    /// Starts the child. To be called inside a tokio runtime with I/O and time.
    ///
    /// With an rc file to run first, the program starts after it, in the background; an error in starting it is then
    /// written to the child's standard error, and the child ends with status 1, as under sshd.
    ///
    /// # Errors
    ///
    /// When settings refuse the terminal, descriptors are short, or the program cannot be executed.
    pub fn spawn(&self, login: &Login) -> Result<Child, SpawnError> {
        if self.pty.is_some() && !login.settings.permit_tty {
            return Err(SpawnError::PtyRefused);
        }
        let forced = login
            .settings
            .force_command
            .clone()
            .map(|line| Kind::Command(line.into()));
        let original_command = forced.as_ref().and_then(|_| self.kind.command_line());
        let kind = forced.as_ref().unwrap_or(&self.kind);

        let (slots, mut ends, tty) = self.streams()?;
        let user_file = user_environment(login);
        let env = environment::build(&Sources {
            account: &login.account,
            settings: &login.settings,
            inherited: &login.inherited,
            spec: self,
            tty: tty.as_deref(),
            original_command: original_command.as_deref(),
            user_file: user_file.as_deref(),
        });
        let path = env
            .get(std::ffi::OsStr::new("PATH"))
            .cloned()
            .unwrap_or_default();
        let home = start_folder(login);
        let folder = home.clone().unwrap_or_else(|_| PathBuf::from("/"));
        let program = Program::choose(kind, &login.account.shell, &path, &folder)?;

        let greeting = match (kind, &tty) {
            (Kind::Shell, Some(_)) => greeting::for_terminal(&greeting::compose(login)),
            _ => Vec::new(),
        };
        if let Err(complaint) = &home {
            say_to(&slots.errors, complaint);
        }

        let launch = Launch {
            env,
            folder,
            slots,
            terminal: if tty.is_some() {
                Terminal::Controlling
            } else {
                Terminal::None
            },
        };
        let prelude = rc::choose(login, &self.kind, self.display.as_ref());
        let (phase_tx, phase) = watch::channel(Phase::Preparing(None));
        let over = CancellationToken::new();
        let hung_up = CancellationToken::new();
        let task = Task {
            phase: phase_tx,
            over: over.clone(),
            hung_up: hung_up.clone(),
        };
        let mut tasks = JoinSet::new();
        match prelude {
            None => {
                let child = launch.start(program)?;
                task.note_running(&child);
                tasks.spawn(task.watch(child));
            }
            Some(prelude) => {
                tasks.spawn(task.prepare(prelude, launch, program));
            }
        }
        let shared = Shared {
            master: ends.master.take(),
            phase,
            over,
            hung_up,
            _task: tasks,
        };
        Ok(ends.join(Arc::new(shared), greeting))
    }

    /// Opens the streams: both sides, and the terminal's file.
    fn streams(&self) -> Result<(Slots, Ends, Option<PathBuf>), SpawnError> {
        match &self.pty {
            Some(spec) => {
                let pty = Pty::open(spec).map_err(SpawnError::Terminal)?;
                let slots = Slots::all(pty.slave.into()).map_err(SpawnError::Terminal)?;
                let ends = Ends {
                    master: Some(pty.master),
                    input: None,
                    output: None,
                    errors: None,
                };
                Ok((slots, ends, Some(pty.path)))
            }
            None => {
                let (slots, ends) = pipes(self.stderr).map_err(SpawnError::Pipes)?;
                Ok((slots, ends, None))
            }
        }
    }
}

impl Ends {
    fn join(self, shared: Arc<Shared>, greeting: Vec<u8>) -> Child {
        Child {
            input: match self.input {
                Some(pipe) => Input::pipe(pipe, &shared),
                None => Input::pty(shared.clone()),
            },
            output: match self.output {
                Some(pipe) => Output::pipe(pipe, shared.clone()),
                None => Output::pty(shared.clone(), greeting),
            },
            errors: self.errors.map(|pipe| Output::pipe(pipe, shared.clone())),
            control: Control { shared },
        }
    }
}

impl Slots {
    fn all(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            input: fd.try_clone()?,
            output: fd.try_clone()?,
            errors: fd,
        })
    }
}

/// Pipes, as sshd uses them on Linux, and not socket pairs: a program can open `/dev/stdout` again, and bash does not take
/// itself for the child of a network daemon.
fn pipes(stderr: Stderr) -> io::Result<(Slots, Ends)> {
    let (input, input_end) = io::pipe()?;
    let (output_end, output) = io::pipe()?;
    let (errors_end, errors) = match stderr {
        Stderr::Apart => {
            let (end, errors) = io::pipe()?;
            (Some(end), errors)
        }
        Stderr::Merged => (None, output.try_clone()?),
    };
    let ends = Ends {
        master: None,
        input: Some(pipe::Sender::from_owned_fd(input_end.into())?),
        output: Some(pipe::Receiver::from_owned_fd(output_end.into())?),
        errors: errors_end
            .map(|end: io::PipeReader| pipe::Receiver::from_owned_fd(end.into()))
            .transpose()?,
    };
    Ok((
        Slots {
            input: input.into(),
            output: output.into(),
            errors: errors.into(),
        },
        ends,
    ))
}

/// The home folder, or what to tell the user who starts in `/` for want of it.
fn start_folder(login: &Login) -> Result<PathBuf, String> {
    let home = &login.account.home;
    let usable = home.metadata().and_then(|meta| {
        if !meta.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(nix::unistd::access(home, nix::unistd::AccessFlags::X_OK)?)
    });
    match usable {
        Ok(()) => Ok(home.clone()),
        Err(error) => Err(format!(
            "Could not chdir to home directory {}: {error}\n",
            home.display()
        )),
    }
}

fn user_environment(login: &Login) -> Option<String> {
    if login.settings.permit_user_environment == UserEnvironment::No {
        return None;
    }
    let path = login.account.home.join(".ssh/environment");
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        io::Read::read_to_string(&mut io::Read::take(file, USER_FILE_MAX), &mut text)
    });
    read.ok().map(|_| text)
}

/// Says one line on a fresh pipe or terminal, which has room for it.
fn say_to(errors: &OwnedFd, line: &str) {
    if let Err(error) = nix::unistd::write(errors, line.as_bytes()) {
        tracing::debug!(%error, "complaint about the home folder not delivered");
    }
}

/// 128 variables of 512 bytes.
const USER_FILE_MAX: u64 = 64 * 1024;
