//! Private keys, from files and from memory.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::Signature;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey, PublicKeyBase64 as _};
use russh::keys::{decode_secret_key, ssh_key};
use zeroize::Zeroizing;

/// A private key that never was in a file. Its memory is wiped with the last clone.
#[derive(Clone)]
pub struct MemoryKey(Arc<PrivateKey>);

impl MemoryKey {
    /// Makes a new Ed25519 key.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn generate() -> io::Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self(Arc::new(PrivateKey::from(Ed25519Keypair::from_seed(
            &seed,
        )))))
    }

    /// The public half as RFC 4253 section 6.6 encodes it.
    pub fn public_key(&self) -> Vec<u8> {
        self.0.public_key_bytes()
    }

    pub(super) fn private_key(&self) -> Arc<PrivateKey> {
        self.0.clone()
    }
}

impl fmt::Debug for MemoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryKey").finish()
    }
}

/// A file named by `IdentityFile`.
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    contents: Contents,
}

enum Contents {
    /// The public half is not known where the format hides it.
    Encrypted {
        text: Zeroizing<String>,
        public: Option<PublicKey>,
    },
    Private(Arc<PrivateKey>),
    PublicOnly(PublicKey),
}

impl KeyFile {
    /// Reads the file at `path`; `None` where there is none.
    ///
    /// # Errors
    ///
    /// One sentence for the user on what is wrong with the file.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, String> {
        let beside = public_beside(path);
        let text = match read_private(path) {
            Ok(text) => text,
            Err(ReadError::Missing) => {
                let public_only = |public| Self {
                    path: path.to_owned(),
                    contents: Contents::PublicOnly(public),
                };
                return Ok(beside.map(public_only));
            }
            Err(ReadError::Unusable(reason)) => {
                return Err(format!("key {} is not used: {reason}", path.display()));
            }
        };
        let contents = parse(text, beside)
            .ok_or_else(|| format!("key {} is not used: not a private key", path.display()))?;
        Ok(Some(Self {
            path: path.to_owned(),
            contents,
        }))
    }

    /// The public half, as far as it is known without a passphrase.
    pub(super) fn public(&self) -> Option<&PublicKey> {
        match &self.contents {
            Contents::Encrypted { public, .. } => public.as_ref(),
            Contents::Private(key) => Some(key.public_key()),
            Contents::PublicOnly(public) => Some(public),
        }
    }

    /// The private half, if no passphrase stands before it.
    pub(super) fn private(&self) -> Option<Arc<PrivateKey>> {
        match &self.contents {
            Contents::Private(key) => Some(key.clone()),
            Contents::Encrypted { .. } | Contents::PublicOnly(_) => None,
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.contents, Contents::Encrypted { .. })
    }

    /// Opens the private half; `false` means that the passphrase is wrong.
    ///
    /// Cancel safe: the work goes on in its thread and its result is dropped.
    pub(super) async fn decrypt(&mut self, passphrase: Zeroizing<String>) -> bool {
        let Contents::Encrypted { text, .. } = &self.contents else {
            return true;
        };
        let text = text.clone();
        // The key derivation is slow on purpose.
        let opened = tokio::task::spawn_blocking(move || {
            if text.contains(OPENSSH_HEADER) {
                PrivateKey::from_openssh(text.as_bytes())
                    .ok()?
                    .decrypt(passphrase.as_bytes())
                    .ok()
            } else {
                decode_secret_key(&text, Some(&passphrase)).ok()
            }
        });
        match opened.await {
            Ok(Some(key)) => {
                self.contents = Contents::Private(Arc::new(key));
                true
            }
            Ok(None) | Err(_) => false,
        }
    }
}

/// Reads a user certificate.
pub(super) fn open_certificate(path: &Path) -> Result<Option<Certificate>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(format!(
                "certificate {} is not used: {error}",
                path.display()
            ));
        }
    };
    match Certificate::from_openssh(text.trim()) {
        Ok(certificate) => Ok(Some(certificate)),
        Err(_) => Err(format!(
            "certificate {} is not used: not a certificate",
            path.display()
        )),
    }
}

/// `IDENTITY-cert.pub`, where OpenSSH looks for a certificate.
pub(super) fn certificate_path(identity: &Path) -> PathBuf {
    with_suffix(identity, "-cert.pub")
}

/// Signs `data` and appends the signature as RFC 4252 section 7 wants it at the end of a request.
pub(super) fn append_signature(
    key: &PrivateKey,
    hash: Option<HashAlg>,
    data: &mut Vec<u8>,
) -> Result<(), ssh_key::Error> {
    let signature: Signature = if let KeypairData::Rsa(pair) = key.key_data() {
        (pair, hash).try_sign(data)?
    } else {
        key.try_sign(data)?
    };
    let mut encoded = Vec::new();
    signature.encode(&mut encoded)?;
    encoded.encode(data)?;
    Ok(())
}

enum ReadError {
    Missing,
    Unusable(String),
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, ReadError> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the system knows many more")]
    let unusable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing,
        io::ErrorKind::InvalidData => ReadError::Unusable("not a private key".into()),
        _ => ReadError::Unusable(error.to_string()),
    };
    let metadata = fs::metadata(path).map_err(unusable)?;
    if !metadata.is_file() || metadata.len() > MAX_KEY_FILE {
        return Err(ReadError::Unusable("not a private key".into()));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(unusable)?);
    let private = text.contains("PRIVATE KEY-----");
    let open_to_others = metadata.mode() & 0o077 != 0;
    if private && open_to_others && metadata.uid() == nix::unistd::getuid().as_raw() {
        let mode = metadata.mode() & 0o777;
        return Err(ReadError::Unusable(format!(
            "its permissions {mode:04o} let others read it; chmod 600 it"
        )));
    }
    Ok(text)
}

fn parse(text: Zeroizing<String>, beside: Option<PublicKey>) -> Option<Contents> {
    if text.contains(OPENSSH_HEADER) {
        let key = PrivateKey::from_openssh(text.trim()).ok()?;
        if key.is_encrypted() {
            let public = Some(key.public_key().clone());
            return Some(Contents::Encrypted { text, public });
        }
        return Some(Contents::Private(Arc::new(key)));
    }
    if text.contains("PRIVATE KEY-----") {
        if text.contains("ENCRYPTED") {
            return Some(Contents::Encrypted {
                text,
                public: beside,
            });
        }
        return Some(Contents::Private(Arc::new(
            decode_secret_key(&text, None).ok()?,
        )));
    }
    PublicKey::from_openssh(text.trim())
        .ok()
        .map(Contents::PublicOnly)
}

fn public_beside(path: &Path) -> Option<PublicKey> {
    let text = fs::read_to_string(with_suffix(path, ".pub")).ok()?;
    PublicKey::from_openssh(text.trim()).ok()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

const OPENSSH_HEADER: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";

/// Larger than any key; keeps a file that is no key out of memory.
const MAX_KEY_FILE: u64 = 1 << 20;
