//! Finds the effective settings: command line, `-o`, the user's file, the system's file, defaults.

use super::canonical::canonicalize;
use super::defaults::DEFAULT_USER_KNOWN_HOSTS;
use super::{
    CanonicalizeHostname, ControlPersist, Environment, LogLevel, RequestTty, SessionType, Settings,
    YesNoAsk,
};
use crate::cli::Cli;
use crate::ssh_config::tokens::expand_tokens;
use crate::ssh_config::{ConfigError, Draft, Effect, Keyword, Pass, Reader};

/// Reads the configuration for the destination of `cli`.
///
/// Runs the commands of `Match exec` and, for canonical host names, asks the resolver; both block.
///
/// # Errors
///
/// A line, an argument or a file that is wrong, options that exclude one another, or a
/// configuration that refuses the connection (unless only `-G` is asked for).
pub fn resolve(cli: &Cli, env: &Environment) -> Result<Settings, ConfigError> {
    let mut draft = Draft::new();
    let original = draft.apply_command_line(cli, env)?;
    draft.settings.host.clone_from(&original);
    let user_is_final = !draft.settings.user.is_empty();
    let config = cli.config.as_deref();
    let mut wants_final =
        Reader::new(env, &mut draft, &original, &original, Pass::First).read_files(config)?;

    let mut host = original.clone();
    if draft.is_claimed(Keyword::Hostname) {
        host = expand_tokens(
            &draft.settings.hostname,
            &vec![('h', original.as_str().into())],
        )
        .map_err(|source| ConfigError::Token {
            keyword: "HostName",
            source,
        })?;
    }
    host = canonicalize(host, &mut draft, env)?;
    wants_final |= draft.settings.canonicalize_hostname != CanonicalizeHostname::No;
    // The second pass cannot change what the name was made with.
    for keyword in [
        Keyword::Hostname,
        Keyword::CanonicalizeFallbackLocal,
        Keyword::CanonicalizeHostname,
        Keyword::CanonicalizeMaxDots,
    ] {
        draft.claim(keyword, Effect::Applies);
    }
    draft.settings.hostname.clone_from(&host);
    if wants_final {
        Reader::new(env, &mut draft, &host, &original, Pass::Final).read_files(config)?;
    }

    fill_defaults(&mut draft, env);
    let mut settings = draft.settings;
    check(&settings)?;
    settings.fill_tokens(env);
    if !user_is_final {
        settings.expand_user(env)?;
    }
    settings.expand(env)?;
    match &settings.refuse_connection {
        Some(reason) if !cli.print_settings => Err(ConfigError::Refused(reason.clone())),
        _ => Ok(settings),
    }
}

/// Defaults that depend on other settings.
fn fill_defaults(draft: &mut Draft, env: &Environment) {
    let names_hosts_files = match draft.settings.user_known_hosts_files.as_slice() {
        _ if !draft.is_claimed(Keyword::UserKnownHostsFile) => false,
        [only] => only != DEFAULT_USER_KNOWN_HOSTS[0],
        _ => true,
    };
    let trusts_dns = draft.settings.verify_host_key_dns != YesNoAsk::No;
    if !draft.is_claimed(Keyword::UpdateHostKeys) && (names_hosts_files || trusts_dns) {
        draft.settings.update_host_keys = YesNoAsk::No;
    }
    draft.settings.update_host_keys_given = draft.is_claimed(Keyword::UpdateHostKeys);
    let only_stdio = draft.settings.stdio_forward.is_some();
    if !draft.is_claimed(Keyword::ExitOnForwardFailure) {
        draft.settings.exit_on_forward_failure = only_stdio;
    }
    if !draft.is_claimed(Keyword::ClearAllForwardings) {
        draft.settings.clear_all_forwardings = only_stdio;
    }
    let settings = &mut draft.settings;
    if settings.clear_all_forwardings {
        settings.local_forwards.clear();
        settings.remote_forwards.clear();
        settings.dynamic_forwards.clear();
    }
    if settings.identity_files.is_empty() {
        settings.identity_files = Settings::default().identity_files;
    }
    if settings.user.is_empty() {
        settings.user.clone_from(&env.user);
    }
    if let Some(alias) = &mut settings.host_key_alias {
        alias.make_ascii_lowercase();
    }
    if settings.proxy_jump.is_some() {
        settings.proxy_use_fdpass = false;
    }
    let cannot_ask = (settings.control_persist != ControlPersist::No
        && settings.control_path.is_some())
        || settings.command().is_some()
        || settings.request_tty == RequestTty::No
        || matches!(
            settings.log_level,
            LogLevel::Quiet | LogLevel::Fatal | LogLevel::Error
        );
    if settings.update_host_keys == YesNoAsk::Ask && cannot_ask {
        settings.update_host_keys = YesNoAsk::No;
    }
    for files in [
        &mut settings.user_known_hosts_files,
        &mut settings.global_known_hosts_files,
    ] {
        if files
            .first()
            .is_some_and(|file| file.eq_ignore_ascii_case("none"))
        {
            files.clear();
        }
    }
}

/// Settings that exclude one another.
fn check(settings: &Settings) -> Result<(), ConfigError> {
    if settings.connection_attempts == 0 {
        return Err(ConfigError::Conflict(
            "ConnectionAttempts is 0; it must be at least 1",
        ));
    }
    if settings.command_line.is_some() && settings.remote_command.is_some() {
        return Err(ConfigError::Conflict(
            "there are a command line and a RemoteCommand; give -o RemoteCommand=none to drop the second",
        ));
    }
    let has_nothing_to_run =
        settings.command().is_none() && settings.session_type != SessionType::None;
    if settings.fork_after_authentication && has_nothing_to_run {
        return Err(ConfigError::Conflict(
            "there is no command to run in the background; give one, or -N for forwards only",
        ));
    }
    if settings.proxy_use_fdpass && settings.proxy_command.as_deref() == Some("-") {
        return Err(ConfigError::Conflict(
            "ProxyCommand - and ProxyUseFdpass exclude one another",
        ));
    }
    if let Some(jump) = &settings.proxy_jump {
        let hop = jump.last();
        let same_user = hop.user.as_ref().is_none_or(|user| *user == settings.user);
        let same_port = hop.port.unwrap_or(22) == settings.port;
        if hop.host == settings.hostname && same_user && same_port {
            return Err(ConfigError::JumpLoop(hop.host.clone()));
        }
    }
    Ok(())
}
