//! What each keyword does to the settings: the first value wins, lists grow.

use std::collections::BTreeSet;
use std::time::Duration;

use super::algorithms::{Algorithms, CIPHERS, KEX, KEYS, MACS, SIGNATURES};
use super::jump::ProxyJump;
use super::lexer::Line;
use super::tokens::{TokenError, expand_variables};
use super::value::{Words, escape_char, flag, ip_qos, octal_mask, port, scaled, time};
use super::{Keyword, Problem};
use crate::settings::{
    AddKeysToAgent, AddressFamily, CanonicalizeHostname, ControlMaster, ControlPersist,
    Environment, FingerprintHash, ForwardAgent, LogLevel, PubkeyAuthentication, RequestTty,
    SessionType, Settings, StrictHostKeyChecking, SyslogFacility, UdpMode, UdpProxyMode, YesNoAsk,
};

/// The settings so far, and which of them are taken.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Defaults, except where a keyword was claimed or a list has grown.
    pub(crate) settings: Settings,
    claimed: BTreeSet<Keyword>,
}

/// Whether a line counts, or is only checked because its block does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Its value is taken if it is the first.
    Applies,
    /// Only its form is checked.
    Checked,
}

/// Assigns a field if the line counts and is the first with this keyword.
macro_rules! first {
    ($draft:ident, $keyword:expr, $effect:expr, $field:ident, $value:expr) => {{
        let value = $value;
        if $draft.claim($keyword, $effect) {
            $draft.settings.$field = value;
        }
    }};
}

impl Draft {
    pub(crate) fn new() -> Self {
        let settings = Settings {
            identity_files: Vec::new(),
            ..Settings::default()
        };
        Self {
            settings,
            claimed: BTreeSet::new(),
        }
    }

    /// Takes the keyword for a value that does not come from a line; false when it was taken.
    pub(crate) fn claim(&mut self, keyword: Keyword, effect: Effect) -> bool {
        effect == Effect::Applies && self.claimed.insert(keyword)
    }

    /// Whether some line has set this keyword.
    pub(crate) fn is_claimed(&self, keyword: Keyword) -> bool {
        self.claimed.contains(&keyword)
    }

    /// Applies a line that is neither `Host` nor `Match` nor `Include`.
    ///
    /// # Errors
    ///
    /// A value that the keyword does not take, also where the line only is checked.
    pub(super) fn apply(
        &mut self,
        keyword: Keyword,
        line: &Line,
        effect: Effect,
        env: &Environment,
    ) -> Result<(), Problem> {
        let mut words = Words::new(&line.keyword, line.words()?);
        let w = &mut words;
        if !self.apply_list(keyword, w, effect, env)?
            && !self.apply_command(keyword, line, w, effect)?
        {
            self.apply_word(keyword, w, effect, env)?;
        }
        words.finish()
    }

    fn apply_command(
        &mut self,
        keyword: Keyword,
        line: &Line,
        w: &mut Words,
        effect: Effect,
    ) -> Result<bool, Problem> {
        let command = unless_none(line.command().to_owned());
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the other keywords take words"
        )]
        match keyword {
            Keyword::KnownHostsCommand => {
                first!(self, keyword, effect, known_hosts_command, command)
            }
            Keyword::LocalCommand => first!(self, keyword, effect, local_command, command),
            Keyword::RemoteCommand => first!(self, keyword, effect, remote_command, command),
            // Whichever of ProxyCommand and ProxyJump comes first shuts out the other.
            Keyword::ProxyCommand => first!(self, keyword, effect, proxy_command, command),
            Keyword::ProxyJump => {
                let jump = command.map(|text| {
                    ProxyJump::parse(&text)
                        .ok_or_else(|| w.bad(text, "a list of [user@]host[:port] or none"))
                });
                first!(
                    self,
                    Keyword::ProxyCommand,
                    effect,
                    proxy_jump,
                    jump.transpose()?
                );
            }
            Keyword::RefuseConnection => first!(self, keyword, effect, refuse_connection, command),
            _ => return Ok(false),
        }
        w.skip();
        Ok(true)
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each keyword, in one list"
    )]
    fn apply_word(
        &mut self,
        keyword: Keyword,
        w: &mut Words,
        effect: Effect,
        env: &Environment,
    ) -> Result<(), Problem> {
        use Keyword as K;
        let (k, e) = (keyword, effect);
        match keyword {
            K::AddKeysToAgent => {
                let (choice, lifetime) = add_keys_to_agent(w)?;
                if self.claim(k, e) {
                    self.settings.add_keys_to_agent = choice;
                    self.settings.add_keys_to_agent_lifetime = lifetime;
                }
            }
            K::AddressFamily => first!(
                self,
                k,
                e,
                address_family,
                w.parsed(AddressFamily::parse, "any, inet or inet6")?
            ),
            K::BatchMode => first!(self, k, e, batch_mode, w.flag()?),
            K::BindAddress => first!(self, k, e, bind_address, Some(w.text()?)),
            K::BindInterface => first!(self, k, e, bind_interface, Some(w.text()?)),
            K::CASignatureAlgorithms => first!(
                self,
                k,
                e,
                ca_signature_algorithms,
                algorithms(w, &SIGNATURES)?
            ),
            K::CanonicalizeFallbackLocal => {
                first!(self, k, e, canonicalize_fallback_local, w.flag()?)
            }
            K::CanonicalizeHostname => first!(
                self,
                k,
                e,
                canonicalize_hostname,
                w.parsed(CanonicalizeHostname::parse, "yes, no or always")?
            ),
            K::CanonicalizeMaxDots => first!(self, k, e, canonicalize_max_dots, w.number()?),
            K::CheckHostIP => first!(self, k, e, check_host_ip, w.flag()?),
            K::Ciphers => first!(self, k, e, ciphers, algorithms(w, &CIPHERS)?),
            K::ClearAllForwardings => first!(self, k, e, clear_all_forwardings, w.flag()?),
            K::Compression => first!(self, k, e, compression, w.flag()?),
            K::ConnectTimeout => first!(self, k, e, connect_timeout, w.time()?),
            K::ConnectionAttempts => first!(self, k, e, connection_attempts, w.number()?),
            K::ControlMaster => first!(
                self,
                k,
                e,
                control_master,
                w.parsed(ControlMaster::parse, "yes, no, ask, auto or autoask")?
            ),
            K::ControlPath => first!(self, k, e, control_path, unless_none(w.text()?)),
            K::ControlPersist => first!(
                self,
                k,
                e,
                control_persist,
                w.parsed(control_persist, "yes, no or a time such as 10m")?
            ),
            K::EnableEscapeCommandline => first!(self, k, e, enable_escape_commandline, w.flag()?),
            K::EnableSSHKeysign => first!(self, k, e, enable_ssh_keysign, w.flag()?),
            K::EscapeChar => first!(
                self,
                k,
                e,
                escape_char,
                w.parsed(escape_char, "a character, ^ and a letter, or none")?
            ),
            K::ExitOnForwardFailure => first!(self, k, e, exit_on_forward_failure, w.flag()?),
            K::FingerprintHash => first!(
                self,
                k,
                e,
                fingerprint_hash,
                w.parsed(FingerprintHash::parse, "sha256 or md5")?
            ),
            K::ForkAfterAuthentication => first!(self, k, e, fork_after_authentication, w.flag()?),
            K::ForwardAgent => first!(self, k, e, forward_agent, forward_agent(w, env)?),
            K::ForwardX11 => first!(self, k, e, forward_x11, w.flag()?),
            K::ForwardX11Timeout => first!(
                self,
                k,
                e,
                forward_x11_timeout,
                w.time()?.unwrap_or_default()
            ),
            K::ForwardX11Trusted => first!(self, k, e, forward_x11_trusted, w.flag()?),
            K::GatewayPorts => first!(self, k, e, gateway_ports, w.flag()?),
            K::HashKnownHosts => first!(self, k, e, hash_known_hosts, w.flag()?),
            K::HostKeyAlgorithms => {
                let names = algorithms(w, &KEYS)?;
                if self.claim(k, e) {
                    self.settings.host_key_algorithms = names;
                    self.settings.host_key_algorithms_given = true;
                }
            }
            K::HostKeyAlias => first!(self, k, e, host_key_alias, Some(w.text()?)),
            K::HostbasedAcceptedAlgorithms => first!(
                self,
                k,
                e,
                hostbased_accepted_algorithms,
                algorithms(w, &KEYS)?
            ),
            K::HostbasedAuthentication => first!(self, k, e, hostbased_authentication, w.flag()?),
            K::Hostname => first!(self, k, e, hostname, w.text()?),
            K::IPQoS => {
                let wanted = "a traffic class such as af21, ef or none";
                let interactive = w.parsed(ip_qos, wanted)?;
                let bulk = w
                    .optional()
                    .map(|word| ip_qos(&word).ok_or_else(|| w.bad(word, wanted)));
                let bulk = bulk.transpose()?.unwrap_or(interactive);
                if self.claim(k, e) {
                    self.settings.ip_qos_interactive = interactive;
                    self.settings.ip_qos_bulk = bulk;
                }
            }
            K::IdentitiesOnly => first!(self, k, e, identities_only, w.flag()?),
            K::IdentityAgent => first!(
                self,
                k,
                e,
                identity_agent,
                Some(agent_path(w.text()?, w, env)?)
            ),
            K::IgnoreUnknown => first!(self, k, e, ignore_unknown, Some(w.text()?)),
            K::KbdInteractiveAuthentication => {
                first!(self, k, e, kbd_interactive_authentication, w.flag()?)
            }
            K::KbdInteractiveDevices => {
                first!(self, k, e, kbd_interactive_devices, Some(w.text()?))
            }
            K::KexAlgorithms => first!(self, k, e, kex_algorithms, algorithms(w, &KEX)?),
            K::LogLevel => first!(
                self,
                k,
                e,
                log_level,
                w.parsed(
                    LogLevel::parse,
                    "quiet, fatal, error, info, verbose or debug1 to debug3"
                )?
            ),
            K::MACs => first!(self, k, e, macs, algorithms(w, &MACS)?),
            K::NoHostAuthenticationForLocalhost => {
                first!(self, k, e, no_host_authentication_for_localhost, w.flag()?)
            }
            K::NumberOfPasswordPrompts => {
                first!(self, k, e, number_of_password_prompts, w.number()?)
            }
            K::PasswordAuthentication => first!(self, k, e, password_authentication, w.flag()?),
            K::PermitLocalCommand => first!(self, k, e, permit_local_command, w.flag()?),
            K::Port => first!(self, k, e, port, w.parsed(port, "a port from 1 to 65535")?),
            K::PreferredAuthentications => {
                first!(self, k, e, preferred_authentications, Some(w.text()?))
            }
            K::ProxyUseFdpass => first!(self, k, e, proxy_use_fdpass, w.flag()?),
            K::PubkeyAcceptedAlgorithms => first!(
                self,
                k,
                e,
                pubkey_accepted_algorithms,
                algorithms(w, &KEYS)?
            ),
            K::PubkeyAuthentication => first!(
                self,
                k,
                e,
                pubkey_authentication,
                w.parsed(
                    PubkeyAuthentication::parse,
                    "yes, no, unbound or host-bound"
                )?
            ),
            K::RekeyLimit => self.rekey_limit(w, effect)?,
            K::RequestTTY => first!(
                self,
                k,
                e,
                request_tty,
                w.parsed(RequestTty::parse, "yes, no, force or auto")?
            ),
            K::RequiredRSASize => first!(self, k, e, required_rsa_size, w.number()?),
            K::RevokedHostKeys => first!(self, k, e, revoked_host_keys, unless_none(w.text()?)),
            K::SecurityKeyProvider => {
                first!(self, k, e, security_key_provider, unless_none(w.text()?))
            }
            K::ServerAliveCountMax => first!(self, k, e, server_alive_count_max, w.number()?),
            K::ServerAliveInterval => first!(
                self,
                k,
                e,
                server_alive_interval,
                w.time()?.unwrap_or_default()
            ),
            K::SessionType => first!(
                self,
                k,
                e,
                session_type,
                w.parsed(SessionType::parse, "none, subsystem or default")?
            ),
            K::StdinNull => first!(self, k, e, stdin_null, w.flag()?),
            K::StreamLocalBindMask => first!(
                self,
                k,
                e,
                stream_local_bind_mask,
                w.parsed(octal_mask, "an octal mask from 0 to 0777")?
            ),
            K::StreamLocalBindUnlink => first!(self, k, e, stream_local_bind_unlink, w.flag()?),
            K::StrictHostKeyChecking => first!(
                self,
                k,
                e,
                strict_host_key_checking,
                w.parsed(
                    StrictHostKeyChecking::parse,
                    "yes, no, ask, accept-new or off"
                )?
            ),
            K::SyslogFacility => first!(
                self,
                k,
                e,
                syslog_facility,
                w.parsed(
                    SyslogFacility::parse,
                    "a facility such as user, auth or local0"
                )?
            ),
            K::TCPKeepAlive => first!(self, k, e, tcp_keep_alive, w.flag()?),
            K::Tag => first!(self, k, e, tag, Some(w.text()?)),
            K::UpdateHostKeys => first!(
                self,
                k,
                e,
                update_host_keys,
                w.parsed(YesNoAsk::parse, "yes, no or ask")?
            ),
            K::User => first!(self, k, e, user, w.text()?),
            K::VerifyHostKeyDNS => first!(
                self,
                k,
                e,
                verify_host_key_dns,
                w.parsed(YesNoAsk::parse, "yes, no or ask")?
            ),
            K::VisualHostKey => first!(self, k, e, visual_host_key, w.flag()?),
            K::XAuthLocation => first!(self, k, e, xauth_location, w.text()?),

            K::ShowFullNotifications => first!(self, k, e, show_full_notifications, w.flag()?),
            K::ShowNotificationOnTop => first!(self, k, e, show_notification_on_top, w.flag()?),
            K::TsshdPath => first!(self, k, e, tsshd_path, Some(w.text()?)),
            K::TsshdPort => {
                let list = w.list(&[])?.join(" ");
                let ports = list.parse().map_err(|_| {
                    w.bad(list, "a list of ports and ranges such as 6022,8010-8020")
                })?;
                first!(self, k, e, tsshd_port, ports);
            }
            K::UdpAliveTimeout => first!(self, k, e, udp_alive_timeout, positive_time(w)?),
            K::UdpHeartbeatTimeout => first!(self, k, e, udp_heartbeat_timeout, positive_time(w)?),
            K::UdpMTU => first!(
                self,
                k,
                e,
                udp_mtu,
                w.parsed(mtu, "a number of bytes from 1200 to 65507")?
            ),
            K::UdpMode => first!(
                self,
                k,
                e,
                udp_mode,
                w.parsed(UdpMode::parse, "no, yes, quic or kcp")?
            ),
            K::UdpProxyMode => first!(
                self,
                k,
                e,
                udp_proxy_mode,
                w.parsed(UdpProxyMode::parse, "auto, udp or tcp")?
            ),
            K::UdpReconnectTimeout => first!(self, k, e, udp_reconnect_timeout, positive_time(w)?),

            K::Unsupported => {
                if effect == Effect::Applies {
                    let name = w.keyword();
                    self.settings
                        .warnings
                        .push(format!("{name} is not supported and does nothing"));
                }
                w.skip();
            }
            K::Ignored => w.skip(),
            K::CanonicalDomains
            | K::CanonicalizePermittedCNAMEs
            | K::CertificateFile
            | K::DynamicForward
            | K::GlobalKnownHostsFile
            | K::IdentityFile
            | K::LocalForward
            | K::LogVerbose
            | K::PermitRemoteOpen
            | K::RemoteForward
            | K::SendEnv
            | K::SetEnv
            | K::UserKnownHostsFile
            | K::KnownHostsCommand
            | K::LocalCommand
            | K::ProxyCommand
            | K::ProxyJump
            | K::RefuseConnection
            | K::RemoteCommand
            | K::Host
            | K::Include
            | K::Match => {
                return Err(Problem::OnlyInFiles(w.keyword().to_owned()));
            }
        }
        Ok(())
    }

    fn rekey_limit(&mut self, w: &mut Words, effect: Effect) -> Result<(), Problem> {
        let limit = |word: &str| match word {
            "default" => Some(0),
            _ => scaled(word).filter(|&bytes| bytes == 0 || bytes >= SMALLEST_REKEY_LIMIT),
        };
        let limit = w.parsed(
            limit,
            "default or a number of bytes such as 512M, at least 16",
        )?;
        first!(self, Keyword::RekeyLimit, effect, rekey_limit, limit);
        if let Some(word) = w.optional().filter(|word| word != "none") {
            let interval = time(&word).ok_or_else(|| w.bad(word, "a time such as 1h, or none"))?;
            if effect == Effect::Applies && self.settings.rekey_interval.is_none() {
                self.settings.rekey_interval = Some(interval);
            }
        }
        Ok(())
    }
}

/// `none`, whatever its case, is no value.
fn unless_none(text: String) -> Option<String> {
    (!text.eq_ignore_ascii_case("none")).then_some(text)
}

fn algorithms(w: &mut Words, kind: &Algorithms) -> Result<Vec<String>, Problem> {
    let assemble = |list: &str| {
        let names = if kind.accepts(list) {
            kind.assemble(list)
        } else {
            Vec::new()
        };
        (!names.is_empty()).then_some(names)
    };
    w.parsed(
        assemble,
        "a list of algorithms that exist, with +, - or ^ in front of it at most",
    )
}

fn add_keys_to_agent(w: &mut Words) -> Result<(AddKeysToAgent, Option<Duration>), Problem> {
    let wanted = "yes, no, ask, confirm, or a time such as 1h";
    let word = w.text()?;
    let lifetime = w.optional();
    match (AddKeysToAgent::parse(&word), lifetime) {
        (Some(AddKeysToAgent::Confirm), Some(lifetime)) => match time(&lifetime) {
            Some(lifetime) => Ok((AddKeysToAgent::Confirm, Some(lifetime))),
            None => Err(w.bad(lifetime, wanted)),
        },
        (Some(choice), None) => Ok((choice, None)),
        (None, None) => match time(&word) {
            Some(lifetime) => Ok((AddKeysToAgent::Yes, Some(lifetime))),
            None => Err(w.bad(word, wanted)),
        },
        (_, Some(lifetime)) => Err(w.bad(lifetime, wanted)),
    }
}

fn control_persist(word: &str) -> Option<ControlPersist> {
    match flag(word) {
        Some(false) => Some(ControlPersist::No),
        Some(true) => Some(ControlPersist::Forever),
        None => time(word).map(|idle| match idle {
            Duration::ZERO => ControlPersist::Forever,
            idle => ControlPersist::Idle(idle),
        }),
    }
}

fn forward_agent(w: &mut Words, env: &Environment) -> Result<ForwardAgent, Problem> {
    let word = w.text()?;
    match flag(&word) {
        Some(true) => Ok(ForwardAgent::Yes),
        Some(false) => Ok(ForwardAgent::No),
        None => Ok(ForwardAgent::Socket(agent_path(word, w, env)?)),
    }
}

/// A path whose variables are set, or `$NAME` alone.
fn agent_path(text: String, w: &Words, env: &Environment) -> Result<String, Problem> {
    let token = |source: TokenError| Problem::Token {
        keyword: w.keyword().to_owned(),
        source,
    };
    expand_variables(&text, &env.variables).map_err(token)?;
    match text.strip_prefix('$') {
        Some(name) if !name.starts_with('{') && !is_variable_name(name) => {
            Err(w.bad(text, "a path or the name of an environment variable"))
        }
        _ => Ok(text),
    }
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn positive_time(w: &mut Words) -> Result<Duration, Problem> {
    let positive = |word: &str| time(word).filter(|time| !time.is_zero());
    w.parsed(positive, "a time above zero such as 15, 30s or 1h")
}

fn mtu(word: &str) -> Option<u16> {
    word.parse().ok().filter(|mtu| (1200..=65507).contains(mtu))
}

/// OpenSSH refuses less: every packet would renew the keys.
const SMALLEST_REKEY_LIMIT: u64 = 16;
