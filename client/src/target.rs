//! From the settings of one host to what the login wants to know, jump hosts included.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::Cli;
use crate::login::{
    AddressFamily, Algorithms, AuthMethod, Options, RekeyLimit, StrictHostKeyChecking,
};
use crate::settings::{self, Environment, PubkeyAuthentication, Settings, resolve};
use crate::ssh_config::{ConfigError, JumpHop};

/// The login of `settings`, with the hosts on the way.
///
/// # Errors
///
/// A path or command that cannot be expanded, or the configuration of a jump host.
pub fn login_options(
    cli: &Cli,
    settings: &Settings,
    env: &Environment,
) -> Result<Options, ConfigError> {
    let mut options = one_hop(settings, env)?;
    options.jump = way_to(cli, settings, env)?;
    Ok(options)
}

/// The hosts on the way to that of `settings`, nearest first.
///
/// As with ssh, of the hosts in one `ProxyJump` only the first is reached by a way of its own: the
/// others are reached through those before them, whatever is configured for them.
fn way_to(cli: &Cli, settings: &Settings, env: &Environment) -> Result<Vec<Options>, ConfigError> {
    let mut way = Vec::new();
    let mut target = settings.clone();
    while let Some(jump) = target.proxy_jump.clone() {
        let mut before: Vec<String> = Vec::new();
        let mut hops = Vec::new();
        for hop in jump.hops() {
            let hop =
                hop.expanded(&target.tokens.proxy())
                    .map_err(|source| ConfigError::Token {
                        keyword: "ProxyJump",
                        source,
                    })?;
            let hop_settings = resolve(&cli_of_hop(cli, &hop, &before), env)?;
            before.push(hop.to_string());
            hops.push(hop_settings);
        }
        let is_circle = way.len() + hops.len() > MAX_HOPS;
        if is_circle {
            return Err(ConfigError::JumpLoop(target.hostname));
        }
        for (at, hop) in hops.iter().enumerate() {
            way.insert(at, one_hop(hop, env)?);
        }
        target = hops.swap_remove(0);
    }
    Ok(way)
}

fn one_hop(settings: &Settings, env: &Environment) -> Result<Options, ConfigError> {
    let mut options = Options::new(&settings.hostname, settings.port, &settings.user);
    options.host_key_alias.clone_from(&settings.host_key_alias);
    options.user_known_hosts = paths(&settings.user_known_hosts_files);
    options.global_known_hosts = paths(&settings.global_known_hosts_files);
    options.revoked_host_keys = settings.revoked_host_keys.as_ref().map(PathBuf::from);
    options.strict_host_key_checking = match settings.strict_host_key_checking {
        settings::StrictHostKeyChecking::Yes => StrictHostKeyChecking::Yes,
        settings::StrictHostKeyChecking::Off => StrictHostKeyChecking::No,
        settings::StrictHostKeyChecking::Ask => StrictHostKeyChecking::Ask,
        settings::StrictHostKeyChecking::AcceptNew => StrictHostKeyChecking::AcceptNew,
    };
    options.hash_known_hosts = settings.hash_known_hosts;
    options.identity_files = settings
        .identity_paths(env)?
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    options.certificate_files = settings.certificate_paths(env)?;
    options.identities_only = settings.identities_only;
    options.identity_agent = settings.agent_socket(env);
    if let Some(list) = &settings.preferred_authentications {
        options.preferred_authentications = AuthMethod::parse_list(list);
    }
    options.pubkey_authentication = settings.pubkey_authentication != PubkeyAuthentication::No;
    options.password_authentication = settings.password_authentication;
    options.kbd_interactive_authentication = settings.kbd_interactive_authentication;
    options.number_of_password_prompts = settings.number_of_password_prompts;
    options.batch_mode = settings.batch_mode;
    options.algorithms = Algorithms {
        kex: Some(settings.kex_algorithms.join(",")),
        ciphers: Some(settings.ciphers.join(",")),
        macs: Some(settings.macs.join(",")),
        host_keys: settings
            .host_key_algorithms_given
            .then(|| settings.host_key_algorithms.join(",")),
        host_keys_are_ordered: settings.host_key_order_given,
        user_keys: Some(settings.pubkey_accepted_algorithms.join(",")),
        authorities: Some(settings.ca_signature_algorithms.join(",")),
    };
    options.required_rsa_size = settings.required_rsa_size;
    options.trust_loopback = settings.no_host_authentication_for_localhost;
    options.compression = settings.compression;
    options.connect_timeout = settings.connect_limit();
    options.connection_attempts = settings.connection_attempts;
    options.bind_address.clone_from(&settings.bind_address);
    options.bind_interface.clone_from(&settings.bind_interface);
    options.address_family = match settings.address_family {
        settings::AddressFamily::Any => AddressFamily::Any,
        settings::AddressFamily::Inet => AddressFamily::Inet,
        settings::AddressFamily::Inet6 => AddressFamily::Inet6,
    };
    options.tcp_keep_alive = settings.tcp_keep_alive;
    options.server_alive_interval =
        Some(settings.server_alive_interval).filter(|every| *every > Duration::ZERO);
    options.server_alive_count_max = settings.server_alive_count_max;
    let default = RekeyLimit::default();
    options.rekey_limit = RekeyLimit {
        bytes: if settings.rekey_limit == 0 {
            default.bytes
        } else {
            settings.rekey_limit
        },
        time: settings.rekey_interval.unwrap_or(default.time),
    };
    options.proxy_command = settings.proxy_command_line()?;
    Ok(options)
}

/// The same configuration files, another host: what was said of the destination does not hold
/// for the hosts on the way (ssh runs itself with `-l`, `-p`, `-J`, `-F` and `-v` for each).
/// `before` are the hops that lead to this one.
fn cli_of_hop(cli: &Cli, hop: &JumpHop, before: &[String]) -> Cli {
    use crate::cli::Directive;
    let mut directives = vec![Directive::Destination(hop.host.clone())];
    directives.extend(hop.user.clone().map(Directive::User));
    directives.extend(hop.port.map(|port| Directive::Port(port.to_string())));
    let jumps = (!before.is_empty()).then(|| before.join(","));
    Cli {
        jumps: jumps.into_iter().collect(),
        config: cli.config.clone(),
        verbose: cli.verbose,
        debug: cli.debug,
        inet4: cli.inet4,
        inet6: cli.inet6,
        destination: Some(hop.host.clone()),
        directives,
        ..Cli::default()
    }
}

fn paths(files: &[String]) -> Vec<PathBuf> {
    files.iter().map(PathBuf::from).collect()
}

/// More hosts than anybody goes through; ends a configuration that leads in a circle.
const MAX_HOPS: usize = 16;

#[cfg(test)]
mod tests;
