//! Proves who the user is, by one method after the other, as ssh(1) orders them (RFC 4252).

use std::sync::Arc;

use russh::client::{AuthResult, KeyboardInteractiveAuthResponse};
use russh::keys::{Algorithm, HashAlg};
use russh::{MethodKind, MethodSet};

use super::agent::Agent;
use super::algorithms::accept_user_key;
use super::connect::Hop;
use super::error::LoginError;
use super::identities::{Identities, Identity, Source};
use super::options::{AuthMethod, Options};
use super::prompt::{Answer, PromptError, Prompter, Question, printable};
use super::signer::{KeySigner, SignError, unlock};

/// Logs `options.user` in on a connection whose host has been checked.
///
/// Cancel safe: the connection is then of no use.
///
/// # Errors
///
/// [`LoginError::Denied`] with what the server would still have liked, or the connection ended.
pub(super) async fn authenticate(
    hop: &mut Hop,
    options: &Options,
    prompter: Arc<dyn Prompter>,
) -> Result<(), LoginError> {
    let mut attempt = Attempt {
        hop,
        options,
        prompter: &*prompter,
        keys: None,
        rsa_hash: None,
    };
    Box::pin(attempt.run()).await
}

/// What one round of a method came to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The method leads no further.
    Exhausted,
    /// The user is in.
    LoggedIn,
    /// The method was right, and the server wants another one too.
    Partial,
}

struct Attempt<'a> {
    hop: &'a mut Hop,
    options: &'a Options,
    prompter: &'a dyn Prompter,
    keys: Option<Keys>,
    rsa_hash: Option<Option<HashAlg>>,
}

struct Keys {
    identities: Identities,
    agent: Option<Agent>,
}

impl Attempt<'_> {
    async fn run(&mut self) -> Result<(), LoginError> {
        let user = self.options.user.clone();
        let mut remaining = match self.hop.handle.authenticate_none(user).await {
            Ok(AuthResult::Success) => return Ok(()),
            Ok(AuthResult::Failure {
                remaining_methods, ..
            }) => self.still_there(remaining_methods)?,
            Err(_) => return Err(self.hop.peer.disconnected()),
        };
        let mut exhausted: Vec<AuthMethod> = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let open = |method: &AuthMethod| {
                !exhausted.contains(method) && remaining.contains(&kind(*method))
            };
            let allowed = |method: &AuthMethod| self.allows(*method);
            let mut methods = self.options.preferred_authentications.iter().copied();
            let Some(method) = methods.find(|method| open(method) && allowed(method)) else {
                break;
            };
            tracing::debug!(method = method.name(), "trying");
            let outcome = match method {
                AuthMethod::KeyboardInteractive => {
                    self.keyboard_interactive(&mut remaining).await?
                }
                AuthMethod::Password => self.password(&mut remaining).await?,
                AuthMethod::PublicKey => self.public_keys(&mut remaining).await?,
            };
            match outcome {
                Outcome::LoggedIn => return Ok(()),
                Outcome::Partial => exhausted.clear(),
                Outcome::Exhausted => exhausted.push(method),
            }
        }
        let names: Vec<&str> = remaining.iter().map(<&str>::from).collect();
        Err(LoginError::Denied {
            user: self.options.user.clone(),
            host: self.options.hostname.clone(),
            methods: names.join(","),
        })
    }

    fn allows(&self, method: AuthMethod) -> bool {
        let secrets = !self.options.batch_mode && !self.hop.peer.no_secrets();
        match method {
            AuthMethod::KeyboardInteractive => {
                self.options.kbd_interactive_authentication && secrets
            }
            AuthMethod::Password => self.options.password_authentication && secrets,
            AuthMethod::PublicKey => self.options.pubkey_authentication,
        }
    }

    async fn public_keys(&mut self, remaining: &mut MethodSet) -> Result<Outcome, LoginError> {
        let mut keys = match self.keys.take() {
            Some(keys) => keys,
            None => self.collect_keys().await,
        };
        let mut outcome = Outcome::Exhausted;
        for identity in keys.identities.list.clone() {
            outcome = self.offer(&identity, &mut keys, remaining).await?;
            let refused = !remaining.contains(&MethodKind::PublicKey);
            if outcome != Outcome::Exhausted || refused {
                break;
            }
        }
        self.keys = Some(keys);
        Ok(outcome)
    }

    async fn collect_keys(&self) -> Keys {
        let binding = self.hop.handle.agent_session_binding();
        let connected = match &self.options.identity_agent {
            Some(socket) => Agent::connect(socket, binding).await,
            None => None,
        };
        let (agent, held) = connected.unzip();
        let held = held.unwrap_or_default();
        Keys {
            identities: Identities::collect(self.options, &held, self.prompter),
            agent,
        }
    }

    async fn offer(
        &mut self,
        identity: &Identity,
        keys: &mut Keys,
        remaining: &mut MethodSet,
    ) -> Result<Outcome, LoginError> {
        let public = match (&identity.public, &identity.source) {
            (Some(public), _) => public.clone(),
            (None, Source::File(index)) => {
                let file = &mut keys.identities.files[*index];
                match unlock(file, self.options, self.prompter).await {
                    Ok(key) => key.public_key().clone(),
                    Err(error) => return self.pass_over(identity, error),
                }
            }
            (None, _) => return Ok(Outcome::Exhausted),
        };
        let is_rsa = matches!(public.algorithm(), Algorithm::Rsa { .. });
        let hash = if is_rsa {
            Some(self.rsa_hash().await?)
        } else {
            None
        };
        let algorithm = match hash {
            Some(None) => return Ok(Outcome::Exhausted),
            Some(hash) => Algorithm::Rsa { hash },
            None => public.algorithm(),
        };
        let name = match &identity.certificate {
            Some(_) => algorithm.to_certificate_type(),
            None => algorithm.as_str().to_owned(),
        };
        if let Err(reason) = accept_user_key(self.options, &public, &name) {
            tracing::debug!("key {} is not offered: {reason}", identity.label);
            return Ok(Outcome::Exhausted);
        }
        tracing::debug!(key = identity.label, "offering");
        let mut signer = KeySigner {
            options: self.options,
            prompter: self.prompter,
            identity,
            agent: keys.agent.as_mut(),
            files: &mut keys.identities.files,
        };
        let (user, hash) = (self.options.user.clone(), hash.flatten());
        let handle = &mut self.hop.handle;
        let answer = match &identity.certificate {
            Some(certificate) => {
                let certificate = certificate.clone();
                handle
                    .authenticate_certificate_with(user, certificate, hash, &mut signer)
                    .await
            }
            None => {
                handle
                    .authenticate_publickey_with(user, public, hash, &mut signer)
                    .await
            }
        };
        match answer {
            Ok(answer) => self.weigh(answer, remaining),
            Err(error) => self.pass_over(identity, error),
        }
    }

    fn pass_over(&self, identity: &Identity, error: SignError) -> Result<Outcome, LoginError> {
        match error {
            SignError::Disconnected => Err(self.hop.peer.disconnected()),
            SignError::Interrupted => Err(LoginError::Interrupted),
            SignError::Unable(reason) => {
                let key = &identity.label;
                self.prompter
                    .warn(&format!("Warning: key {key} cannot sign: {reason}."));
                Ok(Outcome::Exhausted)
            }
        }
    }

    /// The hash for RSA signatures; `None` if the server takes none but SHA-1.
    async fn rsa_hash(&mut self) -> Result<Option<HashAlg>, LoginError> {
        if let Some(hash) = self.rsa_hash {
            return Ok(hash);
        }
        let said = self.hop.handle.best_supported_rsa_hash().await;
        // A server that does not say (RFC 8308) is most likely one that knows SHA-2 all the same.
        let hash = said
            .map_err(|_| self.hop.peer.disconnected())?
            .unwrap_or(Some(HashAlg::Sha512));
        self.rsa_hash = Some(hash);
        Ok(hash)
    }

    async fn password(&mut self, remaining: &mut MethodSet) -> Result<Outcome, LoginError> {
        let (user, host) = (&self.options.user, &self.options.hostname);
        let text = format!("{user}@{host}'s password: ");
        for attempt in 0..self.options.number_of_password_prompts {
            if attempt > 0 {
                self.prompter.warn("Permission denied, please try again.");
            }
            let Some(password) = self.ask(&text, Answer::Secret).await? else {
                return Ok(Outcome::Exhausted);
            };
            let handle = &mut self.hop.handle;
            let answer = handle.authenticate_password(user, password.as_str()).await;
            let answer = answer.map_err(|_| self.hop.peer.disconnected())?;
            let outcome = self.weigh(answer, remaining)?;
            if outcome != Outcome::Exhausted || !remaining.contains(&MethodKind::Password) {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Exhausted)
    }

    async fn keyboard_interactive(
        &mut self,
        remaining: &mut MethodSet,
    ) -> Result<Outcome, LoginError> {
        for _ in 0..self.options.number_of_password_prompts {
            let mut asked = 0;
            let user = self.options.user.clone();
            let handle = &mut self.hop.handle;
            let mut answer = handle
                .authenticate_keyboard_interactive_start(user, None)
                .await;
            loop {
                match answer.map_err(|_| self.hop.peer.disconnected())? {
                    KeyboardInteractiveAuthResponse::Success => return Ok(Outcome::LoggedIn),
                    KeyboardInteractiveAuthResponse::Failure {
                        remaining_methods,
                        partial_success,
                    } => {
                        let failure = AuthResult::Failure {
                            remaining_methods,
                            partial_success,
                        };
                        let outcome = self.weigh(failure, remaining)?;
                        let over = !remaining.contains(&MethodKind::KeyboardInteractive);
                        if outcome != Outcome::Exhausted || over || asked == 0 {
                            return Ok(outcome);
                        }
                        break;
                    }
                    KeyboardInteractiveAuthResponse::InfoRequest {
                        name,
                        instructions,
                        prompts,
                    } => {
                        asked += 1;
                        if asked > MAX_QUESTIONS {
                            return Ok(Outcome::Exhausted);
                        }
                        self.tell_all(&[&name, &instructions]);
                        let Some(answers) = self.answers(&prompts).await? else {
                            return Ok(Outcome::Exhausted);
                        };
                        let handle = &mut self.hop.handle;
                        answer = handle
                            .authenticate_keyboard_interactive_respond(answers)
                            .await;
                    }
                }
            }
        }
        Ok(Outcome::Exhausted)
    }

    async fn answers(
        &self,
        prompts: &[russh::client::Prompt],
    ) -> Result<Option<Vec<String>>, LoginError> {
        let mut answers = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let kind = if prompt.echo {
                Answer::Visible
            } else {
                Answer::Secret
            };
            // Whose question it is must be plain: a server may ask for anything.
            let (user, host) = (&self.options.user, &self.options.hostname);
            let text = format!("({user}@{host}) {} ", printable(&prompt.prompt));
            let Some(answer) = self.ask(&text, kind).await? else {
                return Ok(None);
            };
            answers.push(answer.as_str().to_owned());
        }
        Ok(Some(answers))
    }

    /// `None` where there is nobody to ask.
    async fn ask(
        &self,
        text: &str,
        kind: Answer,
    ) -> Result<Option<zeroize::Zeroizing<String>>, LoginError> {
        match self.prompter.ask(&Question { text, kind }).await {
            Ok(answer) => Ok(Some(answer)),
            Err(PromptError::Interrupted) => Err(LoginError::Interrupted),
            Err(error @ PromptError::NobodyToAsk) => {
                tracing::debug!(%error, "not asked");
                Ok(None)
            }
        }
    }

    fn tell_all(&self, texts: &[&str]) {
        for text in texts
            .iter()
            .map(|text| printable(text))
            .filter(|text| !text.is_empty())
        {
            self.prompter.tell(&text);
        }
    }

    fn weigh(&self, answer: AuthResult, remaining: &mut MethodSet) -> Result<Outcome, LoginError> {
        match answer {
            AuthResult::Success => Ok(Outcome::LoggedIn),
            AuthResult::Failure {
                remaining_methods,
                partial_success,
            } => {
                *remaining = self.still_there(remaining_methods)?;
                Ok(if partial_success {
                    Outcome::Partial
                } else {
                    Outcome::Exhausted
                })
            }
        }
    }

    /// The library reports a lost connection as a failure that leaves no method.
    fn still_there(&self, remaining: MethodSet) -> Result<MethodSet, LoginError> {
        match remaining.is_empty() && self.hop.handle.is_closed() {
            true => Err(self.hop.peer.disconnected()),
            false => Ok(remaining),
        }
    }
}

fn kind(method: AuthMethod) -> MethodKind {
    match method {
        AuthMethod::KeyboardInteractive => MethodKind::KeyboardInteractive,
        AuthMethod::Password => MethodKind::Password,
        AuthMethod::PublicKey => MethodKind::PublicKey,
    }
}

/// More methods in a row than any server asks for; ends a server that never has enough.
const MAX_ROUNDS: usize = 32;

/// Rounds of questions within one attempt; ends a server that never stops asking.
const MAX_QUESTIONS: usize = 32;
