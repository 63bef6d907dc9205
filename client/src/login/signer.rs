//! Signs a request with the key of an identity, asking for its passphrase only when the server has
//! already said that it would take the key.

use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::{HashAlg, PrivateKey, PublicKey};

use super::agent::Agent;
use super::identities::{Identity, Source};
use super::key_file::{KeyFile, append_signature};
use super::options::Options;
use super::prompt::{Answer, PromptError, Prompter, Question};

/// Signs for one identity.
pub(super) struct KeySigner<'a> {
    pub(super) options: &'a Options,
    pub(super) prompter: &'a dyn Prompter,
    pub(super) identity: &'a Identity,
    pub(super) agent: Option<&'a mut Agent>,
    pub(super) files: &'a mut [KeyFile],
}

/// Why there is no signature.
#[derive(Debug)]
pub(super) enum SignError {
    /// The connection is down.
    Disconnected,
    /// The user broke off.
    Interrupted,
    /// This key cannot sign; another may.
    Unable(String),
}

impl From<russh::SendError> for SignError {
    fn from(_: russh::SendError) -> Self {
        Self::Disconnected
    }
}

impl russh::Signer for KeySigner<'_> {
    type Error = SignError;

    async fn auth_sign(
        &mut self,
        shown: &AgentIdentity,
        hash: Option<HashAlg>,
        mut request: Vec<u8>,
    ) -> Result<Vec<u8>, SignError> {
        let key = match &self.identity.source {
            Source::Agent => {
                // A certificate from a file is nothing that the agent knows: the key alone is.
                let key = AgentIdentity::from(PublicKey::clone(&shown.public_key()));
                return self.by_agent(&key, hash, request).await;
            }
            Source::AgentCertificate => return self.by_agent(shown, hash, request).await,
            Source::Memory(key) => key.clone(),
            Source::File(index) => {
                let file = &mut self.files[*index];
                unlock(file, self.options, self.prompter).await?
            }
        };
        let unable = |error: russh::keys::ssh_key::Error| SignError::Unable(error.to_string());
        append_signature(&key, hash, &mut request).map_err(unable)?;
        Ok(request)
    }
}

impl KeySigner<'_> {
    async fn by_agent(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, SignError> {
        let agent = self.agent.as_mut();
        let agent = agent.ok_or_else(|| SignError::Unable("the agent is gone".into()))?;
        agent
            .sign(key, hash, request)
            .await
            .map_err(SignError::Unable)
    }
}

/// The private key of `file`, for a passphrase if need be.
pub(super) async fn unlock(
    file: &mut KeyFile,
    options: &Options,
    prompter: &dyn Prompter,
) -> Result<Arc<PrivateKey>, SignError> {
    if let Some(key) = file.private() {
        return Ok(key);
    }
    if options.batch_mode {
        return Err(SignError::Unable(
            "it needs a passphrase, and BatchMode forbids to ask".into(),
        ));
    }
    let text = format!("Enter passphrase for key '{}': ", file.path.display());
    for _ in 0..options.number_of_password_prompts {
        let question = Question {
            text: &text,
            kind: Answer::Secret,
        };
        let passphrase = match prompter.ask(&question).await {
            Ok(passphrase) => passphrase,
            Err(PromptError::Interrupted) => return Err(SignError::Interrupted),
            Err(error) => return Err(SignError::Unable(error.to_string())),
        };
        if passphrase.is_empty() {
            break;
        }
        if file.decrypt(passphrase).await
            && let Some(key) = file.private()
        {
            return Ok(key);
        }
    }
    Err(SignError::Unable("no passphrase opens it".into()))
}
