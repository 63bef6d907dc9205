//! What this version does not have.

use crate::cli::Cli;
use crate::settings::{AddKeysToAgent, FingerprintHash, ForwardAgent, Settings, YesNoAsk};

/// Says what was asked for and is not done, before anybody relies on it.
///
/// # Errors
///
/// What would be relied on most: one sentence.
pub fn refuse(cli: &Cli, settings: &Settings) -> anyhow::Result<()> {
    if settings.stdio_forward.is_some() {
        anyhow::bail!("-W is not supported by this version: use ssh -W");
    }
    if cli.control_command.is_some() {
        anyhow::bail!("-O is not supported by this version, which has no control socket");
    }
    // `ClearAllForwardings` has cleared them.
    if !settings.remote_forwards.is_empty() || !settings.dynamic_forwards.is_empty() {
        let what = "-R and -D are not supported by this version: use ssh for RemoteForward and DynamicForward";
        if settings.exit_on_forward_failure {
            anyhow::bail!(what);
        }
        tracing::warn!("{what}");
    }
    if settings.forward_agent != ForwardAgent::No {
        tracing::warn!("the agent is not forwarded by this version: use ssh for -A");
    }
    if settings.forward_x11 {
        tracing::warn!("X11 is not forwarded by this version: use ssh for -X and -Y");
    }
    for keyword in without_effect(settings) {
        tracing::warn!("{keyword} has no effect in this version");
    }
    Ok(())
}

/// The options that say something else than their default, which is all that this version does.
fn without_effect(settings: &Settings) -> Vec<&'static str> {
    let default = Settings::default();
    let updates = settings.update_host_keys_given && settings.update_host_keys != YesNoAsk::No;
    let marks = |settings: &Settings| (settings.ip_qos_interactive, settings.ip_qos_bulk);
    let asked = [
        ("KnownHostsCommand", settings.known_hosts_command.is_some()),
        (
            "VerifyHostKeyDNS",
            settings.verify_host_key_dns != YesNoAsk::No,
        ),
        ("UpdateHostKeys", updates),
        (
            "AddKeysToAgent",
            settings.add_keys_to_agent != AddKeysToAgent::No,
        ),
        ("VisualHostKey", settings.visual_host_key),
        (
            "FingerprintHash",
            settings.fingerprint_hash != FingerprintHash::Sha256,
        ),
        ("ProxyUseFdpass", settings.proxy_use_fdpass),
        ("CheckHostIP", settings.check_host_ip),
        (
            "EnableEscapeCommandline",
            settings.enable_escape_commandline,
        ),
        (
            "KbdInteractiveDevices",
            settings.kbd_interactive_devices.is_some(),
        ),
        ("IPQoS", marks(settings) != marks(&default)),
    ];
    let asked = asked.into_iter().filter(|(_, is_asked)| *is_asked);
    asked.map(|(keyword, _)| keyword).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Environment;

    #[test]
    fn what_differs_from_the_default_and_does_nothing_is_named() {
        let asked = [
            "KnownHostsCommand=/bin/keys %H",
            "VerifyHostKeyDNS=ask",
            "UpdateHostKeys=yes",
            "AddKeysToAgent=confirm",
            "VisualHostKey=yes",
            "FingerprintHash=md5",
            "ProxyUseFdpass=yes",
            "CheckHostIP=yes",
            "EnableEscapeCommandline=yes",
            "KbdInteractiveDevices=pam",
            "IPQoS=ef",
        ];
        let named = asked.map(|line| line.split('=').next().unwrap());
        assert_eq!(without_effect_of(&asked), named);
        for line in [
            "UpdateHostKeys=no",
            "AddKeysToAgent=no",
            "IPQoS=af21 cs1",
            "FingerprintHash=sha256",
        ] {
            assert_eq!(without_effect_of(&[line]), [""; 0], "{line}");
        }
    }

    fn without_effect_of(lines: &[&str]) -> Vec<&'static str> {
        let options = lines.iter().flat_map(|line| ["-o", line]);
        let words = ["tssh", "-F", "none"]
            .into_iter()
            .chain(options)
            .chain(["h"]);
        let cli = Cli::from_args(words).unwrap();
        let env = Environment::of_process().unwrap();
        without_effect(&crate::settings::resolve(&cli, &env).unwrap())
    }
}
