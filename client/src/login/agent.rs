//! The user's agent (draft-ietf-sshm-ssh-agent): what it holds, and its signatures.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use russh::keys::HashAlg;
use russh::keys::agent::client::AgentClient;
use russh::keys::agent::{AgentIdentity, AgentSessionBinding};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A connection to an agent that answered.
pub(super) struct Agent {
    client: AgentClient<UnixStream>,
}

impl Agent {
    /// Connects and lists the agent's identities. An agent that is not there, or does not answer
    /// within [`PATIENCE`], is logged at `debug` and gives `None`.
    ///
    /// `binding` tells the agent which server its signatures are for, so that keys restricted to
    /// some hosts work (OpenSSH's PROTOCOL.agent, "session-bind").
    pub(super) async fn connect(
        socket: &Path,
        binding: Option<&AgentSessionBinding>,
    ) -> Option<(Self, Vec<AgentIdentity>)> {
        let client = within(PATIENCE, UnixStream::connect(socket)).await;
        let stream = match client {
            Ok(stream) => stream,
            Err(reason) => {
                tracing::debug!(socket = %socket.display(), reason, "agent not used");
                return None;
            }
        };
        let mut agent = Self {
            client: AgentClient::connect(stream),
        };
        if let Some(binding) = binding
            && let Err(reason) = within(PATIENCE, agent.client.bind_session(binding, false)).await
        {
            // Agents older than the extension refuse it and work all the same.
            tracing::debug!(reason, "agent does not bind sessions");
        }
        match within(PATIENCE, agent.client.request_identities()).await {
            Ok(mut identities) => {
                identities.truncate(MAX_IDENTITIES);
                Some((agent, identities))
            }
            Err(reason) => {
                tracing::debug!(socket = %socket.display(), reason, "agent not used");
                None
            }
        }
    }

    /// Returns `data` with the agent's signature of it appended, as [`russh::Signer`] wants it.
    ///
    /// # Errors
    ///
    /// What the agent said, or that it took longer than [`SIGNING_PATIENCE`].
    pub(super) async fn sign(
        &mut self,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, String> {
        within(
            SIGNING_PATIENCE,
            self.client.sign_request(identity, hash, data),
        )
        .await
    }
}

async fn within<T, E: std::fmt::Display>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match timeout(limit, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
    }
}

/// A local socket answers in microseconds, a forwarded one in some round trips.
const PATIENCE: Duration = Duration::from_secs(5);

/// A signature may wait for a person to touch a token; sshd gives up a login after two minutes.
const SIGNING_PATIENCE: Duration = Duration::from_secs(120);

/// As many as OpenSSH takes from an agent.
const MAX_IDENTITIES: usize = 2048;
