//! What each keyword does to the settings: the first value wins, lists grow.

use std::collections::BTreeSet;
use std::time::Duration;

use super::agent::{add_keys_to_agent, agent_path, forward_agent};
use super::algorithms::{Algorithms, CIPHERS, KEX, KEYS, MACS, SIGNATURES};
use super::jump::ProxyJump;
use super::lexer::Line;
use super::value::{Words, escape_char, flag, ip_qos, octal_mask, port, scaled, time};
use super::{Keyword, Problem};
use crate::settings::{ControlPersist, Environment, Settings};
use tssh_core::ports::{PortRangeError, PortSpec};

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
            Keyword::ProxyCommand => first!(self, keyword, effect, proxy_command, command),
            Keyword::ProxyJump => {
                let jump = match line.command().split('#').next().map(str::trim_end) {
                    Some(hosts) if !hosts.eq_ignore_ascii_case("none") => {
                        let wanted = "a list of [user@]host[:port] or none";
                        Some(ProxyJump::parse(hosts).ok_or_else(|| w.bad(hosts, wanted))?)
                    }
                    _ => None,
                };
                // Whichever comes first shuts out the other, except that ProxyJump none leaves
                // room for a ProxyCommand.
                let is_free = !self.is_claimed(Keyword::ProxyCommand);
                if is_free && self.claim(keyword, effect) && jump.is_some() {
                    self.claim(Keyword::ProxyCommand, effect);
                    self.settings.proxy_jump = jump;
                }
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
        macro_rules! put {
            ($field:ident, $value:expr) => {
                first!(self, k, e, $field, $value)
            };
        }
        match keyword {
            K::AddKeysToAgent => {
                let (choice, lifetime) = add_keys_to_agent(w)?;
                if self.claim(k, e) {
                    self.settings.add_keys_to_agent = choice;
                    self.settings.add_keys_to_agent_lifetime = lifetime;
                }
            }
            K::AddressFamily => put!(address_family, w.choice()?),
            K::BatchMode => put!(batch_mode, w.flag()?),
            K::BindAddress => put!(bind_address, Some(w.text()?)),
            K::BindInterface => put!(bind_interface, Some(w.text()?)),
            K::CASignatureAlgorithms => put!(ca_signature_algorithms, names(w, &SIGNATURES)?),
            K::CanonicalizeFallbackLocal => put!(canonicalize_fallback_local, w.flag()?),
            K::CanonicalizeHostname => put!(canonicalize_hostname, w.choice()?),
            K::CanonicalizeMaxDots => put!(canonicalize_max_dots, w.number()?),
            K::CheckHostIP => put!(check_host_ip, w.flag()?),
            K::Ciphers => put!(ciphers, names(w, &CIPHERS)?),
            K::ClearAllForwardings => put!(clear_all_forwardings, w.flag()?),
            K::Compression => put!(compression, w.flag()?),
            K::ConnectTimeout => put!(connect_timeout, w.time()?),
            K::ConnectionAttempts => put!(connection_attempts, w.number()?),
            K::ControlMaster => put!(control_master, w.choice()?),
            K::ControlPath => put!(control_path, unless_none(w.text()?)),
            K::ControlPersist => put!(control_persist, w.parsed(persist, PERSIST)?),
            K::EnableEscapeCommandline => put!(enable_escape_commandline, w.flag()?),
            K::EnableSSHKeysign => put!(enable_ssh_keysign, w.flag()?),
            K::EscapeChar => put!(escape_char, w.parsed(escape_char, ESCAPE)?),
            K::ExitOnForwardFailure => put!(exit_on_forward_failure, w.flag()?),
            K::FingerprintHash => put!(fingerprint_hash, w.choice()?),
            K::ForkAfterAuthentication => put!(fork_after_authentication, w.flag()?),
            K::ForwardAgent => put!(forward_agent, forward_agent(w, env)?),
            K::ForwardX11 => put!(forward_x11, w.flag()?),
            K::ForwardX11Timeout => put!(forward_x11_timeout, w.time()?.unwrap_or_default()),
            K::ForwardX11Trusted => put!(forward_x11_trusted, w.flag()?),
            K::GatewayPorts => put!(gateway_ports, w.flag()?),
            K::HashKnownHosts => put!(hash_known_hosts, w.flag()?),
            K::HostKeyAlgorithms => {
                // As ssh: who only adds or takes away leaves the order to what is known.
                let is_ordered = !w.next_starts_with(&['+', '-']);
                let names = names(w, &KEYS)?;
                if self.claim(k, e) {
                    self.settings.host_key_algorithms = names;
                    self.settings.host_key_algorithms_given = true;
                    self.settings.host_key_order_given = is_ordered;
                }
            }
            K::HostKeyAlias => put!(host_key_alias, Some(w.text()?)),
            K::HostbasedAcceptedAlgorithms => {
                put!(hostbased_accepted_algorithms, names(w, &KEYS)?);
            }
            K::HostbasedAuthentication => put!(hostbased_authentication, w.flag()?),
            K::Hostname => put!(hostname, w.text()?),
            K::IPQoS => {
                let interactive = w.parsed(ip_qos, IP_QOS_WANTED)?;
                let bulk = w.optional();
                let bulk = bulk.map(|word| ip_qos(&word).ok_or_else(|| w.bad(word, IP_QOS_WANTED)));
                let bulk = bulk.transpose()?.unwrap_or(interactive);
                if self.claim(k, e) {
                    self.settings.ip_qos_interactive = interactive;
                    self.settings.ip_qos_bulk = bulk;
                }
            }
            K::IdentitiesOnly => put!(identities_only, w.flag()?),
            K::IdentityAgent => put!(identity_agent, Some(agent_path(w.text()?, w, env)?)),
            K::IgnoreUnknown => put!(ignore_unknown, Some(w.text()?)),
            K::KbdInteractiveAuthentication => put!(kbd_interactive_authentication, w.flag()?),
            K::KbdInteractiveDevices => put!(kbd_interactive_devices, Some(w.text()?)),
            K::KexAlgorithms => put!(kex_algorithms, names(w, &KEX)?),
            K::LogLevel => put!(log_level, w.choice()?),
            K::MACs => put!(macs, names(w, &MACS)?),
            K::NoHostAuthenticationForLocalhost => {
                put!(no_host_authentication_for_localhost, w.flag()?);
            }
            K::NumberOfPasswordPrompts => put!(number_of_password_prompts, w.number()?),
            K::PasswordAuthentication => put!(password_authentication, w.flag()?),
            K::PermitLocalCommand => put!(permit_local_command, w.flag()?),
            K::Port => put!(port, w.parsed(port, "a port from 1 to 65535")?),
            K::PreferredAuthentications => put!(preferred_authentications, Some(w.text()?)),
            K::ProxyUseFdpass => put!(proxy_use_fdpass, w.flag()?),
            K::PubkeyAcceptedAlgorithms => put!(pubkey_accepted_algorithms, names(w, &KEYS)?),
            K::PubkeyAuthentication => put!(pubkey_authentication, w.choice()?),
            K::RekeyLimit => self.rekey_limit(w, effect)?,
            K::RequestTTY => put!(request_tty, w.choice()?),
            K::RequiredRSASize => put!(required_rsa_size, w.number()?),
            K::RevokedHostKeys => put!(revoked_host_keys, unless_none(w.text()?)),
            K::SecurityKeyProvider => put!(security_key_provider, unless_none(w.text()?)),
            K::ServerAliveCountMax => put!(server_alive_count_max, w.number()?),
            K::ServerAliveInterval => put!(server_alive_interval, w.time()?.unwrap_or_default()),
            K::SessionType => put!(session_type, w.choice()?),
            K::StdinNull => put!(stdin_null, w.flag()?),
            K::StreamLocalBindMask => put!(stream_local_bind_mask, w.parsed(octal_mask, MASK)?),
            K::StreamLocalBindUnlink => put!(stream_local_bind_unlink, w.flag()?),
            K::StrictHostKeyChecking => put!(strict_host_key_checking, w.choice()?),
            K::SyslogFacility => put!(syslog_facility, w.choice()?),
            K::TCPKeepAlive => put!(tcp_keep_alive, w.flag()?),
            K::Tag => put!(tag, Some(w.text()?)),
            K::UpdateHostKeys => put!(update_host_keys, w.choice()?),
            K::User => put!(user, w.text()?),
            K::VerifyHostKeyDNS => put!(verify_host_key_dns, w.choice()?),
            K::VisualHostKey => put!(visual_host_key, w.flag()?),
            K::XAuthLocation => put!(xauth_location, w.text()?),

            K::ShowFullNotifications => put!(show_full_notifications, w.flag()?),
            K::ShowNotificationOnTop => put!(show_notification_on_top, w.flag()?),
            K::TsshdPath => put!(tsshd_path, Some(w.text()?)),
            K::TsshdPort => put!(tsshd_port, ports(w)?),
            K::UdpAliveTimeout => put!(udp_alive_timeout, positive_time(w)?),
            K::UdpHeartbeatTimeout => put!(udp_heartbeat_timeout, positive_time(w)?),
            K::UdpMTU => put!(udp_mtu, w.parsed(mtu, MTU)?),
            K::UdpMode => put!(udp_mode, w.choice()?),
            K::UdpProxyMode => put!(udp_proxy_mode, w.choice()?),
            K::UdpReconnectTimeout => put!(udp_reconnect_timeout, positive_time(w)?),

            K::Ignored | K::Unsupported => w.skip(),
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

fn names(w: &mut Words, kind: &Algorithms) -> Result<Vec<String>, Problem> {
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

fn persist(word: &str) -> Option<ControlPersist> {
    match flag(word) {
        Some(false) => Some(ControlPersist::No),
        Some(true) => Some(ControlPersist::Forever),
        None => time(word).map(|idle| match idle {
            Duration::ZERO => ControlPersist::Forever,
            idle => ControlPersist::Idle(idle),
        }),
    }
}

fn positive_time(w: &mut Words) -> Result<Duration, Problem> {
    let positive = |word: &str| time(word).filter(|time| !time.is_zero());
    w.parsed(positive, "a time above zero such as 15, 30s or 1h")
}

fn ports(w: &mut Words) -> Result<PortSpec, Problem> {
    let list = w.list(&[])?.join(" ");
    list.parse().map_err(|error| {
        w.bad(
            list,
            match matches!(error, PortRangeError::UpsideDown { .. }) {
                true => "a list whose ranges run upward, such as 8010-8020",
                false => "a list of ports and ranges such as 6022,8010-8020",
            },
        )
    })
}

fn mtu(word: &str) -> Option<u16> {
    word.parse()
        .ok()
        .filter(|mtu| tssh_core::proxy::MTU_RANGE.contains(mtu))
}

/// OpenSSH refuses less: every packet would renew the keys.
const SMALLEST_REKEY_LIMIT: u64 = 16;

const ESCAPE: &str = "a character, ^ and a letter, or none";
const IP_QOS_WANTED: &str = "a traffic class such as af21, ef or none";
const MASK: &str = "an octal mask from 0 to 0777";
const MTU: &str = "a number of bytes from 1200 to 9000";
const PERSIST: &str = "yes, no or a time such as 10m";
