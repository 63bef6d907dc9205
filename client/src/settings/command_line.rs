//! What the command line sets before any file is read.

use std::path::Path;

use super::{
    AddressFamily, ControlMaster, Environment, ForwardAgent, IdentityFile, LogLevel, RequestTty,
    SessionType, UdpMode,
};
use crate::cli::{Cli, Directive};
use crate::ssh_config::tokens::expand_tilde;
use crate::ssh_config::{
    ConfigError, Destination, Draft, Effect, Forward, Keyword, Listener, Place, Problem,
    escape_char, is_sane_user, port,
};

impl Draft {
    /// Applies the command line; returns the host that it names.
    pub(super) fn apply_command_line(
        &mut self,
        cli: &Cli,
        env: &Environment,
    ) -> Result<String, ConfigError> {
        self.apply_flags(cli)?;
        self.apply_values(cli, env)?;
        let mut host = String::new();
        for directive in &cli.directives {
            if let Directive::Destination(text) = directive {
                let destination = Destination::parse(text)
                    .ok_or_else(|| ConfigError::BadDestination(text.clone()))?;
                if let Some(user) = destination.user {
                    self.set(Keyword::User, |s| s.user = user);
                }
                if let Some(port) = destination.port {
                    self.set(Keyword::Port, |s| s.port = port);
                }
                host = destination.host;
            } else {
                self.apply_directive(directive, env)?;
            }
        }
        let user = &self.settings.user;
        if !user.is_empty() && !is_sane_user(user) {
            return Err(ConfigError::BadUser(user.clone()));
        }
        self.apply_session(cli)?;
        Ok(host)
    }

    fn apply_flags(&mut self, cli: &Cli) -> Result<(), ConfigError> {
        if cli.inet4 || cli.inet6 {
            let family = if cli.inet4 {
                AddressFamily::Inet
            } else {
                AddressFamily::Inet6
            };
            self.set(Keyword::AddressFamily, |s| s.address_family = family);
        }
        if cli.forward_agent || cli.no_forward_agent {
            let forward = if cli.forward_agent {
                ForwardAgent::Yes
            } else {
                ForwardAgent::No
            };
            self.set(Keyword::ForwardAgent, |s| s.forward_agent = forward);
        }
        if cli.compression {
            self.set(Keyword::Compression, |s| s.compression = true);
        }
        if cli.gateway_ports {
            self.set(Keyword::GatewayPorts, |s| s.gateway_ports = true);
        }
        if cli.x11 || cli.trusted_x11 || cli.no_x11 {
            self.set(Keyword::ForwardX11, |s| s.forward_x11 = !cli.no_x11);
        }
        if cli.trusted_x11 {
            self.set(Keyword::ForwardX11Trusted, |s| s.forward_x11_trusted = true);
        }
        if cli.gssapi {
            self.settings
                .warnings
                .push("-K: GSSAPI is not supported and is not used".to_owned());
        }
        match cli.control_master {
            0 => {}
            1 => self.set(Keyword::ControlMaster, |s| {
                s.control_master = ControlMaster::Yes
            }),
            _ => self.set(Keyword::ControlMaster, |s| {
                s.control_master = ControlMaster::Ask
            }),
        }
        if cli.fork {
            self.set(Keyword::ForkAfterAuthentication, |s| {
                s.fork_after_authentication = true
            });
        }
        if cli.stdin_null || cli.fork {
            self.set(Keyword::StdinNull, |s| s.stdin_null = true);
        }
        let level = match (cli.quiet, cli.verbose) {
            _ if cli.debug => Some(LogLevel::Debug3),
            (true, _) => Some(LogLevel::Quiet),
            (false, 0) => None,
            (false, 1) => Some(LogLevel::Debug1),
            (false, 2) => Some(LogLevel::Debug2),
            (false, _) => Some(LogLevel::Debug3),
        };
        if let Some(level) = level {
            self.set(Keyword::LogLevel, |s| s.log_level = level);
        }
        let modes = [
            (cli.udp || cli.quic, UdpMode::Quic),
            (cli.kcp, UdpMode::Kcp),
            (cli.tcp, UdpMode::Off),
        ];
        if let Some((_, mode)) = modes.into_iter().find(|(given, _)| *given) {
            self.set(Keyword::UdpMode, |s| s.udp_mode = mode);
        }
        if cli.no_command && cli.subsystem {
            return Err(ConfigError::Conflict(
                "-N and -s exclude one another; give only one",
            ));
        }
        Ok(())
    }

    fn apply_values(&mut self, cli: &Cli, env: &Environment) -> Result<(), ConfigError> {
        let lines = [
            ("Ciphers", &cli.ciphers),
            ("MACs", &cli.macs),
            ("TsshdPort", &cli.tsshd_port),
        ];
        for (keyword, value) in lines {
            if let Some(value) = value {
                self.apply_argument(&format!("{keyword} {value}"), env)?;
            }
        }
        if let Some(path) = cli.tsshd_path.clone() {
            self.set(Keyword::TsshdPath, |s| s.tsshd_path = Some(path));
        }
        if let Some(tag) = cli.tag.clone() {
            self.set(Keyword::Tag, |s| s.tag = Some(tag));
        }
        if let Some(address) = cli.bind_address.clone() {
            self.set(Keyword::BindAddress, |s| s.bind_address = Some(address));
        }
        if let Some(interface) = cli.bind_interface.clone() {
            self.set(Keyword::BindInterface, |s| {
                s.bind_interface = Some(interface)
            });
        }
        if let Some(path) = cli.control_path.clone() {
            let path = (!path.eq_ignore_ascii_case("none")).then_some(path);
            self.set(Keyword::ControlPath, |s| s.control_path = path);
        }
        if let Some(word) = &cli.escape_char {
            let wanted = "a character, ^ and a letter, or none";
            let escape = escape_char(word).ok_or_else(|| bad("-e", word, wanted))?;
            self.set(Keyword::EscapeChar, |s| s.escape_char = escape);
        }
        match cli.jumps.as_slice() {
            [] => {}
            [hosts] => self.apply_argument(&format!("ProxyJump {hosts}"), env)?,
            _ => {
                let text = "-J is given more than once; give one list of hosts with commas";
                return Err(ConfigError::Conflict(text));
            }
        }
        if let Some(spec) = &cli.stdio_forward {
            let wanted = "a host and a port such as host:22";
            match Forward::parse_dynamic(spec).map(|forward| forward.listener) {
                Some(Listener::Tcp {
                    host: Some(host),
                    port,
                }) => {
                    self.settings.stdio_forward = Some((host, port));
                }
                _ => return Err(bad("-W", spec, wanted)),
            }
        }
        Ok(())
    }

    fn apply_directive(
        &mut self,
        directive: &Directive,
        env: &Environment,
    ) -> Result<(), ConfigError> {
        let wanted = "a forward such as 8080:host:80 or [::1]:8080:host:80";
        let (keyword, forward) = match directive {
            Directive::Destination(_) => return Ok(()),
            Directive::Option(line) => return self.apply_argument(line, env),
            Directive::Port(text) => {
                let port = port(text).ok_or_else(|| bad("-p", text, "a port from 1 to 65535"))?;
                self.set(Keyword::Port, |s| s.port = port);
                return Ok(());
            }
            Directive::User(user) => {
                self.set(Keyword::User, |s| s.user = user.clone());
                return Ok(());
            }
            Directive::IdentityFile(path) => return self.apply_identity(path, env),
            Directive::LocalForward(spec) => (
                Keyword::LocalForward,
                Forward::parse_local(spec).ok_or_else(|| bad("-L", spec, wanted))?,
            ),
            Directive::RemoteForward(spec) => (
                Keyword::RemoteForward,
                Forward::parse_remote(spec)
                    .or_else(|| Forward::parse_remote_socks(spec))
                    .ok_or_else(|| bad("-R", spec, wanted))?,
            ),
            Directive::DynamicForward(spec) => (
                Keyword::DynamicForward,
                Forward::parse_dynamic(spec)
                    .ok_or_else(|| bad("-D", spec, "a port such as 1080 or [::1]:1080"))?,
            ),
        };
        self.add_forward(keyword, forward)
            .map_err(|problem| ConfigError::Line {
                place: Place::CommandLine,
                problem,
            })
    }

    /// As ssh, a key that is not there is worth a warning, not a failure.
    fn apply_identity(&mut self, path: &str, env: &Environment) -> Result<(), ConfigError> {
        let path = expand_tilde(path, env).map_err(|source| ConfigError::Token {
            keyword: "IdentityFile",
            source,
        })?;
        if let Err(error) = std::fs::metadata(Path::new(&path)) {
            let text = format!("identity file {path} is not accessible: {error}");
            self.settings.warnings.push(text);
            return Ok(());
        }
        let file = IdentityFile {
            path,
            named_by_user: true,
        };
        if !self.settings.identity_files.contains(&file) {
            self.settings.identity_files.push(file);
        }
        Ok(())
    }

    fn apply_session(&mut self, cli: &Cli) -> Result<(), ConfigError> {
        // As ssh: an empty command asks for a shell.
        self.settings.command_line = cli.remote_command().filter(|line| !line.is_empty());
        if cli.no_command || cli.stdio_forward.is_some() {
            self.force(Keyword::SessionType, |s| s.session_type = SessionType::None);
        } else if cli.subsystem {
            self.force(Keyword::SessionType, |s| {
                s.session_type = SessionType::Subsystem
            });
        }
        if cli.no_tty || cli.no_command || cli.stdio_forward.is_some() {
            self.force(Keyword::RequestTTY, |s| s.request_tty = RequestTty::No);
        } else if cli.tty > 0 {
            let request = if cli.tty == 1 {
                RequestTty::Yes
            } else {
                RequestTty::Force
            };
            self.force(Keyword::RequestTTY, |s| s.request_tty = request);
        }
        let wants_name = self.settings.session_type == SessionType::Subsystem;
        if wants_name && self.settings.command_line.is_none() {
            return Err(ConfigError::Conflict(
                "a subsystem is asked for and not named; name it behind the host",
            ));
        }
        Ok(())
    }

    fn set(&mut self, keyword: Keyword, assign: impl FnOnce(&mut super::Settings)) {
        if self.claim(keyword, Effect::Applies) {
            assign(&mut self.settings);
        }
    }

    /// As [`Self::set`], whatever `-o` has said.
    fn force(&mut self, keyword: Keyword, assign: impl FnOnce(&mut super::Settings)) {
        self.claim(keyword, Effect::Applies);
        assign(&mut self.settings);
    }
}

fn bad(option: &str, found: &str, wanted: &'static str) -> ConfigError {
    let problem = Problem::BadValue {
        keyword: option.to_owned(),
        found: found.to_owned(),
        wanted,
    };
    ConfigError::Line {
        place: Place::CommandLine,
        problem,
    }
}
