//! The program: from its arguments to its exit status.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use anyhow::Context;
use tssh_core::proxy::client::Binder;
use tssh_core::transport::Registry;

use crate::background;
use crate::bootstrap;
use crate::cli::Cli;
use crate::demo::{self, Darkness, Demo};
use crate::exit::{Caught, FAILURE, say, sentence, status_of, tell};
use crate::forward::{Forwards, Way};
use crate::links::{Origin, Sockets};
use crate::local::{local, terminal, wants_terminal};
use crate::log;
use crate::login::{Console, Login, Options, Silent, Words};
use crate::missing;
use crate::query;
use crate::roam::Roam;
use crate::session::{
    Broken, Control, Far, Idle, Offline, Outcome, RemoteInput, RemoteOutput, Start, current_size,
    idle, run, start_of, watch,
};
use crate::settings::{Environment, LogLevel, SessionType, Settings, UdpMode, resolve};
use crate::target::login_options;
use crate::terminal::escape::Demonstration;
use crate::terminal::raw::give_back;
use crate::terminal::{Ending, Signals};

/// Runs the program, and returns its exit status: that of the remote program, or
/// [`FAILURE`] for an error of our own. A session roams over one of `transports`.
pub fn main(args: impl IntoIterator<Item = OsString>, transports: &Registry) -> i32 {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::from_args(args.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, with success; all else is a failure of ours.
            let _ = error.print();
            return if error.use_stderr() { FAILURE } else { 0 };
        }
    };
    match start(&cli, &args, transports) {
        Ok(status) => status,
        Err(error) => {
            if !cli.quiet {
                tell(&format!("tssh: {}\r\n", sentence(&error)));
            }
            FAILURE
        }
    }
}

/// Fails only before there is a log to complain to.
fn start(cli: &Cli, args: &[OsString], transports: &Registry) -> anyhow::Result<i32> {
    if cli.version {
        tell(&format!("tssh {}\n", env!("CARGO_PKG_VERSION")));
        return Ok(0);
    }
    if let Some(kind) = &cli.query {
        let lines = query::lines(kind)
            .with_context(|| format!("-Q {kind} is not known, -Q help lists what is"))?;
        say(&lines)?;
        return Ok(0);
    }
    let env = Environment::of_process()?;
    if cli.demo {
        log::start(LogLevel::Info, cli.log_file.as_deref()).context("opening the log file")?;
        return on_runtime(demonstrate(&env, transports));
    }
    let settings = resolve(cli, &env)?;
    if cli.print_settings {
        say(&settings.dump())?;
        return Ok(0);
    }
    if settings.fork_after_authentication && !cli.in_background {
        return background::start(args).context("starting the background process");
    }
    log::start(settings.log_level, cli.log_file.as_deref()).context("opening the log file")?;
    let status = serve(cli, &settings, &env, transports);
    Ok(status.unwrap_or_else(|error| {
        if is_unread(&error) {
            return FAILURE;
        }
        if let Some(Caught(signal)) = error.downcast_ref() {
            return signal.take_effect();
        }
        tracing::error!("{}", sentence(&error));
        FAILURE
    }))
}

/// Whether whoever read our output has left, as `head` does: nobody asked to hear of it.
fn is_unread(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(Broken::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe
    )
}

fn serve(
    cli: &Cli,
    settings: &Settings,
    env: &Environment,
    transports: &Registry,
) -> anyhow::Result<i32> {
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    missing::refuse(cli, settings)?;
    let options = login_options(cli, settings, env)?;
    on_runtime(connect(cli, settings, &options, env, transports))
}

fn on_runtime(work: impl Future<Output = anyhow::Result<i32>>) -> anyhow::Result<i32> {
    // One thread: a session waits more than it works, and what it does is copying.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let status = runtime.block_on(work);
    give_back();
    // Whatever still runs has nothing more to say.
    runtime.shutdown_background();
    status
}

/// A roaming shell on this machine, through the embedded SSH server.
async fn demonstrate(env: &Environment, transports: &Registry) -> anyhow::Result<i32> {
    let demo = Demo::start().await?;
    let signals = Signals::start().context("watching signals")?;
    let start = start_of(&demo.settings, env, terminal(&demo.settings, env));
    let options = &demo.server.options;
    let login = Login::connect(options, Arc::new(Silent));
    let login = unless_caught(&signals, login).await??;
    let env = start.env.clone();
    let offer = bootstrap::start(&login, options, &demo.settings, false, env);
    let offer = unless_caught(&signals, offer).await??;
    tell(demo::GREETING);
    let outcome = roam(
        login,
        offer,
        transports,
        &demo.settings,
        &start,
        &signals,
        Some(&demo.darkness),
    )
    .await?;
    give_back();
    status_of(outcome, &demo.settings, start.pty.is_some())
}

async fn connect(
    cli: &Cli,
    settings: &Settings,
    options: &Options,
    env: &Environment,
    transports: &Registry,
) -> anyhow::Result<i32> {
    let signals = Signals::start().context("watching signals")?;
    let start = start_of(settings, env, terminal(settings, env));
    if start.pty.is_none() && wants_terminal(settings, &start) {
        tracing::warn!("no terminal is asked for, because standard input is none: -tt asks anyway");
    }
    let console = Console::from_env(words(settings.log_level), cli.log_file.as_deref());
    let login = Login::connect(options, Arc::new(console));
    let mut login = unless_caught(&signals, login).await??;
    let settings = &*without_forwards(settings, login.is_doubtful())?;
    if let Some(command) = settings.local_command_line()? {
        unless_caught(&signals, run_here(&command, env)).await?;
    }
    let outcome = match settings.udp_mode {
        UdpMode::Off => plain(&mut login, settings, &start, &signals).await?,
        UdpMode::Kcp | UdpMode::Quic => {
            let env = start.env.clone();
            let offer = bootstrap::start(&login, options, settings, cli.debug, env);
            let offer = unless_caught(&signals, offer).await??;
            roam(login, offer, transports, settings, &start, &signals, None).await?
        }
    };
    give_back();
    status_of(outcome, settings, start.pty.is_some())
}

async fn plain(
    login: &mut Login,
    settings: &Settings,
    start: &Start,
    signals: &Signals,
) -> anyhow::Result<Outcome> {
    let way = Way::Plain(login.forwarder());
    let forwards = unless_caught(signals, Forwards::start(settings, &way)).await??;
    if settings.session_type == SessionType::None {
        stands(settings)?;
        return Ok(idle(signals.clone(), Idle::Plain(login)).await?);
    }
    let start = start.at_size(current_size());
    let channel = unless_caught(signals, login.start(&start.to_request())).await??;
    let has_pty = channel.has_pty;
    let start = with_or_without(start, has_pty);
    let (reader, writer) = channel.split();
    let writer = Arc::new(writer);
    let far = Far {
        input: RemoteInput::Plain(writer.clone()),
        output: RemoteOutput::Plain(reader),
        control: Control::Plain(writer),
        offline: Offline::never(),
        events: None,
    };
    stands(settings)?;
    let mut local = local(settings, &start, has_pty, signals)?;
    let outcome = run(&mut local, far, || {}).await;
    drop(local);
    let never = std::future::pending();
    Ok(linger(outcome?, &forwards, signals.clone(), never).await)
}

async fn roam(
    login: Login,
    offer: bootstrap::Offer,
    transports: &Registry,
    settings: &Settings,
    start: &Start,
    signals: &Signals,
    darkness: Option<&Darkness>,
) -> anyhow::Result<Outcome> {
    let binder: Arc<dyn Binder> = match darkness {
        Some(darkness) => Arc::new(darkness.clone()),
        None => {
            let proxy = settings.proxy_words(offer.info.port)?;
            let (address, interface) = (&settings.bind_address, &settings.bind_interface);
            let from = Origin::new(address.as_deref(), interface.as_deref());
            let from = from.await.context("BindAddress has no address")?;
            Arc::new(Sockets::new(&offer.info, settings.udp_mtu, proxy).from(from))
        }
    };
    let connecting = Roam::connect(offer, transports, settings, start.pty.is_none(), binder);
    // The login's farewell takes a round trip that nobody needs to wait for.
    let moving = async { tokio::join!(connecting, login.close()) };
    let (roam, ()) = unless_caught(signals, moving).await?;
    let mut roam = roam?;
    let outcome = over(&mut roam, settings, start, signals, darkness).await;
    // Whatever happened, the server need not wait for this client.
    roam.close().await;
    outcome
}

async fn over(
    roam: &mut Roam,
    settings: &Settings,
    start: &Start,
    signals: &Signals,
    darkness: Option<&Darkness>,
) -> anyhow::Result<Outcome> {
    let way = Way::Roaming {
        client: roam.client.clone(),
        limit: settings.connect_limit().unwrap_or_default(),
    };
    let forwards = unless_caught(signals, Forwards::start(settings, &way)).await??;
    if settings.session_type == SessionType::None {
        stands(settings)?;
        let on = Idle::Roaming {
            path: roam.client.path(),
            events: &mut roam.events,
            after: settings.udp_reconnect_timeout,
        };
        return Ok(idle(signals.clone(), on).await?);
    }
    let start = start.at_size(current_size());
    let (far, has_pty) = unless_caught(signals, roam.start(&start)).await??;
    let start = with_or_without(start, has_pty);
    stands(settings)?;
    let mut local = local(settings, &start, has_pty, signals)?;
    if darkness.is_some() {
        local.demonstration = Demonstration::On;
    }
    let darken = || {
        if let Some(darkness) = darkness {
            darkness.fall();
        }
    };
    let outcome = run(&mut local, far, darken).await;
    drop(local);
    let gone = watch(roam.client.path(), settings.udp_reconnect_timeout);
    Ok(linger(outcome?, &forwards, signals.clone(), gone).await)
}

/// What was started, when no terminal was to be had for it. Scripts look for ssh's words.
fn with_or_without(start: Start, has_pty: bool) -> Start {
    if start.pty.is_none() || has_pty {
        return start;
    }
    tracing::warn!("PTY allocation request failed on channel 0");
    start.without_pty()
}

/// `work`, unless a signal ends the program before: then the work is dropped, and with it the
/// question that may be open on the terminal.
async fn unless_caught<T>(signals: &Signals, work: impl Future<Output = T>) -> Result<T, Caught> {
    let mut ending = signals.ending.clone();
    tokio::select! {
        biased; // What is done already needs not be thrown away.
        done = work => Ok(done),
        ending = caught(&mut ending) => Err(Caught(ending)),
    }
}

/// For ever without a signal. Cancel safe.
async fn caught(ending: &mut tokio::sync::watch::Receiver<Option<Ending>>) -> Ending {
    match ending.wait_for(Option::is_some).await.map(|ending| *ending) {
        Ok(Some(ending)) => ending,
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// How much the login says. Errors that end the program are the log's.
fn words(level: LogLevel) -> Words {
    match level {
        LogLevel::Quiet | LogLevel::Fatal => Words::None,
        LogLevel::Error => Words::Errors,
        LogLevel::Info
        | LogLevel::Verbose
        | LogLevel::Debug1
        | LogLevel::Debug2
        | LogLevel::Debug3 => Words::All,
    }
}

/// As ssh: through a host whose key has changed nothing is forwarded.
fn without_forwards(settings: &Settings, is_doubtful: bool) -> anyhow::Result<Cow<'_, Settings>> {
    if !is_doubtful || settings.local_forwards.is_empty() {
        return Ok(Cow::Borrowed(settings));
    }
    let what =
        "ports are not forwarded, because the host key has changed: somebody may be listening in";
    if settings.exit_on_forward_failure {
        anyhow::bail!(what);
    }
    tracing::error!("{what}");
    let local_forwards = Vec::new();
    Ok(Cow::Owned(Settings {
        local_forwards,
        ..settings.clone()
    }))
}

/// As ssh: a program that has ended leaves the connection to whoever still uses a forwarded port,
/// for as long as the server is not `gone`.
async fn linger(
    outcome: Outcome,
    forwards: &Forwards,
    mut signals: Signals,
    gone: impl Future<Output = Outcome>,
) -> Outcome {
    let has_ended = matches!(outcome, Outcome::Exited(_) | Outcome::Killed(_));
    if !has_ended || !forwards.are_busy() {
        return outcome;
    }
    tracing::info!("waiting for forwarded connections to end");
    tokio::select! {
        biased; // What is done already needs not be thrown away.
        () = forwards.done() => outcome,
        gone = gone => gone,
        Ok(ending) = signals.ending.wait_for(Option::is_some) => match *ending {
            Some(ending) => Outcome::Signalled(ending),
            None => outcome,
        },
    }
}

/// Everything that could be asked has been asked, and everything that could fail has not.
fn stands(settings: &Settings) -> anyhow::Result<()> {
    tracing::info!("connected to {}", settings.hostname);
    if settings.fork_after_authentication {
        background::leave().context("going to the background")?;
    }
    Ok(())
}

/// Runs `LocalCommand`. Its status is its own affair, as in ssh.
async fn run_here(command: &str, env: &Environment) {
    let shell = env.variables.get("SHELL").map_or("/bin/sh", String::as_str);
    let status = tokio::process::Command::new(shell)
        .arg("-c")
        .arg(command)
        .status()
        .await;
    if let Err(error) = status {
        tracing::warn!(%error, "LocalCommand was not run by {shell}");
    }
}
