//! Answers one client.

use std::net::SocketAddr;
use std::sync::Arc;

use nix::unistd::User;
use russh::keys::{PublicKey, PublicKeyBase64 as _};
use russh::server::{
    self, Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::program;

/// One connection.
pub(super) struct Handler {
    allowed: Vec<u8>,
    user: Arc<User>,
    address: Option<SocketAddr>,
    /// Cancelled when the client is in.
    pub(super) authenticated: CancellationToken,
    /// Aborted, and their programs with them, when the connection ends.
    programs: JoinSet<()>,
}

impl Handler {
    pub(super) fn new(allowed: Vec<u8>, user: Arc<User>, address: Option<SocketAddr>) -> Self {
        let authenticated = CancellationToken::new();
        Self {
            allowed,
            user,
            address,
            authenticated,
            programs: JoinSet::new(),
        }
    }

    fn judge(&self, user: &str, key: &PublicKey) -> Auth {
        match user == self.user.name && key.public_key_bytes() == self.allowed {
            true => Auth::Accept,
            false => Auth::reject(),
        }
    }
}

impl server::Handler for Handler {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(self.judge(user, offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(self.judge(user, key.public_key))
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        self.authenticated.cancel();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        while self.programs.try_join_next().is_some() {}
        if self.programs.len() >= MAX_PROGRAMS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        reply.accept().await;
        self.programs
            .spawn(program::serve(channel, self.user.clone(), self.address));
        Ok(())
    }

    // The program's task hears of every request through its channel; only the answer is given
    // here, because the library answers the request that came last.

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _pixel_width: u32,
        _pixel_height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        _columns: u32,
        _rows: u32,
        _pixel_width: u32,
        _pixel_height: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }
}

/// As sshd's MaxSessions.
const MAX_PROGRAMS: usize = 10;
