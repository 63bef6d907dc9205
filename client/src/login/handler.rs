//! What the server says unasked: its host key, banners, and goodbye.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{self, DisconnectReason, Session};
use russh::keys::{PublicKeyBase64 as _, PublicKeyOrCertificate};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::{CLOSED, LoginError};
use super::host_key::{HostKeyCheck, Shown, Trust};
use super::options::Options;
use super::prompt::{Prompter, printable};

/// Hears the server for one connection.
pub(super) struct Handler {
    pub(super) check: HostKeyCheck,
    pub(super) peer: Arc<Peer>,
    pub(super) prompter: Arc<dyn Prompter>,
    /// Dropped when the server has shown its key: from then on people may take their time.
    pub(super) answered: Option<oneshot::Sender<()>>,
    pub(super) severed: CancellationToken,
    pub(super) banners_left: u32,
    /// Dropped with the connection's task, however that ends.
    pub(super) _ended: DropGuard,
}

/// The server of one connection, and what the handler learned of it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) host: String,
    pub(super) port: u16,
    no_secrets: AtomicBool,
    goodbye: Mutex<Option<String>>,
}

impl Peer {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            host: options.hostname.clone(),
            port: options.port,
            no_secrets: AtomicBool::new(false),
            goodbye: Mutex::new(None),
        }
    }

    /// Whether passwords must not be sent: the host key has changed.
    pub(super) fn no_secrets(&self) -> bool {
        self.no_secrets.load(Ordering::Relaxed)
    }

    /// The error for a connection that is down, with the reason as far as anybody said.
    pub(super) fn disconnected(&self) -> LoginError {
        let goodbye = self.goodbye.lock().unwrap_or_else(PoisonError::into_inner);
        LoginError::Disconnected {
            host: self.host.clone(),
            port: self.port,
            reason: goodbye.clone().unwrap_or_else(|| CLOSED.to_owned()),
        }
    }

    /// Why a channel, or a request on it, came to nothing.
    pub(super) fn refused(&self, what: &str, error: &russh::Error) -> LoginError {
        let russh::Error::ChannelOpenFailure(reason) = error else {
            return self.disconnected();
        };
        LoginError::ChannelRefused {
            host: self.host.clone(),
            what: format!("{what}: {}", channel_words(reason)),
        }
    }

    fn set_goodbye(&self, reason: String) {
        let mut goodbye = self.goodbye.lock().unwrap_or_else(PoisonError::into_inner);
        goodbye.get_or_insert(reason);
    }
}

impl client::Handler for Handler {
    type Error = LoginError;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, LoginError> {
        self.answered = None;
        let public = shown.public_key();
        let key = public.public_key_bytes();
        let shown = Shown {
            key: &key,
            public: &public,
            certificate: shown.certificate(),
        };
        let verdict = tokio::select! {
            biased; // Nobody is asked any more once it is cut off.
            () = self.severed.cancelled() => return Err(LoginError::Interrupted),
            verdict = self.check.check(shown) => verdict?,
        };
        if verdict == Trust::NoSecrets {
            self.peer.no_secrets.store(true, Ordering::Relaxed);
        }
        Ok(true)
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), LoginError> {
        if self.banners_left > 0 {
            self.banners_left -= 1;
            self.prompter.banner(&printable(banner));
        }
        Ok(())
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<LoginError>,
    ) -> Result<(), LoginError> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.peer.set_goodbye(printable(&info.message));
                Ok(())
            }
            DisconnectReason::Error(error) => {
                self.peer.set_goodbye(error.to_string());
                Err(error)
            }
        }
    }
}

fn channel_words(reason: &russh::ChannelOpenFailure) -> &'static str {
    use russh::ChannelOpenFailure as F;
    match reason {
        F::AdministrativelyProhibited => "administratively prohibited",
        F::ConnectFailed => "it could not be reached from there",
        F::ResourceShortage => "out of resources",
        F::UnknownChannelType | F::Other { .. } => "of an unknown kind",
    }
}
