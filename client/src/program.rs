//! The program: from its arguments to its exit status.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use anyhow::Context;

use crate::bootstrap;
use crate::cli::Cli;
use crate::log;
use crate::login::{Console, Login, Options, Pty};
use crate::roam::Roam;
use crate::session::{
    Control, Far, Local, Offline, Outcome, RemoteInput, RemoteOutput, Start, current_size, run,
    start_of,
};
use crate::settings::{self, Environment, SessionType, Settings, UdpMode, resolve};
use crate::target::login_options;
use crate::terminal::escape::Demonstration;
use crate::terminal::notice;
use crate::terminal::raw::give_back;
use crate::terminal::{Attributes, EscapeChar, Guard, Input, Output, Signals};

/// Runs the program, and returns its exit status: that of the remote program, or
/// [`FAILURE`] for an error of our own.
pub fn main(args: impl IntoIterator<Item = OsString>) -> i32 {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::from_args(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, with success; all else is a failure of ours.
            let _ = error.print();
            return if error.use_stderr() { FAILURE } else { 0 };
        }
    };
    match start(&cli) {
        Ok(status) => status,
        Err(error) => {
            give_back();
            if !cli.quiet {
                complain(&error);
            }
            FAILURE
        }
    }
}

/// As ssh: whatever went wrong on our side.
pub const FAILURE: i32 = 255;

fn start(cli: &Cli) -> anyhow::Result<i32> {
    if cli.version {
        say(&format!("tssh {}\n", env!("CARGO_PKG_VERSION")))?;
        return Ok(0);
    }
    let env = Environment::of_process()?;
    let settings = resolve(cli, &env)?;
    if cli.print_settings {
        say(&settings.dump())?;
        return Ok(0);
    }
    log::start(settings.log_level, cli.log_file.as_deref()).context("opening the log file")?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let options = login_options(cli, &settings, &env)?;
    // One thread: a session waits more than it works, and what it does is copying.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let status = runtime.block_on(connect(cli, &settings, &options, &env));
    give_back();
    // Whatever still runs has nothing more to say.
    runtime.shutdown_background();
    status
}

async fn connect(
    cli: &Cli,
    settings: &Settings,
    options: &Options,
    env: &Environment,
) -> anyhow::Result<i32> {
    let start = start_of(settings, env, terminal(env));
    let login = Login::connect(options, Arc::new(Console::from_env(cli.quiet))).await?;
    if settings.session_type == SessionType::None {
        anyhow::bail!("-N has nothing to do without forwarding, which this version does not have");
    }
    let outcome = match settings.udp_mode {
        UdpMode::Off => plain(&login, settings, &start).await?,
        UdpMode::Quic => {
            let offer =
                bootstrap::start(&login, options, settings, cli.debug, start.env.clone()).await?;
            login.close().await;
            roam(offer, settings, &start).await?
        }
        UdpMode::Kcp => anyhow::bail!(
            "this version does not speak KCP: use --udp for QUIC, or --tcp for plain SSH"
        ),
    };
    status_of(outcome, settings)
}

async fn plain(login: &Login, settings: &Settings, start: &Start) -> anyhow::Result<Outcome> {
    let channel = login.start(&start.to_request()).await?;
    let has_pty = channel.has_pty;
    if start.pty.is_some() && !has_pty {
        tracing::warn!("the server gives no terminal");
    }
    let (reader, writer) = channel.split();
    let writer = Arc::new(writer);
    let far = Far {
        input: RemoteInput::Plain(writer.clone()),
        output: RemoteOutput::Plain(reader),
        control: Control::Plain(writer),
        offline: Offline::never(),
        events: None,
    };
    let mut local = local(settings, has_pty)?;
    let outcome = run(&mut local, far, || {}).await;
    drop(local);
    Ok(outcome?)
}

async fn roam(
    offer: bootstrap::Offer,
    settings: &Settings,
    start: &Start,
) -> anyhow::Result<Outcome> {
    let mut roam = Roam::connect(offer, settings, start.pty.is_none()).await?;
    let far = roam.start(start).await?;
    let mut local = local(settings, start.pty.is_some())?;
    let outcome = run(&mut local, far, || {}).await;
    drop(local);
    roam.close().await;
    Ok(outcome?)
}

/// Takes this side of the session: raw when there is a terminal on both sides.
fn local(settings: &Settings, has_pty: bool) -> anyhow::Result<Local> {
    let interactive = has_pty && io::stdin().is_terminal() && !settings.stdin_null;
    let attributes = if interactive {
        Attributes::Raw
    } else {
        Attributes::Keep
    };
    let escape_char = match settings.escape_char {
        settings::EscapeChar::None => EscapeChar::Off,
        settings::EscapeChar::Char(byte) => EscapeChar::On(byte),
    };
    let guard = Guard::take(attributes)?;
    let stdout = Output::stdout(guard.screen()).context("opening standard output")?;
    Ok(Local {
        input: match settings.stdin_null {
            true => None,
            false => Some(Input::stdin().context("opening standard input")?),
        },
        stdout,
        stderr: Output::stderr().context("opening standard error")?,
        signals: Signals::start().context("watching signals")?,
        interactive,
        escape_char,
        notice: notice::Settings {
            place: match settings.show_notification_on_top {
                true => notice::Place::Top,
                false => notice::Place::CursorLine,
            },
            detail: match settings.show_full_notifications {
                true => notice::Detail::Full,
                false => notice::Detail::Brief,
            },
            after: settings.udp_reconnect_timeout,
            escape: escape_char,
        },
        demonstration: Demonstration::Off,
        guard,
    })
}

/// What the server's terminal is to be like, when standard input is a terminal.
fn terminal(env: &Environment) -> Option<Pty> {
    io::stdin().is_terminal().then(|| Pty {
        term: env
            .variables
            .get("TERM")
            .cloned()
            .unwrap_or_else(|| "dumb".to_owned()),
        size: current_size(),
        modes: Vec::new(),
    })
}

fn status_of(outcome: Outcome, settings: &Settings) -> anyhow::Result<i32> {
    match outcome {
        Outcome::Exited(status) => Ok(i32::try_from(status).unwrap_or(FAILURE)),
        Outcome::Killed(signal) => {
            tracing::info!(signal, "the remote program was killed");
            Ok(FAILURE)
        }
        Outcome::Left => {
            tell(&format!("Connection to {} closed.\r\n", settings.hostname));
            Ok(FAILURE)
        }
        Outcome::Signalled(ending) => Ok(ending.exit_status()),
        Outcome::Quit(reason) => anyhow::bail!("the server went away: {reason}"),
    }
}

/// Writes to standard output.
fn say(text: &str) -> anyhow::Result<()> {
    io::stdout()
        .write_all(text.as_bytes())
        .context("writing to standard output")
}

/// Writes to standard error, where nobody may listen.
fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// One line, with the causes behind it.
fn complain(error: &anyhow::Error) {
    let mut line = String::from("tssh: ");
    let mut last = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some errors repeat their source in their own words.
        if last.contains(&text) {
            continue;
        }
        if !last.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
        last = text;
    }
    tell(&format!("{line}\r\n"));
}
