//! Leaves the login that started it: the parent hands over the server info and ends, the child serves.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use tssh_core::transport::Registry;
use zeroize::Zeroizing;

use crate::cli::Options;
use crate::exit::Exit;
use crate::{log, serve};

/// Runs the program with these arguments, the first of which is its name, and these transports.
pub fn main(args: impl IntoIterator<Item = OsString>, transports: &Registry) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let options = match Options::parse_from_args(args.iter().cloned()) {
        Ok(options) => options,
        Err(error) => return explain(&error),
    };
    if let Err(error) = options.supported() {
        say(&error);
        return Exit::Options;
    }
    if options.detached {
        serve_detached(&options, transports)
    } else {
        hand_over(&args, &options)
    }
}

/// The parent: starts this program again outside the login, and copies what it says.
fn hand_over(args: &[OsString], options: &Options) -> Exit {
    let mut child = match spawn_detached(args, options) {
        Ok(child) => child,
        Err(error) => {
            say(&format_args!(
                "tsshd could not start itself again in the background: {error}"
            ));
            return Exit::NotDetached;
        }
    };
    let Some(mut said) = child.stdout.take() else {
        return Exit::NotDetached;
    };
    // Room for the whole line from the start: growing would leave copies of a secret behind.
    let mut buffer = Zeroizing::new(vec![0; COPY_CHUNK]);
    let mut out = io::stdout().lock();
    loop {
        let copied = match said.read(&mut buffer) {
            Ok(0) => return Exit::Done,
            Ok(count) => out.write_all(&buffer[..count]).and_then(|()| out.flush()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        };
        if copied.is_err() {
            return Exit::OutputFailed;
        }
    }
}

fn spawn_detached(args: &[OsString], options: &Options) -> io::Result<std::process::Child> {
    // Without --debug nothing holds the login's standard error open: `ssh host tsshd` by hand ends.
    let stderr = if options.debug {
        Stdio::inherit()
    } else {
        Stdio::null()
    };
    Command::new(std::env::current_exe()?)
        .args(args.iter().skip(1))
        .arg("--detached")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
}

/// The child: a session of its own, then the server.
fn serve_detached(options: &Options, transports: &Registry) -> Exit {
    // Fails for a process that leads its group, as by hand from a shell: it is then left as it is.
    let _ = nix::unistd::setsid();
    // Nothing of the file system is held busy by a server.
    let _ = std::env::set_current_dir("/");
    reset_oom_score();
    let log = log::start(options.debug);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(serve::run(options, transports, log));
            // A file server that does not answer keeps no process.
            runtime.shutdown_background();
            exit
        }
        Err(error) => {
            say(&format_args!(
                "tsshd got no event queue from the system: {error}"
            ));
            Exit::InitFailed
        }
    }
}

/// Prints one line on standard output, where the client looks for it.
pub fn say(what: &dyn std::fmt::Display) {
    let mut out = io::stdout().lock();
    // Nobody is left to be told that nobody listens.
    let _ = writeln!(out, "{what}").and_then(|()| out.flush());
}

/// Prints the server info and ends standard output, so that the parent ends too.
///
/// # Errors
///
/// When nobody reads.
pub fn announce(line: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line)?;
    out.flush()?;
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    nix::unistd::dup2_stdout(nowhere.as_fd())?;
    Ok(())
}

/// Help and version are no errors; everything else is said where the client looks for it.
fn explain(error: &clap::Error) -> Exit {
    if error.use_stderr() {
        say(&error.to_string().trim_end());
        return Exit::Options;
    }
    say(&error.to_string().trim_end());
    Exit::Done
}

/// sshd runs with a score that protects it from the OOM killer; what a user starts is to have none.
fn reset_oom_score() {
    let file = "/proc/self/oom_score_adj";
    let inherited = std::fs::read_to_string(file)
        .ok()
        .and_then(|text| text.trim().parse::<i32>().ok());
    if inherited.is_some_and(|score| score < 0) {
        // Without the right to do so it stays, which harms nobody else.
        let _ = std::fs::write(file, "0");
    }
}

/// A server info has 3 kB or so; a pipe hands over no more than it has.
const COPY_CHUNK: usize = 16 * 1024;
