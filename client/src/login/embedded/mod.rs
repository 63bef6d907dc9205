//! An SSH server inside this program, for a demonstration on a machine without sshd.
//!
//! It listens on 127.0.0.1 at a port of the system's choice, lets in one key that was made for it
//! a moment ago and exists in memory alone, and runs programs as the current user. Nothing is
//! read from or written to the user's files. It ends with the value that [`start`] returns.
//!
//! | want to change…                        | look in      |
//! |----------------------------------------|--------------|
//! | who is let in, how many at once        | this file    |
//! | what is answered to a client           | `handler.rs` |
//! | how programs are run                   | `program.rs`, `child.rs` |
//!
//! Not here: PAM, login records, resource limits, forwarding. It is no replacement for sshd.

mod child;
mod handler;
mod program;

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{User, getuid};
use russh::server;
use russh::{MethodKind, MethodSet};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::key_file::MemoryKey;
use super::options::{Options, StrictHostKeyChecking};
use super::stream::Severable;
use handler::Handler;

/// A running server. Dropping it ends the server, its connections and their programs; a program
/// that has left its session (as a daemon does) stays.
#[derive(Debug)]
pub struct Embedded {
    /// All that is needed to log in: address, user, key and host key.
    pub options: Options,
    _accepting: JoinSet<()>,
    _stop: DropGuard,
}

/// Starts a server for the current user, on the runtime that this is called in.
///
/// # Errors
///
/// No port, no random numbers, or no such user.
pub async fn start() -> io::Result<Embedded> {
    let user = User::from_uid(getuid()).map_err(io::Error::from)?;
    let user = Arc::new(user.ok_or_else(|| io::Error::other("the current user has no name"))?);
    let (host_key, client_key) = (MemoryKey::generate()?, MemoryKey::generate()?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();

    let mut options = Options::new(Ipv4Addr::LOCALHOST.to_string(), port, user.name.clone());
    options.pinned_host_key = Some(host_key.public_key());
    options.memory_key = Some(client_key.clone());
    options.strict_host_key_checking = StrictHostKeyChecking::Yes;
    options.batch_mode = true;

    let stop = CancellationToken::new();
    let door = Door {
        config: Arc::new(config(&host_key)),
        allowed: client_key.public_key(),
        user,
        stop: stop.clone(),
    };
    let mut accepting = JoinSet::new();
    accepting.spawn(door.accept(listener));
    Ok(Embedded {
        options,
        _accepting: accepting,
        _stop: stop.drop_guard(),
    })
}

/// Lets clients in.
struct Door {
    config: Arc<server::Config>,
    allowed: Vec<u8>,
    user: Arc<User>,
    stop: CancellationToken,
}

impl Door {
    async fn accept(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased; // Places are given back before others are taken.
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                    match accepted {
                        Ok((stream, _)) => {
                            connections.spawn(self.connection(stream));
                        }
                        // Out of file descriptors, mostly. No event tells when there are some again, and the listener stays
                        // ready: without a pause this would be a busy loop.
                        Err(error) => {
                            tracing::debug!(%error, "connection not accepted");
                            tokio::time::sleep(AFTER_FAILURE).await;
                        }
                    }
                }
            }
        }
    }

    fn connection(&self, stream: TcpStream) -> impl Future<Output = ()> + Send + use<> {
        let sever = self.stop.child_token();
        let handler = Handler::new(
            self.allowed.clone(),
            self.user.clone(),
            stream.local_addr().ok(),
        );
        let authenticated = handler.authenticated.clone();
        let config = self.config.clone();
        async move {
            let cut = sever.clone().drop_guard();
            let _ = stream.set_nodelay(true); // Slower, but it works without.
            let stream = Severable::new(Box::new(stream), sever);
            let greeted = timeout(GRACE, server::run_stream(config, stream, handler)).await;
            let Ok(Ok(mut session)) = greeted else { return };
            // Whoever has no key is gone after a while, and makes room.
            let ended = tokio::select! {
                biased; // One that has ended needs no time to authenticate.
                ended = &mut session => Some(ended),
                result = timeout(GRACE, authenticated.cancelled()) => match result {
                    Ok(()) => Some(session.await),
                    Err(_) => None,
                },
            };
            tracing::debug!(?ended, "embedded connection ended");
            drop(cut);
        }
    }
}

fn config(host_key: &MemoryKey) -> server::Config {
    server::Config {
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        keys: vec![host_key.private_key().as_ref().clone()],
        // Timing tells an attacker nothing about a random key, and waiting delays the client.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: None,
        max_auth_attempts: 3,
        nodelay: true,
        ..server::Config::default()
    }
}

/// The demonstration needs two; anybody on this machine can knock.
const MAX_CONNECTIONS: usize = 16;

/// For a client to show its key.
const GRACE: Duration = Duration::from_secs(10);

/// Between attempts to accept when the system says no.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
