//! Which keys to offer, and in which order (ssh_config(5), `IdentityFile`).

use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::{Certificate, PrivateKey, PublicKey};

use super::key_file::{KeyFile, certificate_path, open_certificate};
use super::options::Options;
use super::prompt::Prompter;

/// One key, or one certificate of a key, to offer to the server.
#[derive(Clone)]
pub(super) struct Identity {
    /// What the server is shown; `None` where only a passphrase would tell.
    pub(super) public: Option<PublicKey>,
    pub(super) certificate: Option<Certificate>,
    pub(super) source: Source,
    /// For the log.
    pub(super) label: String,
}

/// Who holds the private half.
#[derive(Clone)]
pub(super) enum Source {
    Agent,
    /// The agent, which may know the key by its certificate alone.
    AgentCertificate,
    /// An index into the files.
    File(usize),
    Memory(Arc<PrivateKey>),
}

/// The keys of a login and the files some of them are in.
pub(super) struct Identities {
    pub(super) list: Vec<Identity>,
    pub(super) files: Vec<KeyFile>,
}

impl Identities {
    /// OpenSSH's order: certificates, agent keys that a file names, other agent keys, files.
    pub(super) fn collect(
        options: &Options,
        agent: &[AgentIdentity],
        prompter: &dyn Prompter,
    ) -> Self {
        let files = open_files(options, prompter);
        let mut list = Vec::new();
        if let Some(key) = &options.memory_key {
            let key = key.private_key();
            list.push(Identity {
                public: Some(key.public_key().clone()),
                certificate: None,
                source: Source::Memory(key),
                label: "key in memory".into(),
            });
        }
        list.extend(certified(options, &files, agent, prompter));
        let named = |identity: &AgentIdentity| {
            let key = identity.public_key();
            let same =
                |file: &KeyFile| file.public().map(PublicKey::key_data) == Some(key.key_data());
            files.iter().any(same)
        };
        let (first, rest): (Vec<_>, Vec<_>) = agent.iter().partition(|identity| named(identity));
        list.extend(first.into_iter().map(Identity::of_agent));
        if !options.identities_only {
            list.extend(rest.into_iter().map(Identity::of_agent));
        }
        for (index, file) in files.iter().enumerate() {
            let public = file.public();
            let held = |identity: &Identity| {
                identity.certificate.is_none()
                    && matches!(identity.source, Source::Agent)
                    && identity.public.as_ref().map(PublicKey::key_data)
                        == public.map(PublicKey::key_data)
            };
            let usable = file.is_encrypted() || file.private().is_some();
            if usable && !list.iter().any(held) {
                list.push(Identity {
                    public: public.cloned(),
                    certificate: None,
                    source: Source::File(index),
                    label: file.path.display().to_string(),
                });
            }
        }
        Self { list, files }
    }
}

impl Identity {
    fn of_agent(identity: &AgentIdentity) -> Self {
        let (certificate, source) = match identity {
            AgentIdentity::Certificate { certificate, .. } => {
                (Some(certificate.clone()), Source::AgentCertificate)
            }
            AgentIdentity::PublicKey { .. } => (None, Source::Agent),
        };
        Self {
            public: Some(identity.public_key().into_owned()),
            certificate,
            source,
            label: format!("{} (agent)", identity.comment()),
        }
    }
}

/// Reads the files; one that cannot be used is told of once.
fn open_files(options: &Options, prompter: &dyn Prompter) -> Vec<KeyFile> {
    let mut files: Vec<KeyFile> = Vec::new();
    for path in &options.identity_files {
        if files.iter().any(|file| file.path == *path) {
            continue;
        }
        match KeyFile::open(path) {
            Ok(Some(file)) => files.push(file),
            Ok(None) => tracing::debug!(path = %path.display(), "no such key"),
            Err(reason) => prompter.warn(&format!("Warning: {reason}.")),
        }
    }
    files
}

/// The certificates of the options, each with whoever holds its key.
fn certified(
    options: &Options,
    files: &[KeyFile],
    agent: &[AgentIdentity],
    prompter: &dyn Prompter,
) -> Vec<Identity> {
    let beside = files.iter().map(|file| certificate_path(&file.path));
    let mut list: Vec<Identity> = Vec::new();
    for path in options.certificate_files.iter().cloned().chain(beside) {
        let certificate = match open_certificate(&path) {
            Ok(Some(certificate)) => certificate,
            Ok(None) => continue,
            Err(reason) => {
                prompter.warn(&format!("Warning: {reason}."));
                continue;
            }
        };
        let key = certificate.public_key();
        let in_file = |file: &KeyFile| {
            let usable = file.is_encrypted() || file.private().is_some();
            usable && file.public().map(PublicKey::key_data) == Some(key)
        };
        let in_agent = agent
            .iter()
            .any(|identity| identity.public_key().key_data() == key);
        let source = match files.iter().position(in_file) {
            _ if in_agent => Source::Agent,
            Some(index) => Source::File(index),
            None => {
                tracing::debug!(path = %path.display(), "nobody holds the key of this certificate");
                continue;
            }
        };
        let again = list
            .iter()
            .any(|other| other.certificate.as_ref() == Some(&certificate));
        if !again {
            list.push(Identity {
                public: Some(PublicKey::new(key.clone(), "")),
                certificate: Some(certificate),
                source,
                label: path.display().to_string(),
            });
        }
    }
    list
}
