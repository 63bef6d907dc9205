//! Decides whether the server is the host it should be, and asks the user where only they know.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use russh::keys::{Certificate, PublicKey};

use super::algorithms::accept_size;
use super::certificate;
use super::error::LoginError;
use super::known_hosts::{
    HostNames, KnownHosts, Origin, Verdict, append, load, revoked_in, type_label,
};
use super::options::{Options, StrictHostKeyChecking};
use super::prompt::{Answer, PromptError, Prompter, Question};

/// What is known about one host, and what to do about the rest.
pub(super) struct HostKeyCheck {
    names: HostNames,
    /// What certificates must name.
    principal: String,
    /// The address that was connected to, for the question.
    address: Option<String>,
    known: KnownHosts,
    pinned: Option<Vec<u8>>,
    revoked: Option<PathBuf>,
    strict: StrictHostKeyChecking,
    batch: bool,
    append_to: Option<PathBuf>,
    hash: bool,
    required_rsa_size: u32,
    /// `CASignatureAlgorithms`.
    authorities: Option<String>,
    /// This machine, which the user trusts whatever its key.
    is_trusted: bool,
    prompter: Arc<dyn Prompter>,
}

/// How far an accepted key is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    Full,
    /// The key changed and the user does not care: nothing secret may be typed.
    NoSecrets,
}

/// What the server showed.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    /// The public key as RFC 4253 section 6.6 encodes it.
    pub(super) key: &'a [u8],
    pub(super) public: &'a PublicKey,
    pub(super) certificate: Option<&'a Certificate>,
}

impl HostKeyCheck {
    /// Reads the known_hosts files of `options`.
    pub(super) fn new(
        options: &Options,
        address: Option<String>,
        prompter: Arc<dyn Prompter>,
    ) -> Self {
        let alias = options.host_key_alias.as_deref();
        let names = HostNames::new(&options.hostname, options.port, alias);
        let files = options
            .user_known_hosts
            .iter()
            .chain(&options.global_known_hosts);
        let known = match options.pinned_host_key {
            Some(_) => KnownHosts::default(),
            None => load(files, &names),
        };
        let is_loopback = address
            .as_ref()
            .and_then(|address| address.parse::<IpAddr>().ok())
            .is_some_and(|ip| ip.to_canonical().is_loopback());
        Self {
            required_rsa_size: options.required_rsa_size,
            authorities: options.algorithms.authorities.clone(),
            is_trusted: options.trust_loopback && is_loopback && alias.is_none(),
            principal: alias.unwrap_or(&options.hostname).to_owned(),
            address: address.filter(|address| *address != options.hostname),
            known,
            names,
            pinned: options.pinned_host_key.clone(),
            revoked: options.revoked_host_keys.clone(),
            strict: options.strict_host_key_checking,
            batch: options.batch_mode,
            append_to: options.user_known_hosts.first().cloned(),
            hash: options.hash_known_hosts,
            prompter,
        }
    }

    pub(super) fn known(&self) -> &KnownHosts {
        &self.known
    }

    /// Judges what the server showed. Cancel safe: nothing is written before the answer.
    ///
    /// # Errors
    ///
    /// [`LoginError::HostKey`], after the user has been told what it means.
    pub(super) async fn check(&self, shown: Shown<'_>) -> Result<Trust, LoginError> {
        if let Some(pinned) = &self.pinned {
            return match pinned == shown.key {
                true => Ok(Trust::Full),
                false => Err(self.refused("it is not the one key that was expected")),
            };
        }
        if let Err(reason) = accept_size(self.required_rsa_size, shown.public) {
            return Err(self.refused(&reason));
        }
        self.check_revocation(shown)?;
        if self.is_trusted {
            return Ok(Trust::Full);
        }
        if let Some(certificate) = shown.certificate {
            let now = certificate::unix_now();
            match certificate::check(
                certificate,
                &self.known,
                &self.principal,
                now,
                self.authorities.as_deref(),
            ) {
                Ok(()) => return Ok(Trust::Full),
                // The key in it may be known all the same.
                Err(reason) => self.warn(&format!("Host certificate not accepted: {reason}.")),
            }
        }
        match self.known.judge(shown.key) {
            Verdict::Known => Ok(Trust::Full),
            Verdict::Revoked(origin) => Err(self.revoked(shown.key, &origin.to_string())),
            Verdict::Changed(origin, other) => self.changed(shown.key, &origin, &other),
            Verdict::New => self.unknown(shown.key).await.map(|()| Trust::Full),
        }
    }

    fn check_revocation(&self, shown: Shown<'_>) -> Result<(), LoginError> {
        let authority = shown.certificate.map(certificate::authority);
        for key in [Some(shown.key), authority.as_deref()]
            .into_iter()
            .flatten()
        {
            if let Some(origin) = self.known.revocation(key) {
                return Err(self.revoked(key, &origin.to_string()));
            }
            let Some(path) = &self.revoked else { continue };
            match revoked_in(path, key) {
                Ok(false) => {}
                Ok(true) => return Err(self.revoked(key, &path.display().to_string())),
                // Whoever names a list wants it obeyed: one that cannot be read revokes all.
                Err(error) => {
                    let reason = format!("RevokedHostKeys {}: {error}", path.display());
                    return Err(self.refused(&reason));
                }
            }
        }
        Ok(())
    }

    fn revoked(&self, key: &[u8], place: &str) -> LoginError {
        self.warn(&format!(
            "{}\nThe {} host key of {} is marked as revoked in {place}.\n\
             Whoever answers there may be using a stolen key.",
            boxed("WARNING: REVOKED HOST KEY DETECTED!"),
            type_label(key),
            self.names.exact,
        ));
        self.refused("the key is revoked")
    }

    fn changed(&self, key: &[u8], origin: &Origin, other: &[u8]) -> Result<Trust, LoginError> {
        let exact = &self.names.exact;
        self.warn(&format!(
            "{}\n\
             Somebody may be listening in right now (man-in-the-middle attack)!\n\
             It is also possible that the host has a new key.\n\
             The fingerprint of the {label} key sent by {exact} is\n{fingerprint}.\n\
             Ask the administrator of the host which it is.\n\
             The {other} key on record is in {file}:{line}; to forget it:\n  \
             ssh-keygen -f {file:?} -R {exact:?}",
            boxed("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!"),
            label = type_label(key),
            fingerprint = fingerprint(key),
            other = type_label(other),
            file = origin.file.display().to_string(),
            line = origin.line,
        ));
        if self.strict != StrictHostKeyChecking::No {
            return Err(self.refused("the host key has changed"));
        }
        self.warn("Going on without passwords, because StrictHostKeyChecking is off.");
        Ok(Trust::NoSecrets)
    }

    async fn unknown(&self, key: &[u8]) -> Result<(), LoginError> {
        let label = type_label(key);
        match self.strict {
            StrictHostKeyChecking::Yes => {
                self.warn(&format!(
                    "No {label} host key is known for {} and you have requested strict checking.",
                    self.names.exact
                ));
                return Err(self.refused("the host key is not known"));
            }
            StrictHostKeyChecking::AcceptNew | StrictHostKeyChecking::No => {}
            StrictHostKeyChecking::Ask => self.ask(key).await?,
        }
        self.remember(key);
        Ok(())
    }

    async fn ask(&self, key: &[u8]) -> Result<(), LoginError> {
        if self.batch {
            return Err(self.refused("the host key is not known, and BatchMode forbids to ask"));
        }
        let exact = &self.names.exact;
        let host = match &self.address {
            Some(address) => format!("'{exact} ({address})'"),
            None => format!("'{exact}'"),
        };
        let label = type_label(key);
        let fingerprint = fingerprint(key);
        let mut text = format!(
            "The authenticity of host {host} can't be established.\n\
             {label} key fingerprint is {fingerprint}.\n\
             Are you sure you want to continue connecting (yes/no/[fingerprint])? "
        );
        loop {
            let question = Question {
                text: &text,
                kind: Answer::Confirmation,
            };
            let answer = self
                .prompter
                .ask(&question)
                .await
                .map_err(|error| match error {
                    PromptError::Interrupted => LoginError::Interrupted,
                    PromptError::NobodyToAsk => {
                        self.refused("the host key is not known, and there is nobody to ask")
                    }
                })?;
            let answer = answer.trim();
            if answer.eq_ignore_ascii_case("yes") || answer == fingerprint {
                return Ok(());
            }
            if answer.is_empty() || answer.eq_ignore_ascii_case("no") {
                return Err(self.refused("you did not accept the host key"));
            }
            text = "Please type 'yes', 'no' or the fingerprint: ".into();
        }
    }

    /// Not being able to write is no reason to end the login: the user has just said yes.
    fn remember(&self, key: &[u8]) {
        let exact = &self.names.exact;
        let Some(path) = &self.append_to else { return };
        match append(path, &self.names, key, self.hash) {
            Ok(()) => self.tell(&format!(
                "Warning: Permanently added '{exact}' ({}) to the list of known hosts.",
                type_label(key)
            )),
            Err(error) => self.warn(&format!(
                "Could not add the host to the list of known hosts ({}): {error}.",
                path.display()
            )),
        }
    }

    fn refused(&self, reason: &str) -> LoginError {
        LoginError::HostKey {
            host: self.names.exact.clone(),
            reason: reason.into(),
        }
    }

    fn tell(&self, text: &str) {
        self.prompter.tell(text);
    }

    fn warn(&self, text: &str) {
        self.prompter.warn(text);
    }
}

/// The SHA-256 fingerprint as `ssh-keygen -l` prints it.
pub(super) fn fingerprint(key: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, key);
    format!("SHA256:{}", STANDARD_NO_PAD.encode(hash))
}

fn boxed(text: &str) -> String {
    let line = "@".repeat(59);
    format!("{line}\n@{text:^57}@\n{line}")
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}
