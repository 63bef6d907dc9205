//! Everything a login needs to know, with tokens already expanded.

use std::path::PathBuf;
use std::time::Duration;

use super::key_file::MemoryKey;

/// What to log in to and how: the settings of one host, as `ssh_config` means them.
///
/// Paths and commands are final: no `~`, no `%h`. [`Options::new`] gives OpenSSH's defaults with
/// no files at all, so a test or an embedded server touches nothing of the user's.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name or address to connect to (`HostName`, after aliases).
    pub hostname: String,
    /// The TCP port (`Port`).
    pub port: u16,
    /// The remote account (`User`).
    pub user: String,
    /// The name to look host keys up under, instead of the host name (`HostKeyAlias`).
    pub host_key_alias: Option<String>,
    /// Files of known host keys of this user; the first one is appended to (`UserKnownHostsFile`).
    pub user_known_hosts: Vec<PathBuf>,
    /// Files of known host keys of the machine, only read (`GlobalKnownHostsFile`).
    pub global_known_hosts: Vec<PathBuf>,
    /// A list of public keys that no host may use, one a line (`RevokedHostKeys`).
    pub revoked_host_keys: Option<PathBuf>,
    /// What to do about keys that are not known (`StrictHostKeyChecking`).
    pub strict_host_key_checking: StrictHostKeyChecking,
    /// Whether an appended line hides the host name (`HashKnownHosts`).
    pub hash_known_hosts: bool,
    /// The only host key to accept, as the bytes of RFC 4253 section 6.6; no file is read then.
    pub pinned_host_key: Option<Vec<u8>>,
    /// Private key files, in the order to try (`IdentityFile`); a missing one is passed over.
    pub identity_files: Vec<PathBuf>,
    /// User certificates beside those found as `IDENTITY-cert.pub` (`CertificateFile`).
    pub certificate_files: Vec<PathBuf>,
    /// A private key held in memory, tried before all others.
    pub memory_key: Option<MemoryKey>,
    /// Whether the agent may offer only keys named by `identity_files` (`IdentitiesOnly`).
    pub identities_only: bool,
    /// The socket of the agent; `None` means no agent (`IdentityAgent`, `SSH_AUTH_SOCK`).
    pub identity_agent: Option<PathBuf>,
    /// Methods in the order to try (`PreferredAuthentications`).
    pub preferred_authentications: Vec<AuthMethod>,
    /// Whether keys may be used (`PubkeyAuthentication`).
    pub pubkey_authentication: bool,
    /// Whether passwords may be asked for (`PasswordAuthentication`).
    pub password_authentication: bool,
    /// Whether the server may ask questions (`KbdInteractiveAuthentication`).
    pub kbd_interactive_authentication: bool,
    /// How often a password, a passphrase or a round of questions is tried.
    pub number_of_password_prompts: u32,
    /// Whether asking the user anything is forbidden (`BatchMode`).
    pub batch_mode: bool,
    /// Lists of algorithms.
    pub algorithms: Algorithms,
    /// The smallest RSA key that is used, of a host or of the user, in bits (`RequiredRSASize`).
    pub required_rsa_size: u32,
    /// Whether any host key of this machine is taken (`NoHostAuthenticationForLocalhost`).
    pub trust_loopback: bool,
    /// Whether to compress (`Compression`).
    pub compression: bool,
    /// How long one address may take to connect, and the server to answer (`ConnectTimeout`).
    pub connect_timeout: Option<Duration>,
    /// How often to go through all addresses (`ConnectionAttempts`); at least one round is made.
    pub connection_attempts: u32,
    /// The local address to connect from (`BindAddress`).
    pub bind_address: Option<String>,
    /// The local interface to connect from (`BindInterface`).
    pub bind_interface: Option<String>,
    /// Which kinds of addresses to use (`AddressFamily`).
    pub address_family: AddressFamily,
    /// Whether the kernel watches the idle TCP connection (`TCPKeepAlive`).
    pub tcp_keep_alive: bool,
    /// After how much silence to ask the server for a sign of life (`ServerAliveInterval`).
    pub server_alive_interval: Option<Duration>,
    /// How many such questions may stay unanswered (`ServerAliveCountMax`).
    pub server_alive_count_max: u32,
    /// When to change keys (`RekeyLimit`).
    pub rekey_limit: RekeyLimit,
    /// A command whose stdin and stdout are the connection (`ProxyCommand`, never `none`).
    pub proxy_command: Option<String>,
    /// Hosts to go through, nearest first (`ProxyJump`); their own `jump` lists are not used.
    pub jump: Vec<Self>,
}

impl Options {
    /// OpenSSH's defaults for `user` at `hostname`, without any file, agent or proxy.
    pub fn new(hostname: impl Into<String>, port: u16, user: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            port,
            user: user.into(),
            host_key_alias: None,
            user_known_hosts: Vec::new(),
            global_known_hosts: Vec::new(),
            revoked_host_keys: None,
            strict_host_key_checking: StrictHostKeyChecking::Ask,
            hash_known_hosts: false,
            pinned_host_key: None,
            identity_files: Vec::new(),
            certificate_files: Vec::new(),
            memory_key: None,
            identities_only: false,
            identity_agent: None,
            preferred_authentications: AuthMethod::DEFAULT_ORDER.to_vec(),
            pubkey_authentication: true,
            password_authentication: true,
            kbd_interactive_authentication: true,
            number_of_password_prompts: 3,
            batch_mode: false,
            algorithms: Algorithms::default(),
            required_rsa_size: 1024,
            trust_loopback: false,
            compression: false,
            connect_timeout: None,
            connection_attempts: 1,
            bind_address: None,
            bind_interface: None,
            address_family: AddressFamily::Any,
            tcp_keep_alive: true,
            server_alive_interval: None,
            server_alive_count_max: 3,
            rekey_limit: RekeyLimit::default(),
            proxy_command: None,
            jump: Vec::new(),
        }
    }
}

/// `StrictHostKeyChecking`: what happens to a host key that is not in any file.
///
/// A key that differs from the known one is refused, except under [`Self::No`], and a revoked key
/// is refused always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrictHostKeyChecking {
    /// Add it without asking.
    AcceptNew,
    /// Ask the user.
    Ask,
    /// Add it without asking, and go on with a changed key too, but without passwords.
    No,
    /// Refuse it.
    Yes,
}

/// A way to prove who the user is (RFC 4252, RFC 4256).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// The server asks questions.
    KeyboardInteractive,
    /// A password.
    Password,
    /// A signature by a key.
    PublicKey,
}

impl AuthMethod {
    /// OpenSSH's order, without the methods that this client does not have.
    pub const DEFAULT_ORDER: &'static [Self] =
        &[Self::PublicKey, Self::KeyboardInteractive, Self::Password];

    /// Reads a `PreferredAuthentications` list; words for methods we lack are left out.
    pub fn parse_list(list: &str) -> Vec<Self> {
        let known = |word: &str| {
            Self::DEFAULT_ORDER
                .iter()
                .copied()
                .find(|method| method.name() == word.trim())
        };
        list.split(',').filter_map(known).collect()
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::KeyboardInteractive => "keyboard-interactive",
            Self::Password => "password",
            Self::PublicKey => "publickey",
        }
    }
}

/// `AddressFamily`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFamily {
    /// Both kinds.
    Any,
    /// IPv4 only.
    Inet,
    /// IPv6 only.
    Inet6,
}

/// Lists of algorithm names as `ssh_config` spells them: a list, or one that begins with `+`
/// (append to the defaults), `-` (take away, with wildcards) or `^` (put in front).
/// `None` is the default list; a name that this client lacks is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Algorithms {
    /// `KexAlgorithms`.
    pub kex: Option<String>,
    /// `Ciphers`.
    pub ciphers: Option<String>,
    /// `MACs`.
    pub macs: Option<String>,
    /// `HostKeyAlgorithms`.
    pub host_keys: Option<String>,
    /// Whether `host_keys` stays in its order; else the types of known keys come first.
    pub host_keys_are_ordered: bool,
    /// `PubkeyAcceptedAlgorithms`.
    pub user_keys: Option<String>,
    /// `CASignatureAlgorithms`.
    pub authorities: Option<String>,
}

/// `RekeyLimit`: new keys after so much data or time, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RekeyLimit {
    /// Bytes in one direction; values above 1 GiB count as 1 GiB.
    pub bytes: u64,
    /// Time since the last change.
    pub time: Duration,
}

impl Default for RekeyLimit {
    /// RFC 4253 section 9 recommends a gigabyte or an hour.
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            time: Duration::from_secs(3600),
        }
    }
}
