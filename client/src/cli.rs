//! The command line, as `ssh(1)` has it, and the options of roaming.
//!
//! Options may stand before and behind the destination, up to the command; `--` ends them. Where
//! the same thing is said more than once, [`Cli::directives`] keeps the order, because the first
//! one wins.
//!
//! Not here: what an argument means (`settings`), and what the program does with it.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser};

/// The command line of `tssh`.
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "tssh",
    about = "A remote shell that survives sleep, lost networks and new addresses",
    disable_version_flag = true,
    disable_help_flag = true,
    args_override_self = true,
    override_usage = "tssh [options] [user@]host [command [argument ...]]"
)]
pub struct Cli {
    /// Continue over QUIC after the login
    #[arg(long, overrides_with_all = ["quic", "kcp", "tcp"])]
    pub udp: bool,
    /// Continue over QUIC after the login (as --udp)
    #[arg(long, overrides_with_all = ["udp", "kcp", "tcp"])]
    pub quic: bool,
    /// Continue over KCP after the login
    #[arg(long, overrides_with_all = ["udp", "quic", "tcp"])]
    pub kcp: bool,
    /// Stay on the SSH connection, whatever the configuration says
    #[arg(long, overrides_with_all = ["udp", "quic", "kcp"])]
    pub tcp: bool,
    /// tsshd on the server; otherwise it is looked up in PATH
    #[arg(long, value_name = "path", allow_hyphen_values = true)]
    pub tsshd_path: Option<String>,
    /// Ports that tsshd may use, such as 61001-61999 or 6022,8010-8020
    #[arg(long, value_name = "ports", allow_hyphen_values = true)]
    pub tsshd_port: Option<String>,
    /// Log everything, here and on the server
    #[arg(long)]
    pub debug: bool,

    /// Use IPv4 only
    #[arg(short = '4', overrides_with = "inet6")]
    pub inet4: bool,
    /// Use IPv6 only
    #[arg(short = '6', overrides_with = "inet4")]
    pub inet6: bool,
    /// Forward the agent
    #[arg(short = 'A', overrides_with = "no_forward_agent")]
    pub forward_agent: bool,
    /// Do not forward the agent
    #[arg(short = 'a', overrides_with = "forward_agent")]
    pub no_forward_agent: bool,
    /// Connect from this interface
    #[arg(short = 'B', value_name = "interface", allow_hyphen_values = true)]
    pub bind_interface: Option<String>,
    /// Connect from this address
    #[arg(short = 'b', value_name = "address", allow_hyphen_values = true)]
    pub bind_address: Option<String>,
    /// Compress
    #[arg(short = 'C')]
    pub compression: bool,
    /// Ciphers, best first
    #[arg(short = 'c', value_name = "ciphers", allow_hyphen_values = true)]
    pub ciphers: Option<String>,
    /// Listen here for SOCKS and connect from the server
    #[arg(short = 'D', value_name = "[address:]port", action = ArgAction::Append, allow_hyphen_values = true)]
    pub dynamic_forwards: Vec<String>,
    /// Append the log to this file
    #[arg(short = 'E', value_name = "file", allow_hyphen_values = true)]
    pub log_file: Option<PathBuf>,
    /// The escape character, ^ and a letter, or none
    #[arg(short = 'e', value_name = "char", allow_hyphen_values = true)]
    pub escape_char: Option<String>,
    /// Read this configuration file instead of all others; none reads no file
    #[arg(short = 'F', value_name = "file", allow_hyphen_values = true)]
    pub config: Option<PathBuf>,
    /// Go to the background once logged in
    #[arg(short = 'f')]
    pub fork: bool,
    /// Print the effective settings and exit
    #[arg(short = 'G')]
    pub print_settings: bool,
    /// Let other hosts use local forwards
    #[arg(short = 'g')]
    pub gateway_ports: bool,
    /// A private key
    #[arg(short = 'i', value_name = "file", action = ArgAction::Append, allow_hyphen_values = true)]
    pub identity_files: Vec<String>,
    /// Hosts to jump through, separated by commas
    #[arg(short = 'J', value_name = "hosts", action = ArgAction::Append, allow_hyphen_values = true)]
    pub jumps: Vec<String>,
    /// Use GSSAPI (accepted and not supported)
    #[arg(short = 'K', overrides_with = "no_gssapi")]
    pub gssapi: bool,
    /// Do not forward GSSAPI credentials
    #[arg(short = 'k', overrides_with = "gssapi")]
    pub no_gssapi: bool,
    /// Listen here and connect from the server
    #[arg(short = 'L', value_name = "[address:]port:host:port", action = ArgAction::Append, allow_hyphen_values = true)]
    pub local_forwards: Vec<String>,
    /// The user on the server
    #[arg(short = 'l', value_name = "user", action = ArgAction::Append, allow_hyphen_values = true)]
    pub users: Vec<String>,
    /// Serve other clients on the control socket; twice asks each time
    #[arg(short = 'M', action = ArgAction::Count)]
    pub control_master: u8,
    /// Message authentication codes, best first
    #[arg(short = 'm', value_name = "macs", allow_hyphen_values = true)]
    pub macs: Option<String>,
    /// No command, only forwards
    #[arg(short = 'N')]
    pub no_command: bool,
    /// Standard input is empty
    #[arg(short = 'n')]
    pub stdin_null: bool,
    /// Tell a master: check, forward, cancel, exit, stop or proxy
    #[arg(short = 'O', value_name = "command", value_parser = CONTROL_COMMANDS)]
    pub control_command: Option<String>,
    /// A configuration option, as in the file
    #[arg(short = 'o', value_name = "option", action = ArgAction::Append, allow_hyphen_values = true)]
    pub options: Vec<String>,
    /// A tag for Match tagged
    #[arg(short = 'P', value_name = "tag", allow_hyphen_values = true)]
    pub tag: Option<String>,
    /// The port of the SSH server
    #[arg(short = 'p', value_name = "port", action = ArgAction::Append, allow_hyphen_values = true)]
    pub ports: Vec<String>,
    /// Print the algorithms of a kind and exit
    #[arg(short = 'Q', value_name = "kind")]
    pub query: Option<String>,
    /// Say nothing
    #[arg(short = 'q', overrides_with = "verbose")]
    pub quiet: bool,
    /// Listen on the server and connect from here
    #[arg(short = 'R', value_name = "[address:]port[:host:port]", action = ArgAction::Append, allow_hyphen_values = true)]
    pub remote_forwards: Vec<String>,
    /// The control socket, or none
    #[arg(short = 'S', value_name = "path", allow_hyphen_values = true)]
    pub control_path: Option<String>,
    /// The command is the name of a subsystem
    #[arg(short = 's')]
    pub subsystem: bool,
    /// No terminal
    #[arg(short = 'T', overrides_with = "tty")]
    pub no_tty: bool,
    /// A terminal for a command too; twice even without one here
    #[arg(short = 't', action = ArgAction::Count, overrides_with = "no_tty")]
    pub tty: u8,
    /// Print the version and exit
    #[arg(short = 'V', long = "version")]
    pub version: bool,
    /// Say more; up to three times
    #[arg(short = 'v', action = ArgAction::Count, overrides_with = "quiet")]
    pub verbose: u8,
    /// Connect standard input and output to this host and port
    #[arg(short = 'W', value_name = "host:port", allow_hyphen_values = true)]
    pub stdio_forward: Option<String>,
    /// Forward X11
    #[arg(short = 'X', overrides_with = "no_x11")]
    pub x11: bool,
    /// Do not forward X11
    #[arg(short = 'x', overrides_with_all = ["x11", "trusted_x11"])]
    pub no_x11: bool,
    /// Forward X11 with every right
    #[arg(short = 'Y', overrides_with = "no_x11")]
    pub trusted_x11: bool,
    /// A roaming shell on this machine, without sshd: a demonstration
    #[arg(long)]
    pub demo: bool,
    /// This process was started to go to the background
    #[arg(long, hide = true)]
    pub in_background: bool,
    /// Print this help and exit
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,

    /// A host, with user@ in front of it if need be, or ssh://user@host:port
    #[arg(required_unless_present_any = ["version", "query", "demo"])]
    pub destination: Option<String>,
    /// The command to run; without one, a shell
    #[arg(trailing_var_arg = true)]
    pub command: Vec<OsString>,

    /// What may be said more than once, in the order it was said.
    #[arg(skip)]
    pub directives: Vec<Directive>,
}

/// An argument whose place among the others matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// The destination, which may name a user and a port.
    Destination(String),
    /// `-D`.
    DynamicForward(String),
    /// `-i`.
    IdentityFile(String),
    /// `-L`.
    LocalForward(String),
    /// `-o`.
    Option(String),
    /// `-p`.
    Port(String),
    /// `-R`.
    RemoteForward(String),
    /// `-l`.
    User(String),
}

impl Cli {
    /// Parses a command line whose first word is the program's name.
    ///
    /// # Errors
    ///
    /// An unknown option, a missing argument or no destination; also `--help`, whose text the
    /// error carries. [`clap::Error::exit_code`] does not apply: ssh exits with 255.
    pub fn from_args(
        args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(args)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        cli.directives = directives(&matches);
        Ok(cli)
    }

    /// The command for the server: its words joined by blanks, as ssh does; `None` for a shell.
    pub fn remote_command(&self) -> Option<OsString> {
        (!self.command.is_empty()).then(|| self.command.join(" ".as_ref()))
    }
}

fn directives(matches: &ArgMatches) -> Vec<Directive> {
    let kinds = [
        (
            "destination",
            Directive::Destination as fn(String) -> Directive,
        ),
        ("dynamic_forwards", Directive::DynamicForward),
        ("identity_files", Directive::IdentityFile),
        ("local_forwards", Directive::LocalForward),
        ("options", Directive::Option),
        ("ports", Directive::Port),
        ("remote_forwards", Directive::RemoteForward),
        ("users", Directive::User),
    ];
    let mut placed = Vec::new();
    for (id, directive) in kinds {
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let values = matches.get_many::<String>(id).into_iter().flatten();
        let places = matches.indices_of(id).into_iter().flatten();
        placed.extend(places.zip(values.map(|value| directive(value.clone()))));
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, directive)| directive).collect()
}

const CONTROL_COMMANDS: [&str; 6] = ["check", "forward", "cancel", "exit", "stop", "proxy"];
