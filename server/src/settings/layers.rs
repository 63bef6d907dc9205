//! Which of several values wins: `Match` blocks over the global part, in each the first, and of a block that cannot be
//! judged only what makes things stricter.

use std::collections::BTreeSet;
use std::mem::{Discriminant, discriminant};

use super::effective::{Forwarding, GatewayPorts, Permit, Settings, UserEnvironment};
use super::pattern::PatternList;
use super::value::Value;

/// The part of the file that a value stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Before any `Match`.
    Global,
    /// In a block whose criteria hold.
    Matched,
    /// In a block whose criteria cannot be judged.
    Unsure,
}

/// Values in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Layers {
    global: Layer,
    matched: Layer,
    unsure: Vec<Value>,
}

#[derive(Debug, Default)]
struct Layer {
    values: Vec<Value>,
    seen: Vec<Discriminant<Value>>,
    subsystems: BTreeSet<String>,
}

impl Layers {
    pub(super) fn add(&mut self, part: Part, value: Value) {
        match part {
            Part::Global => self.global.add(value),
            Part::Matched => self.matched.add(value),
            Part::Unsure => self.unsure.push(value),
        }
    }

    /// Whether client names come from DNS.
    pub(super) fn use_dns(&self) -> bool {
        self.global.values.contains(&Value::UseDns(true))
    }

    pub(super) fn settle(self) -> Settings {
        let mut settings = Settings::default();
        for value in self.global.values.into_iter().chain(self.matched.values) {
            set(&mut settings, value);
        }
        for value in self.unsure {
            tighten(&mut settings, value);
        }
        settings
    }
}

impl Layer {
    /// The first value wins, but `AcceptEnv` lines add up and `Subsystem` counts by name.
    fn add(&mut self, value: Value) {
        if let Value::Subsystem { name, .. } = &value {
            if self.subsystems.insert(name.clone()) {
                self.values.push(value);
            }
            return;
        }
        let kind = discriminant(&value);
        if !self.seen.contains(&kind) {
            self.seen.push(kind);
            self.values.push(value);
            return;
        }
        if let Value::AcceptEnv(more) = value {
            for earlier in &mut self.values {
                if let Value::AcceptEnv(list) = earlier {
                    list.extend(more);
                    return;
                }
            }
        }
    }
}

fn set(settings: &mut Settings, value: Value) {
    match value {
        Value::AcceptEnv(value) => settings.accept_env = value,
        Value::AllowAgentForwarding(value) => settings.allow_agent_forwarding = value,
        Value::AllowStreamLocalForwarding(value) => settings.allow_stream_local_forwarding = value,
        Value::AllowTcpForwarding(value) => settings.allow_tcp_forwarding = value,
        Value::ChrootDirectory(value) => settings.chroot_directory = value,
        Value::ClientAliveCountMax(value) => settings.client_alive_count_max = value,
        Value::ClientAliveInterval(value) => settings.client_alive_interval = value,
        Value::DisableForwarding(value) => settings.disable_forwarding = value,
        Value::ForceCommand(value) => settings.force_command = value,
        Value::GatewayPorts(value) => settings.gateway_ports = value,
        Value::LogLevel(value) => settings.log_level = value,
        Value::MaxSessions(value) => settings.max_sessions = value,
        Value::PermitListen(value) => settings.permit_listen = value,
        Value::PermitOpen(value) => settings.permit_open = value,
        Value::PermitTty(value) => settings.permit_tty = value,
        Value::PermitUserEnvironment(value) => settings.permit_user_environment = value,
        Value::PermitUserRc(value) => settings.permit_user_rc = value,
        Value::PrintMotd(value) => settings.print_motd = value,
        Value::SetEnv(value) => settings.set_env = value,
        Value::StreamLocalBindMask(value) => settings.stream_local_bind_mask = value,
        Value::StreamLocalBindUnlink(value) => settings.stream_local_bind_unlink = value,
        Value::Subsystem { name, command } => {
            settings.subsystems.insert(name, command);
        }
        Value::UseDns(_) => {}
        Value::UsePam(value) => settings.use_pam = value,
        Value::X11DisplayOffset(value) => settings.x11_display_offset = value,
        Value::X11Forwarding(value) => settings.x11_forwarding = value,
        Value::X11UseLocalhost(value) => settings.x11_use_localhost = value,
        Value::XAuthLocation(value) => settings.xauth_location = value,
    }
}

/// Applies `value` as far as it takes something away.
fn tighten(settings: &mut Settings, value: Value) {
    match value {
        Value::AcceptEnv(value) => settings
            .accept_env
            .retain(|it| value.patterns().contains(it)),
        Value::AllowAgentForwarding(value) => settings.allow_agent_forwarding &= value,
        Value::AllowStreamLocalForwarding(value) => {
            settings.allow_stream_local_forwarding =
                both(settings.allow_stream_local_forwarding, value);
        }
        Value::AllowTcpForwarding(value) => {
            settings.allow_tcp_forwarding = both(settings.allow_tcp_forwarding, value);
        }
        Value::ChrootDirectory(value) => {
            settings.chroot_directory = settings.chroot_directory.take().or(value);
        }
        Value::DisableForwarding(value) => settings.disable_forwarding |= value,
        Value::ForceCommand(value) => {
            settings.force_command = settings.force_command.take().or(value);
        }
        Value::GatewayPorts(GatewayPorts::No) => settings.gateway_ports = GatewayPorts::No,
        Value::MaxSessions(value) => settings.max_sessions = settings.max_sessions.min(value),
        Value::PermitListen(value) => narrow(&mut settings.permit_listen, value),
        Value::PermitOpen(value) => narrow(&mut settings.permit_open, value),
        Value::PermitTty(value) => settings.permit_tty &= value,
        Value::PermitUserEnvironment(value) => {
            narrow_environment(&mut settings.permit_user_environment, value);
        }
        Value::PermitUserRc(value) => settings.permit_user_rc &= value,
        Value::StreamLocalBindMask(value) => settings.stream_local_bind_mask |= value,
        Value::StreamLocalBindUnlink(value) => settings.stream_local_bind_unlink &= value,
        Value::X11Forwarding(value) => settings.x11_forwarding &= value,
        Value::X11UseLocalhost(value) => settings.x11_use_localhost |= value,
        Value::ClientAliveCountMax(_)
        | Value::ClientAliveInterval(_)
        | Value::GatewayPorts(_)
        | Value::LogLevel(_)
        | Value::PrintMotd(_)
        | Value::SetEnv(_)
        | Value::Subsystem { .. }
        | Value::UseDns(_)
        | Value::UsePam(_)
        | Value::X11DisplayOffset(_)
        | Value::XAuthLocation(_) => {}
    }
}

fn both(one: Forwarding, other: Forwarding) -> Forwarding {
    let local = one.permits_local() && other.permits_local();
    let remote = one.permits_remote() && other.permits_remote();
    match (local, remote) {
        (true, true) => Forwarding::All,
        (true, false) => Forwarding::Local,
        (false, true) => Forwarding::Remote,
        (false, false) => Forwarding::No,
    }
}

/// Entries are compared as written: what only means the same is left out, which is on the strict side.
fn narrow(permit: &mut Permit, value: Permit) {
    match (&mut *permit, value) {
        (_, Permit::Any) | (Permit::None, _) => {}
        (_, Permit::None) => *permit = Permit::None,
        (Permit::Any, only) => *permit = only,
        (Permit::Only(entries), Permit::Only(others)) => {
            entries.retain(|entry| others.contains(entry));
        }
    }
}

fn narrow_environment(permit: &mut UserEnvironment, value: UserEnvironment) {
    match (&mut *permit, value) {
        (_, UserEnvironment::Yes) | (UserEnvironment::No, _) => {}
        (_, UserEnvironment::No) => *permit = UserEnvironment::No,
        (UserEnvironment::Yes, only) => *permit = only,
        (UserEnvironment::Only(patterns), UserEnvironment::Only(others)) => {
            keep_common(patterns, &others);
        }
    }
}

/// Keeps what both lists name, and every negation of either.
fn keep_common(patterns: &mut PatternList, others: &PatternList) {
    patterns.retain(|it| it.starts_with('!') || others.patterns().contains(it));
    let negated = others
        .patterns()
        .iter()
        .filter(|it| it.starts_with('!'))
        .map(String::as_str);
    patterns.extend(PatternList::parse_words(negated));
}
