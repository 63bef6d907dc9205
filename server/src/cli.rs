//! The command line of `tsshd`.

use std::num::NonZeroU64;
use std::time::Duration;
use tssh_core::ports::PortSpec;
use tssh_core::proxy::MTU_RANGE;

use clap::Parser;

/// Roaming SSH server: started by tssh through an ordinary SSH login, one process per login.
#[derive(Clone, Debug, Parser, PartialEq, Eq)]
#[command(name = "tsshd", version, disable_version_flag = true)]
pub struct Options {
    /// Show the version and exit.
    #[arg(short = 'v', short_alias = 'V', long, action = clap::ArgAction::Version)]
    version: (),

    /// Speak KCP; the default is QUIC.
    #[arg(long)]
    pub kcp: bool,

    /// Listen on TCP alone: the client must then use it.
    #[arg(long)]
    pub tcp: bool,

    /// Speak QUIC (the default).
    #[arg(long, conflicts_with = "kcp")]
    pub quic: bool,

    /// Listen on IPv4 alone.
    #[arg(long)]
    pub ipv4: bool,

    /// Listen on IPv6 alone.
    #[arg(long)]
    pub ipv6: bool,

    /// Log debugging messages to standard error, and to the client.
    #[arg(long)]
    pub debug: bool,

    /// Let other clients take over the sessions.
    #[arg(long)]
    pub attachable: bool,

    /// Listen on a control socket for clients that want to attach.
    #[arg(long)]
    pub socket: bool,

    /// List the servers of this user that can be attached to.
    #[arg(long)]
    pub list: bool,

    /// Show the screen of a session.
    #[arg(long, value_name = "PID.SID")]
    pub view: Option<String>,

    /// Attach to a server.
    #[arg(long, value_name = "PID")]
    pub attach: Option<String>,

    /// The largest packet in bytes; 1400 when nothing is said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(i64::from(*MTU_RANGE.start())..=i64::from(*MTU_RANGE.end())))]
    pub mtu: Option<u16>,

    /// Ports to listen on, such as 7000,8000-8010.
    #[arg(long, value_name = "PORTS", default_value_t = PortSpec::default())]
    pub port: PortSpec,

    /// How long to wait for the client; 0 stands for the default.
    #[arg(long = "connect-timeout", value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=LONGEST_TIMEOUT))]
    connect_timeout: u64,

    /// Stay in the terminal: for a process that is detached already.
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// What the options ask for and this program cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// `--attachable`, `--attach`, `--list`, `--view`, `--socket`.
    #[error(
        "this tsshd does not know how to attach: leave out --attachable, --socket, --attach, --list and --view"
    )]
    Attach,
}

impl Options {
    /// Reads the arguments of the process, its name first.
    ///
    /// # Errors
    ///
    /// When an option is unknown or its value is wrong, or help or the version is asked for.
    pub fn parse_from_args(
        args: impl IntoIterator<Item = std::ffi::OsString>,
    ) -> Result<Self, clap::Error> {
        Self::try_parse_from(args)
    }

    /// The largest packet in bytes.
    pub fn largest_packet(&self) -> u16 {
        self.mtu.unwrap_or(DEFAULT_MTU)
    }

    /// How long to wait for the client.
    pub fn connect_timeout(&self) -> Duration {
        NonZeroU64::new(self.connect_timeout).map_or(DEFAULT_TIMEOUT, |seconds| {
            Duration::from_secs(seconds.get())
        })
    }

    /// Whether everything that is asked for can be done.
    ///
    /// # Errors
    ///
    /// The first thing that cannot.
    pub fn supported(&self) -> Result<(), Unsupported> {
        let attach = self.attachable || self.socket || self.list;
        if attach || self.view.is_some() || self.attach.is_some() {
            return Err(Unsupported::Attach);
        }
        Ok(())
    }
}

/// PROTOCOL.md, "QUIC mode": the initial packet size.
const DEFAULT_MTU: u16 = 1400;

/// PROTOCOL.md, "Server info".
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A day: a server that waits longer was forgotten.
const LONGEST_TIMEOUT: u64 = 86_400;
