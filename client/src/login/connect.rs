//! From [`Options`] to a [`Login`]: the stream, the handshake, the proof of who the user is.

use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle, Msg};
use russh::{Limits, SshId};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::algorithms::preferred;
use super::channel::{Channel, Request};
use super::dial::{Addresses, Dialled, dial, timed_out};
use super::error::LoginError;
use super::forwarder::Forwarder;
use super::handler::{Handler, Peer};
use super::host_key::HostKeyCheck;
use super::methods::authenticate;
use super::options::Options;
use super::prompt::Prompter;
use super::stream::{ByteStream, Severable};

/// A user logged in to a host. Dropping it ends the connection and every channel on it.
#[derive(Debug)]
pub struct Login {
    /// The hosts on the way, nearest first; the last is the one logged in to.
    hops: Vec<Reached>,
    addresses: Option<Addresses>,
    others: Vec<SocketAddr>,
}

/// One SSH connection of the chain, as long as the user proves who he is.
pub(super) struct Hop {
    pub(super) handle: Handle<Handler>,
    pub(super) peer: Arc<Peer>,
    ended: CancellationToken,
    sever: DropGuard,
}

/// The same once he has: whoever opens channels shares it.
pub(super) struct Reached {
    pub(super) server: Server,
    ended: CancellationToken,
    sever: DropGuard,
}

/// Opens channels to one server. Clones share the connection, and none keeps it.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) handle: Arc<Handle<Handler>>,
    pub(super) peer: Arc<Peer>,
}

impl Login {
    /// Logs in to the host of `options`, through its jump hosts or its proxy command.
    ///
    /// Cancel safe: dropping the future ends every connection and process it made. What was added
    /// to known_hosts stays.
    ///
    /// # Errors
    ///
    /// One sentence on what stood in the way; see [`LoginError`].
    pub async fn connect(
        options: &Options,
        prompter: Arc<dyn Prompter>,
    ) -> Result<Self, LoginError> {
        let mut hops: Vec<Reached> = Vec::with_capacity(options.jump.len() + 1);
        let (mut addresses, mut others) = (None, Vec::new());
        for target in options.jump.iter().chain(iter::once(options)) {
            let dialled = match hops.last() {
                None => dial(target).await?,
                Some(previous) => Dialled {
                    stream: previous
                        .server
                        .tunnel(&target.hostname, target.port)
                        .await?,
                    addresses: None,
                    others: Vec::new(),
                },
            };
            if options.jump.is_empty() {
                addresses = dialled.addresses;
                others.clone_from(&dialled.others);
            }
            let mut hop = Hop::handshake(target, dialled, prompter.clone()).await?;
            authenticate(&mut hop, target, prompter.clone()).await?;
            hops.push(hop.reached());
        }
        Ok(Self {
            hops,
            addresses,
            others,
        })
    }

    /// The two ends of the TCP connection; `None` where a proxy command or a jump host stands
    /// between, which leaves the server's address unknown.
    pub fn addresses(&self) -> Option<Addresses> {
        self.addresses
    }

    /// What else the resolver says of the server's name, beside the address of the login.
    pub fn other_addresses(&self) -> &[SocketAddr] {
        &self.others
    }

    /// Starts a shell, a command or a subsystem.
    ///
    /// Cancel safe: a channel that was being opened is closed by the end of the login.
    ///
    /// # Errors
    ///
    /// [`LoginError::ChannelRefused`], or the connection ended.
    pub async fn start(&self, request: &Request) -> Result<Channel, LoginError> {
        Channel::open(&self.target().server, request).await
    }

    /// Opens TCP connections from the server, for as long as this login lives.
    pub fn forwarder(&self) -> Forwarder {
        Forwarder::new(self.target().server.clone())
    }

    /// Whether the host's key has changed and the user goes on all the same: nothing of value may be
    /// entrusted to it.
    pub fn is_doubtful(&self) -> bool {
        self.target().server.peer.no_secrets()
    }

    /// Whether the connection has ended, by whomever.
    pub fn is_closed(&self) -> bool {
        self.target().server.handle.is_closed()
    }

    /// Waits for the end of the connection, and tells its reason. Cancel safe.
    pub async fn closed(&self) -> LoginError {
        let target = self.target();
        target.ended.cancelled().await;
        // How the task ended says less than what the server said.
        target.server.peer.disconnected()
    }

    /// Says goodbye and waits, a second at most, until the connection is down.
    pub async fn close(mut self) {
        while let Some(hop) = self.hops.pop() {
            let goodbye = async {
                let reason = russh::Disconnect::ByApplication;
                // A connection that is down already needs no goodbye.
                if hop
                    .server
                    .handle
                    .disconnect(reason, "disconnected by user", "")
                    .await
                    .is_ok()
                {
                    hop.ended.cancelled().await;
                }
            };
            let _ = timeout(GOODBYE, goodbye).await;
            drop(hop.sever);
        }
    }

    fn target(&self) -> &Reached {
        self.hops.last().expect("connect() puts the target in")
    }
}

impl Hop {
    /// Exchanges keys with the server and checks who it is.
    async fn handshake(
        options: &Options,
        dialled: Dialled,
        prompter: Arc<dyn Prompter>,
    ) -> Result<Self, LoginError> {
        let address = dialled
            .addresses
            .map(|addresses| addresses.remote.ip().to_string());
        let check = HostKeyCheck::new(options, address, prompter.clone());
        let config = Arc::new(config(options, &check)?);
        let severed = CancellationToken::new();
        let sever = severed.clone().drop_guard();
        let stream = Severable::new(dialled.stream, severed.clone());
        let peer = Arc::new(Peer::new(options));
        let (answered, has_answered) = oneshot::channel();
        let ended = CancellationToken::new();
        let handler = Handler {
            check,
            peer: peer.clone(),
            prompter,
            answered: Some(answered),
            severed,
            banners_left: MAX_BANNERS,
            _ended: ended.clone().drop_guard(),
        };
        let handshake = Box::pin(client::connect_stream(config, stream, handler));
        let handle = tokio::select! {
            biased; // What is done already needs not be thrown away.
            handle = handshake => handle.map_err(|error| in_handshake(options, error))?,
            limit = silence(options.connect_timeout, has_answered) => {
                return Err(timed_out(options, limit));
            }
        };
        Ok(Self {
            handle,
            peer,
            ended,
            sever,
        })
    }

    fn reached(self) -> Reached {
        let Self {
            handle,
            peer,
            ended,
            sever,
        } = self;
        Reached {
            server: Server {
                handle: Arc::new(handle),
                peer,
            },
            ended,
            sever,
        }
    }
}

impl Server {
    /// A stream through this host to another.
    async fn tunnel(&self, host: &str, port: u16) -> Result<Box<dyn ByteStream>, LoginError> {
        let nobody = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        let channel = self.open_tcp(host, port, nobody).await?;
        Ok(Box::new(channel.into_stream()))
    }

    /// RFC 4254, section 7.2. `origin` is who asks.
    pub(super) async fn open_tcp(
        &self,
        host: &str,
        port: u16,
        origin: SocketAddr,
    ) -> Result<russh::Channel<Msg>, LoginError> {
        let opened = self.handle.channel_open_direct_tcpip(
            host,
            u32::from(port),
            origin.ip().to_string(),
            u32::from(origin.port()),
        );
        let what = || format!("a connection to {host} port {port}");
        opened
            .await
            .map_err(|error| self.peer.refused(&what(), &error))
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("host", &self.peer.host)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.server.fmt(f)
    }
}

impl std::fmt::Debug for Hop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hop")
            .field("host", &self.peer.host)
            .finish_non_exhaustive()
    }
}

/// Ends, with the limit, only if the server says nothing for so long.
async fn silence(limit: Option<Duration>, answered: oneshot::Receiver<()>) -> Duration {
    if let Some(limit) = limit
        && timeout(limit, answered).await.is_err()
    {
        return limit;
    }
    std::future::pending().await
}

fn config(options: &Options, check: &HostKeyCheck) -> Result<client::Config, LoginError> {
    let limit = options.rekey_limit;
    // The library counts at most so much, and no limit at all would wear a key out.
    let bytes = usize::try_from(limit.bytes.clamp(MIN_REKEY, MAX_REKEY)).unwrap_or(1 << 30);
    let alive = options
        .server_alive_interval
        .filter(|interval| !interval.is_zero());
    Ok(client::Config {
        client_id: SshId::Standard(CLIENT_ID.into()),
        limits: Limits::new(bytes, bytes, limit.time),
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: CHANNEL_QUEUE,
        preferred: preferred(options, check.known())?,
        keepalive_interval: alive,
        keepalive_max: usize::try_from(options.server_alive_count_max).unwrap_or(usize::MAX),
        ..client::Config::default()
    })
}

fn in_handshake(options: &Options, error: LoginError) -> LoginError {
    let (host, port) = (options.hostname.clone(), options.port);
    if let LoginError::Ssh(reason) = error {
        return LoginError::Handshake { host, port, reason };
    }
    error
}

/// What servers' logs show of us (RFC 4253 section 4.2).
const CLIENT_ID: &str = concat!("SSH-2.0-tssh_", env!("CARGO_PKG_VERSION"));

/// Fills a path of 100 Mbit/s and 160 ms, as OpenSSH's default does.
const WINDOW: u32 = 2 << 20;

/// The largest payload that OpenSSH sends in one packet.
const PACKET: u32 = 32 << 10;

/// A full window of full packets, so that a reader who pauses does not at once stop the
/// connection: the library hands packets over in its only read loop.
const CHANNEL_QUEUE: usize = (WINDOW / PACKET) as usize;

const MIN_REKEY: u64 = 1 << 20;
const MAX_REKEY: u64 = 1 << 30;

/// More than any server has to say before the login.
const MAX_BANNERS: u32 = 16;

/// A goodbye is one packet: whoever does not take it in a second is gone.
const GOODBYE: Duration = Duration::from_secs(1);
