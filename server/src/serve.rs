//! One server process: listens, serves its client, ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tssh_core::connection::{Role, Supervisor};
use tssh_core::proxy::{PacketPipe, server as proxy};
use tssh_core::transport::{Listener, Registry};
use tssh_core::wire::{BusEvent, ServerInfo};
use tssh_transport_tcp::accept_all;

use crate::child::{Account, Login};
use crate::cli::Options;
use crate::connection::{self, Config, Outcome, Path};
use crate::exit::Exit;
use crate::offer::{self, Carriers, Family, Identities};
use crate::settings::{self, Settings, Subject};
use crate::transports::{largest_frame, wanted};
use crate::{daemon, keeper};

/// Serves one login, and tells why the process ends.
///
/// The client is told what comes from `log`.
pub async fn run(options: &Options, transports: &Registry, log: mpsc::Receiver<BusEvent>) -> Exit {
    let stop = CancellationToken::new();
    let greet_by = Instant::now() + options.connect_timeout();
    let (served, info) = match Served::prepare(options, transports, greet_by, &stop).await {
        Ok(served) => served,
        Err(error) => {
            daemon::say(&format_args!("tsshd cannot start: {error:#}"));
            return Exit::InitFailed;
        }
    };
    if let Err(error) = daemon::announce(&info.to_line()) {
        tracing::error!(%error, "nobody took the server info");
        return Exit::OutputFailed;
    }
    drop(info);
    let exit = served.serve(log, &stop).await;
    stop.cancel();
    tracing::info!(?exit, "the server ends");
    exit
}

/// Everything that is ready before the client is told where to come.
struct Served {
    pipe: PacketPipe,
    path: proxy::Handle,
    listener: Box<dyn Listener>,
    keeper: keeper::Handle,
    quit: watch::Receiver<Option<String>>,
    /// The proxy, the keeper, and who hears the signals.
    tasks: Supervisor,
    greet_by: Instant,
    opening_timeout: Duration,
}

impl Served {
    async fn prepare(
        options: &Options,
        transports: &Registry,
        greet_by: Instant,
        stop: &CancellationToken,
    ) -> anyhow::Result<(Self, ServerInfo)> {
        let transport = wanted(options, transports);
        let transport = transport.context("this tsshd has no transport of the mode asked for")?;
        let mut tasks = Supervisor::new(stop);

        let family = Family::from_options(options.ipv4, options.ipv6);
        let came_to = ssh_connection().map(|connection| connection.local);
        let carriers = match options.tcp {
            true => Carriers::Tcp,
            false => Carriers::UdpAndTcp,
        };
        let random = offer::random()?;
        let sockets = offer::listen(&options.port, carriers, family, came_to, random)?;
        let identities = Identities::generate()?;
        let mut info = offer::server_info(&sockets, options.mtu, &identities);
        let config = proxy::Config {
            links: sockets.links,
            client_id: identities.client,
            server_id: identities.server,
            key: identities.key,
            mtu: options.largest_packet(),
        };
        let (pipe, path, proxying) = proxy::new(config, tasks.stop());
        tasks.spawn(Role::Proxy, proxying);
        if let Some(listeners) = sockets.tcp {
            let largest = largest_frame(transport.mode()).max(options.largest_packet());
            let accepting = accept_all(listeners, path.streams(), largest, tasks.stop());
            tasks.spawn(Role::Proxy, accepting);
        }
        let listener = transport.listen(pipe.clone(), &mut info).await?;

        let (keeper, keeping) = keeper::new(login()?, tasks.stop());
        tasks.spawn(Role::Events, keeping);
        let (asked, quit) = watch::channel(None);
        let signals = Signals::listen();
        tasks.spawn(Role::Events, signals.heed(asked, tasks.stop()));
        let served = Self {
            pipe,
            path,
            listener,
            keeper,
            quit,
            tasks,
            greet_by,
            opening_timeout: options.connect_timeout(),
        };
        Ok((served, info))
    }

    async fn serve(self, log: mpsc::Receiver<BusEvent>, stop: &CancellationToken) -> Exit {
        let Self {
            pipe,
            path,
            mut listener,
            keeper,
            mut quit,
            tasks,
            greet_by,
            opening_timeout,
        } = self;
        let config = Config {
            keeper: keeper.clone(),
            greet_by,
            opening_timeout,
            quit: quit.clone(),
            log,
        };
        let client = async {
            let connection = tokio::select! {
                biased; // Who is asked to end serves nobody.
                _ = quit.wait_for(Option::is_some) => return Exit::Signalled,
                accepted = timeout_at(greet_by, listener.accept()) => match accepted {
                    Ok(Ok(connection)) => connection,
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "the transport ended before a client came");
                        return Exit::NoClient;
                    }
                    Err(_) => return Exit::NoClient,
                },
            };
            // The proxy ends with its last handle, and goodbyes still need a path.
            let path = Path {
                moves: path.moves(),
                proxy: Some(path.clone()),
            };
            let outcome = connection::run(connection.clone(), pipe, path, config, stop).await;
            keeper.end_all().await;
            connection.close().await;
            exit_of(outcome)
        };
        tokio::select! {
            biased; // How the client ended is more than that a task did.
            exit = client => exit,
            role = tasks.run() => {
                tracing::error!(?role, "a task of the process ended");
                Exit::InitFailed
            }
        }
    }
}

fn exit_of(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Closed | Outcome::Lost => Exit::Done,
        Outcome::Gone => Exit::AliveTimeout,
        Outcome::NotGreeted => Exit::NoClient,
        Outcome::Quit => Exit::Signalled,
    }
}

/// The account, sshd's settings for it, and the variables of the login that started this process.
fn login() -> anyhow::Result<Login> {
    let mut account = Account::current()?;
    // PAM, and SetEnv in a Match block of sshd's own, may have put the login into another home.
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from)
        && home.is_absolute()
    {
        account.home = home;
    }
    let subject = Subject {
        user: account.name.clone(),
        groups: account.groups.clone(),
        connection: ssh_connection(),
    };
    let config_home = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let file = settings::locate(config_home.as_deref(), &account.home);
    let settings = match file {
        // What is passed over in the file is in the log.
        Some(path) => settings::read(&path, &subject).0,
        None => Settings::default(),
    };
    Ok(Login::of_this_process(account, Arc::new(settings)))
}

/// Where the client's login came from and to.
fn ssh_connection() -> Option<settings::Connection> {
    settings::Connection::parse(&std::env::var("SSH_CONNECTION").ok()?)
}

/// The signals that ask a process to end. They are heard from the moment that this exists.
struct Signals {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> Self {
        let listen = |kind| {
            signal(kind)
                .inspect_err(|error| tracing::warn!(%error, "a signal cannot be heard"))
                .ok()
        };
        Self {
            terminate: listen(SignalKind::terminate()),
            interrupt: listen(SignalKind::interrupt()),
            hangup: listen(SignalKind::hangup()),
        }
    }

    /// Says why the process is to end, once the system has said so.
    async fn heed(mut self, asked: watch::Sender<Option<String>>, stop: CancellationToken) {
        loop {
            let name = tokio::select! {
                biased; // The end, then the signals by how often they mean it.
                () = stop.cancelled() => return,
                () = next(&mut self.terminate) => "SIGTERM",
                () = next(&mut self.interrupt) => "SIGINT",
                () = next(&mut self.hangup) => "SIGHUP",
            };
            asked.send_replace(Some(format!("tsshd on the server got {name}")));
        }
    }
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            // `None` means that the runtime ends.
            let _ = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
