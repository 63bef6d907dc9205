//! The effective settings of one connection, typed, and how they are found.
//!
//! | want to change…                            | look in          |
//! |--------------------------------------------|------------------|
//! | a default                                  | `defaults.rs`    |
//! | a setting that is one word out of a few    | `choice.rs`      |
//! | which source wins, second passes, checks   | `resolve.rs`     |
//! | what is expanded after reading             | `expanded.rs`    |
//! | short host names that get a domain         | `canonical.rs`   |
//! | what `tssh -G` prints                      | `dump.rs`        |
//! | home, user, variables                      | `environment.rs` |
//! | what an option of the command line sets    | `command_line.rs` |
//!
//! Not here: the syntax of the files (`ssh_config`) and of the command line (`cli`).

mod canonical;
mod choice;
mod command_line;
mod defaults;
mod dump;
mod environment;
mod expanded;
mod resolve;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::time::Duration;

pub(crate) use choice::Choice;
pub use choice::{
    AddKeysToAgent, AddressFamily, CanonicalizeHostname, ControlMaster, FingerprintHash, LogLevel,
    PubkeyAuthentication, RequestTty, SessionType, StrictHostKeyChecking, SyslogFacility, UdpMode,
    UdpProxyMode, YesNoAsk,
};
pub use environment::{Environment, SYSTEM_DIRECTORY};
pub use resolve::resolve;

use tssh_core::ports::PortSpec;

use crate::ssh_config::tokens::TokenValues;
use crate::ssh_config::{Forward, Listener, ProxyJump};

/// Everything the command line and the configuration say about one connection.
///
/// [`Default`] holds the defaults of `ssh_config(5)`; [`resolve()`] fills in the rest. Texts are as
/// `ssh -G` prints them; the methods return what is expanded only when it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The host as given on the command line, without user and port.
    pub host: String,
    /// The name or address to connect to, after `HostName` and canonicalization.
    pub hostname: String,
    /// The port of the SSH server.
    pub port: u16,
    /// The user on the server.
    pub user: String,
    /// `Tag`, for `Match tagged`.
    pub tag: Option<String>,
    /// What was passed over, one sentence each, for the user.
    pub warnings: Vec<String>,

    /// Whether decrypted keys go to the agent.
    pub add_keys_to_agent: AddKeysToAgent,
    /// How long the agent keeps them; `None` for ever.
    pub add_keys_to_agent_lifetime: Option<Duration>,
    /// Whether only the configured keys are offered, whatever else the agent holds.
    pub identities_only: bool,
    /// The agent's socket: a path, `none`, or `SSH_AUTH_SOCK`; `None` is the last as well.
    pub identity_agent: Option<String>,
    /// Private keys, in order; see [`Settings::identity_paths`].
    pub identity_files: Vec<IdentityFile>,
    /// Certificates, in order; see [`Settings::certificate_paths`].
    pub certificate_files: Vec<String>,
    /// Methods of authentication, best first and comma-separated; `None` is ssh's own order.
    pub preferred_authentications: Option<String>,
    /// Whether keys may be used.
    pub pubkey_authentication: PubkeyAuthentication,
    /// Whether passwords may be used.
    pub password_authentication: bool,
    /// Whether keyboard-interactive authentication may be used.
    pub kbd_interactive_authentication: bool,
    /// Its devices, comma-separated.
    pub kbd_interactive_devices: Option<String>,
    /// Whether the host's own key may be used.
    pub hostbased_authentication: bool,
    /// Whether `ssh-keysign` may be used.
    pub enable_ssh_keysign: bool,
    /// How often a password is asked for.
    pub number_of_password_prompts: u32,
    /// Whether nothing may be asked.
    pub batch_mode: bool,
    /// The library for FIDO keys.
    pub security_key_provider: Option<String>,
    /// The smallest RSA key that is accepted, in bits.
    pub required_rsa_size: u32,

    /// What happens at an unknown host key.
    pub strict_host_key_checking: StrictHostKeyChecking,
    /// The user's known hosts files, expanded; empty for `none`.
    pub user_known_hosts_files: Vec<String>,
    /// The system's known hosts files; empty for `none`.
    pub global_known_hosts_files: Vec<String>,
    /// The name under which the host key is looked up.
    pub host_key_alias: Option<String>,
    /// Whether names are hashed when they are added to known hosts.
    pub hash_known_hosts: bool,
    /// Whether the server's other host keys are learnt.
    pub update_host_keys: YesNoAsk,
    /// Whether the configuration asked for that, rather than the default.
    pub update_host_keys_given: bool,
    /// Whether the address is looked up in known hosts too.
    pub check_host_ip: bool,
    /// Whether SSHFP records are looked at.
    pub verify_host_key_dns: YesNoAsk,
    /// Whether any host key of this machine is taken.
    pub no_host_authentication_for_localhost: bool,
    /// Host keys that are never accepted.
    pub revoked_host_keys: Option<String>,
    /// A command that prints more known hosts; see [`Settings::known_hosts_command_line`].
    pub known_hosts_command: Option<String>,
    /// How fingerprints are shown.
    pub fingerprint_hash: FingerprintHash,
    /// Whether the host key is shown as a picture.
    pub visual_host_key: bool,

    /// Ciphers, best first.
    pub ciphers: Vec<String>,
    /// Message authentication codes, best first.
    pub macs: Vec<String>,
    /// Key exchanges, best first.
    pub kex_algorithms: Vec<String>,
    /// Host key algorithms, best first.
    pub host_key_algorithms: Vec<String>,
    /// Whether the configuration said anything of them.
    pub host_key_algorithms_given: bool,
    /// Whether it gave their order too, by a plain list or `^`: known keys then do not change it.
    pub host_key_order_given: bool,
    /// Signature algorithms of user keys.
    pub pubkey_accepted_algorithms: Vec<String>,
    /// Signature algorithms of host-based authentication.
    pub hostbased_accepted_algorithms: Vec<String>,
    /// Signature algorithms of certificate authorities.
    pub ca_signature_algorithms: Vec<String>,
    /// Whether the connection is compressed.
    pub compression: bool,
    /// Bytes after which keys are renewed; 0 leaves it to the cipher.
    pub rekey_limit: u64,
    /// Time after which keys are renewed; `None` never.
    pub rekey_interval: Option<Duration>,

    /// Which addresses are used.
    pub address_family: AddressFamily,
    /// The local address to connect from.
    pub bind_address: Option<String>,
    /// The local interface to connect from.
    pub bind_interface: Option<String>,
    /// How long connecting may take, as it was given; see [`Settings::connect_limit`].
    pub connect_timeout: Option<Duration>,
    /// How often connecting is tried; at least one.
    pub connection_attempts: u32,
    /// Whether TCP keep-alives are sent.
    pub tcp_keep_alive: bool,
    /// Silence after which the server is asked for a sign of life; zero never asks.
    pub server_alive_interval: Duration,
    /// Questions without an answer after which the connection is given up.
    pub server_alive_count_max: u32,
    /// Traffic class of interactive sessions.
    pub ip_qos_interactive: IpQos,
    /// Traffic class of other sessions.
    pub ip_qos_bulk: IpQos,
    /// A command to connect through; see [`Settings::proxy_command_line`].
    pub proxy_command: Option<String>,
    /// Hosts to jump through.
    pub proxy_jump: Option<ProxyJump>,
    /// Whether the proxy command passes back a connected socket.
    pub proxy_use_fdpass: bool,
    /// Whether short names get a domain.
    pub canonicalize_hostname: CanonicalizeHostname,
    /// The domains to try.
    pub canonical_domains: Vec<String>,
    /// Whether a name without a domain is used when no domain fits.
    pub canonicalize_fallback_local: bool,
    /// Names with more dots than this get no domain.
    pub canonicalize_max_dots: u32,
    /// Aliases that may replace a name, as `names:aliases`; `None` was not given or is `none`.
    pub canonicalize_permitted_cnames: Vec<(String, String)>,
    /// Why the configuration refuses this connection.
    pub refuse_connection: Option<String>,

    /// Whether a terminal is asked for.
    pub request_tty: RequestTty,
    /// The command of `RemoteCommand`, expanded; see [`Settings::command`].
    pub remote_command: Option<String>,
    /// The command of the command line, its words joined by blanks.
    pub command_line: Option<OsString>,
    /// What is asked of the server.
    pub session_type: SessionType,
    /// Whether standard input reads as empty.
    pub stdin_null: bool,
    /// Whether the program goes to the background once it is logged in.
    pub fork_after_authentication: bool,
    /// Patterns of variables to send; see also [`Settings::set_env`].
    pub send_env: Vec<String>,
    /// Variables to set, as `NAME=value`.
    pub set_env: Vec<String>,
    /// The character that starts an escape such as `~.`.
    pub escape_char: EscapeChar,
    /// Whether `~C` opens a command line.
    pub enable_escape_commandline: bool,
    /// Whether [`Settings::local_command_line`] may be run.
    pub permit_local_command: bool,
    /// A command to run here once logged in.
    pub local_command: Option<String>,

    /// Forwards from here to the server's side.
    pub local_forwards: Vec<Forward>,
    /// Forwards from the server's side to here.
    pub remote_forwards: Vec<Forward>,
    /// SOCKS listeners here.
    pub dynamic_forwards: Vec<Listener>,
    /// `-W`: the host and port that standard input and output are connected to.
    pub stdio_forward: Option<(String, u16)>,
    /// Whether no forward is made at all.
    pub clear_all_forwardings: bool,
    /// Whether a forward that cannot be made ends the program.
    pub exit_on_forward_failure: bool,
    /// Whether other hosts may use local forwards.
    pub gateway_ports: bool,
    /// What a remote SOCKS forward may reach; empty is anything.
    pub permit_remote_open: Vec<String>,
    /// The file mode bits that are taken from forwarded sockets.
    pub stream_local_bind_mask: u32,
    /// Whether a socket that is in the way is removed.
    pub stream_local_bind_unlink: bool,
    /// Whether the agent is forwarded, and which.
    pub forward_agent: ForwardAgent,
    /// Whether X11 is forwarded.
    pub forward_x11: bool,
    /// Whether forwarded X11 programs have every right.
    pub forward_x11_trusted: bool,
    /// How long untrusted X11 programs are let in; zero never ends.
    pub forward_x11_timeout: Duration,
    /// The `xauth` program.
    pub xauth_location: String,

    /// Whether this process serves others, or uses one that does.
    pub control_master: ControlMaster,
    /// The control socket, expanded.
    pub control_path: Option<String>,
    /// How long a master outlives its first session.
    pub control_persist: ControlPersist,

    /// How much is said.
    pub log_level: LogLevel,
    /// What is said in detail whatever the level.
    pub log_verbose: Vec<String>,
    /// Where it goes in the system's log.
    pub syslog_facility: SyslogFacility,
    /// Patterns of keywords that are not errors.
    pub ignore_unknown: Option<String>,

    /// What carries the session after the login.
    pub udp_mode: UdpMode,
    /// What carries the packets.
    pub udp_proxy_mode: UdpProxyMode,
    /// `tsshd` on the server; `None` looks it up in `PATH`.
    pub tsshd_path: Option<String>,
    /// The ports that `tsshd` may listen on.
    pub tsshd_port: PortSpec,
    /// Silence after which both ends give up.
    pub udp_alive_timeout: Duration,
    /// Silence after which a new path is tried at the latest.
    pub udp_heartbeat_timeout: Duration,
    /// Silence after which the user is told.
    pub udp_reconnect_timeout: Duration,
    /// Largest packet of QUIC and KCP, in bytes, from 1200 (PROTOCOL.md, "QUIC mode").
    pub udp_mtu: u16,
    /// Whether the notice of a lost connection is on the first line rather than at the cursor.
    pub show_notification_on_top: bool,
    /// Whether that notice is the full one rather than one short line.
    pub show_full_notifications: bool,

    /// What the tokens of this connection stand for.
    pub tokens: TokenValues,
}

impl Settings {
    /// The command to run on the server: of the command line, else of `RemoteCommand`.
    pub fn command(&self) -> Option<&OsStr> {
        let configured = || self.remote_command.as_deref().map(OsStr::new);
        self.command_line.as_deref().or_else(configured)
    }

    /// The value that `SetEnv` gives the variable `name`, if it is not empty.
    pub fn set_variable(&self, name: &str) -> Option<&str> {
        let mut set = self.set_env.iter().filter_map(|set| set.split_once('='));
        let value = set.find(|(set, _)| *set == name).map(|(_, value)| value);
        value.filter(|value| !value.is_empty())
    }

    /// How long connecting may take; `None` leaves it to the system. As in ssh, 0 is no limit.
    pub fn connect_limit(&self) -> Option<Duration> {
        self.connect_timeout.filter(|limit| !limit.is_zero())
    }
}

/// A private key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFile {
    /// The file, before expansion.
    pub path: String,
    /// Whether the user named it, so that its absence is worth a word.
    pub named_by_user: bool,
}

/// `EscapeChar`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscapeChar {
    /// Nothing escapes.
    None,
    /// This byte does, at the start of a line.
    Char(u8),
}

/// `IPQoS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpQos {
    /// The system's default is kept.
    None,
    /// The value of the traffic class byte.
    Class(u8),
}

/// `ForwardAgent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardAgent {
    /// No agent is forwarded.
    No,
    /// The agent of this session is.
    Yes,
    /// The agent behind this socket is.
    Socket(String),
}

/// `ControlPersist`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlPersist {
    /// The master ends with its first session.
    No,
    /// It stays until it is told to end.
    Forever,
    /// It ends after this time without sessions.
    Idle(Duration),
}
