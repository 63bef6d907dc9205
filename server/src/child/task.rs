//! The task behind a child: runs what comes first, starts the program, and reports the end.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child as Process, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::control::{ExitStatus, Phase};
use super::environment::Environment;
use super::program::Program;
use super::pty_sys::{Terminal, isolate};
use super::rc::{Prelude, PreludeOutput};
use super::spawn::Slots;
use super::spec::SpawnError;

/// Everything of a child but the program.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) env: Environment,
    pub(super) folder: PathBuf,
    pub(super) slots: Slots,
    pub(super) terminal: Terminal,
}

/// Reports a child's life to its handles.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) phase: watch::Sender<Phase>,
    pub(super) over: CancellationToken,
    pub(super) hung_up: CancellationToken,
}

impl Launch {
    /// Starts the session's program and gives the child's side of the streams away.
    pub(super) fn start(self, program: Program) -> Result<Process, SpawnError> {
        let mut command = self.command(&program);
        let Slots {
            input,
            output,
            errors,
        } = self.slots;
        command.stdin(input).stdout(output).stderr(errors);
        isolate(&mut command, self.terminal);
        command.spawn().map_err(|source| SpawnError::Exec {
            path: program.path,
            source,
        })
    }

    /// Starts `prelude` on the same streams but for its input, without a terminal of its own: at its end the kernel would
    /// otherwise hang up what it left running.
    fn start_prelude(&self, prelude: &Prelude) -> io::Result<Process> {
        let mut command = self.command(&prelude.program);
        command.stdin(Stdio::piped());
        match prelude.output {
            PreludeOutput::Session => {
                command.stdout(self.slots.output.try_clone()?);
                command.stderr(self.slots.errors.try_clone()?);
            }
            PreludeOutput::Nowhere => {
                command.stdout(Stdio::null()).stderr(Stdio::null());
            }
        }
        isolate(&mut command, Terminal::None);
        command.spawn()
    }

    fn command(&self, program: &Program) -> Command {
        let mut command = Command::new(&program.path);
        command
            .arg0(&program.argv0)
            .args(&program.args)
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.folder);
        command
    }
}

impl Task {
    /// Runs `prelude` to its end, then the program, and waits for that.
    pub(super) async fn prepare(self, prelude: Prelude, launch: Launch, program: Program) {
        self.run_prelude(prelude, &launch).await;
        if self.hung_up.is_cancelled() {
            self.end(ExitStatus::Signal {
                number: Signal::SIGHUP as i32,
                core_dumped: false,
            });
            return;
        }
        let last_words = launch.slots.errors.try_clone();
        match launch.start(program) {
            Ok(process) => {
                drop(last_words);
                self.note_running(&process);
                self.watch(process).await;
            }
            Err(error) => {
                if let Ok(errors) = last_words {
                    complain(&errors, &format!("{error}\n"));
                }
                self.end(ExitStatus::Code(1));
            }
        }
    }

    /// Waits for the program's end and reports it.
    pub(super) async fn watch(self, mut process: Process) {
        let status = match process.wait().await {
            Ok(status) => status.into(),
            Err(error) => {
                tracing::warn!(%error, "exit status of a child is lost");
                ExitStatus::Code(255)
            }
        };
        self.end(status);
    }

    pub(super) fn note_running(&self, process: &Process) {
        if let Some(pid) = pid_of(process) {
            self.phase.send_replace(Phase::Running(pid));
        }
    }

    fn end(self, status: ExitStatus) {
        self.phase.send_replace(Phase::Ended(status));
        self.over.cancel();
    }

    async fn run_prelude(&self, prelude: Prelude, launch: &Launch) {
        let mut process = match launch.start_prelude(&prelude) {
            Ok(process) => process,
            Err(error) => {
                tracing::warn!(%error, program = %prelude.program.path.display(), "did not start");
                return;
            }
        };
        let pid = pid_of(&process);
        self.phase.send_replace(Phase::Preparing(pid));
        let ended = async {
            if let Some(mut input) = process.stdin.take() {
                // A script that does not read closes the pipe: nothing is lost that it wanted.
                let _ = input.write_all(prelude.input.as_bytes()).await;
            }
            process.wait().await
        };
        tokio::select! {
            biased; // One that has ended is nobody's to signal: its number may be another's.
            result = ended => {
                tracing::debug!(?result, program = %prelude.program.path.display(), "ended");
            }
            () = self.hung_up.cancelled() => {
                if let Some(pid) = pid {
                    // It may have ended this moment.
                    let _ = killpg(Pid::from_raw(pid), Signal::SIGHUP);
                }
            }
        }
        self.phase.send_replace(Phase::Preparing(None));
    }
}

/// The last words of a session whose program does not start. It writes no more, so its stream need not block.
fn complain(errors: &OwnedFd, text: &str) {
    let said = fcntl(errors, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .and_then(|_| nix::unistd::write(errors, text.as_bytes()));
    if let Err(error) = said {
        tracing::debug!(%error, "the reason for not starting could not be said");
    }
}

fn pid_of(process: &Process) -> Option<i32> {
    process.id().and_then(|pid| i32::try_from(pid).ok())
}
