//! The settings that hold for one user from one address, and sshd's defaults for them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::pattern::PatternList;

/// What sshd_config says about sessions and forwards. Keywords about login itself are sshd's business and not here.
///
/// Restrictions of `authorized_keys` are not here either: nothing tells a program that runs inside a login under which
/// key it was made. Where they force a command, that command runs in place of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `AcceptEnv`.
    pub accept_env: PatternList,
    /// `AllowAgentForwarding`; ask [`Settings::agent_forwarding`].
    pub allow_agent_forwarding: bool,
    /// `AllowStreamLocalForwarding`; ask [`Settings::stream_local_forwarding`].
    pub allow_stream_local_forwarding: Forwarding,
    /// `AllowTcpForwarding`; ask [`Settings::tcp_forwarding`].
    pub allow_tcp_forwarding: Forwarding,
    /// `ChrootDirectory`. sshd has put the bootstrap login there already; nothing here does it again.
    pub chroot_directory: Option<PathBuf>,
    /// `ClientAliveCountMax`.
    pub client_alive_count_max: u32,
    /// `ClientAliveInterval`; zero for never.
    pub client_alive_interval: Duration,
    /// `DisableForwarding`: over all the others.
    pub disable_forwarding: bool,
    /// `ForceCommand`, as written.
    pub force_command: Option<String>,
    /// `GatewayPorts`.
    pub gateway_ports: GatewayPorts,
    /// `LogLevel`, in capitals.
    pub log_level: String,
    /// `MaxSessions`: shells, commands and subsystems of one connection.
    pub max_sessions: u32,
    /// PAM prints the message of the day at a login by SSH.
    pub pam_prints_motd: bool,
    /// `PermitListen`.
    pub permit_listen: Permit,
    /// `PermitOpen`.
    pub permit_open: Permit,
    /// `PermitTTY`.
    pub permit_tty: bool,
    /// `PermitUserEnvironment`.
    pub permit_user_environment: UserEnvironment,
    /// `PermitUserRC`.
    pub permit_user_rc: bool,
    /// `PrintMotd`.
    pub print_motd: bool,
    /// `SetEnv`: names and values.
    pub set_env: Vec<(String, String)>,
    /// `StreamLocalBindMask`: the umask of forwarded Unix sockets.
    pub stream_local_bind_mask: u32,
    /// `StreamLocalBindUnlink`.
    pub stream_local_bind_unlink: bool,
    /// `Subsystem`: name to command line.
    pub subsystems: BTreeMap<String, String>,
    /// A part of the configuration that sshd reads, and this user may not.
    pub unread: Option<PathBuf>,
    /// `UsePAM`.
    pub use_pam: bool,
    /// `X11DisplayOffset`.
    pub x11_display_offset: u32,
    /// `X11Forwarding`; ask [`Settings::x11`].
    pub x11_forwarding: bool,
    /// `X11UseLocalhost`.
    pub x11_use_localhost: bool,
    /// `XAuthLocation`.
    pub xauth_location: PathBuf,
}

/// Which directions of a kind of forward are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// `yes` or `all`.
    All,
    /// From the client's side outwards only (`-L`).
    Local,
    /// Neither.
    No,
    /// Listening on the server only (`-R`).
    Remote,
}

/// Who may reach a port that the server listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayPorts {
    /// The client names the address.
    ClientSpecified,
    /// Loopback only.
    No,
    /// Everybody.
    Yes,
}

/// Where forwards may go to, or listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    /// No restriction.
    Any,
    /// Nothing.
    None,
    /// `host:port` (for `PermitListen` also a bare port), as written; `*` stands for any host or port.
    Only(Vec<String>),
}

/// How far `~/.ssh/environment` is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEnvironment {
    /// Not read.
    No,
    /// Only names in this list.
    Only(PatternList),
    /// All of it.
    Yes,
}

impl Settings {
    /// Whether a client may set this variable.
    pub fn accepts_env(&self, name: &str) -> bool {
        self.accept_env.matches(name)
    }

    /// Whether an agent may be forwarded.
    pub fn agent_forwarding(&self) -> bool {
        self.allow_agent_forwarding && !self.disable_forwarding
    }

    /// Which TCP (and UDP) forwards may be opened.
    pub fn tcp_forwarding(&self) -> Forwarding {
        if self.disable_forwarding {
            Forwarding::No
        } else {
            self.allow_tcp_forwarding
        }
    }

    /// Which forwards to Unix sockets may be opened.
    pub fn stream_local_forwarding(&self) -> Forwarding {
        if self.disable_forwarding {
            Forwarding::No
        } else {
            self.allow_stream_local_forwarding
        }
    }

    /// Whether X11 may be forwarded.
    pub fn x11(&self) -> bool {
        self.x11_forwarding && !self.disable_forwarding
    }

    /// Whether a login shell prints the message of the day: by sshd's own doing, or by PAM's.
    pub fn greets(&self) -> bool {
        self.print_motd || (self.use_pam && self.pam_prints_motd)
    }

    /// The command line of a subsystem.
    pub fn subsystem(&self, name: &str) -> Option<&str> {
        self.subsystems.get(name).map(String::as_str)
    }
}

impl Forwarding {
    /// Whether a client may have the server connect somewhere (`-L`).
    pub fn permits_local(self) -> bool {
        matches!(self, Self::All | Self::Local)
    }

    /// Whether a client may have the server listen (`-R`).
    pub fn permits_remote(self) -> bool {
        matches!(self, Self::All | Self::Remote)
    }
}

impl Permit {
    /// Whether `host:port` is permitted. Host and port of an entry may be `*`, and nothing else is a pattern: sshd compares
    /// the words. Brackets around IPv6 are not compared. A bare port permits every host.
    pub fn permits(&self, host: &str, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::None => false,
            Self::Only(entries) => entries.iter().any(|entry| {
                let (entry_host, entry_port) = entry.rsplit_once(':').unwrap_or(("*", entry));
                let entry_host = entry_host.trim_start_matches('[').trim_end_matches(']');
                let host_fits = entry_host == "*" || entry_host == host;
                host_fits && (entry_port == "*" || entry_port.parse() == Ok(port))
            }),
        }
    }
}

impl Default for Settings {
    /// What holds without a file: sshd's defaults, but for `AcceptEnv LANG LC_*`, which every distribution sets.
    fn default() -> Self {
        Self {
            accept_env: PatternList::parse_words(["LANG", "LC_*"]),
            allow_agent_forwarding: true,
            allow_stream_local_forwarding: Forwarding::All,
            allow_tcp_forwarding: Forwarding::All,
            chroot_directory: None,
            client_alive_count_max: 3,
            client_alive_interval: Duration::ZERO,
            disable_forwarding: false,
            force_command: None,
            gateway_ports: GatewayPorts::No,
            log_level: "INFO".into(),
            max_sessions: 10,
            pam_prints_motd: false,
            permit_listen: Permit::Any,
            permit_open: Permit::Any,
            permit_tty: true,
            permit_user_environment: UserEnvironment::No,
            permit_user_rc: true,
            print_motd: true,
            set_env: Vec::new(),
            stream_local_bind_mask: 0o177,
            stream_local_bind_unlink: false,
            subsystems: BTreeMap::new(),
            unread: None,
            use_pam: false,
            x11_display_offset: 10,
            x11_forwarding: false,
            x11_use_localhost: true,
            xauth_location: PathBuf::from("/usr/bin/xauth"),
        }
    }
}
