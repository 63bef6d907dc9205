//! What the login learns from configurations that are written for ssh.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::login_options;
use crate::cli::Cli;
use crate::login::Options;
use crate::settings::{Environment, resolve};
use crate::ssh_config::ConfigError;

#[test]
fn only_a_plain_list_or_a_caret_keeps_known_types_from_coming_first() {
    for (line, is_ordered) in [
        ("Compression no", false),
        ("HostKeyAlgorithms +ssh-rsa", false),
        ("HostKeyAlgorithms -ecdsa-sha2-*", false),
        ("HostKeyAlgorithms ^rsa-sha2-512", true),
        ("HostKeyAlgorithms ssh-ed25519,rsa-sha2-512", true),
    ] {
        let algorithms = options(line, &["h"]).unwrap().algorithms;
        assert_eq!(algorithms.host_keys_are_ordered, is_ordered, "{line}");
    }
    let added = options("HostKeyAlgorithms +ssh-rsa", &["h"]).unwrap();
    let names = added.algorithms.host_keys.unwrap();
    assert!(names.ends_with(",ssh-rsa"), "{names}");
}

#[test]
fn the_first_hop_is_reached_by_its_own_way_and_the_others_are_not() {
    let config = "Host far\n ProxyJump first,second\n\
                  Host first\n ProxyJump gate:2200\n\
                  Host gate\n ProxyCommand connect %h %p\n\
                  Host second\n ProxyJump elsewhere\n";
    let options = options(config, &["far"]).unwrap();

    assert_eq!(
        places(&options),
        ["me@gate:2200", "me@first:22", "me@second:22"]
    );
    assert_eq!(
        options.jump[0].proxy_command.as_deref(),
        Some("connect gate 2200")
    );
}

#[test]
fn tokens_of_a_hop_stand_for_its_destination() {
    let config = "Host far\n ProxyJump u%r@gate-%n:%p,second-%h\n HostName far.test\n";
    assert!(options(config, &["far"]).is_err(), "%p is no port");

    let config = "Host far\n ProxyJump u%r@gate-%n,p%p@second-%h\n HostName far.test\n Port 7\n\
                  Host gate-*\n ProxyJump x%h\n HostName g.test\n";
    let options = options(config, &["you@far"]).unwrap();
    assert_eq!(
        places(&options),
        ["me@xg.test:22", "uyou@g.test:22", "p7@second-far.test:22"]
    );
}

#[test]
fn a_way_that_leads_in_a_circle_is_an_error() {
    let config = "Host a\n ProxyJump b\nHost b\n ProxyJump c\nHost c\n ProxyJump a\n";
    let error = options(config, &["a"]).unwrap_err();
    assert!(matches!(error, ConfigError::JumpLoop(_)), "{error}");

    // The hosts behind the first are not reached by their own configuration.
    let config = "Host gate\n ProxyJump none\nHost *\n ProxyJump gate,second\n";
    let through = options(config, &["a"]).unwrap();
    assert_eq!(places(&through), ["me@gate:22", "me@second:22"]);
}

#[test]
fn a_connect_timeout_of_zero_is_none() {
    for (line, limit) in [
        ("ConnectTimeout 0", None),
        ("ConnectTimeout none", None),
        ("ConnectTimeout 3", Some(Duration::from_secs(3))),
    ] {
        assert_eq!(options(line, &["h"]).unwrap().connect_timeout, limit);
    }
}

fn places(options: &Options) -> Vec<String> {
    let place = |hop: &Options| format!("{}@{}:{}", hop.user, hop.hostname, hop.port);
    options.jump.iter().map(place).collect()
}

/// The login that `config` and a command line of `words` ask for.
fn options(config: &str, words: &[&str]) -> Result<Options, ConfigError> {
    let house = TempDir::new().unwrap();
    let path = house.path().join("config");
    fs::write(&path, config).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let env = Environment {
        home: house.path().to_owned(),
        user: "me".to_owned(),
        uid: nix::unistd::getuid().as_raw(),
        local_host: "here.test".to_owned(),
        variables: [].into(),
        system_directory: PathBuf::from("/nowhere"),
        home_of: |_| None,
        addresses: Vec::new,
        resolves: |_, _| false,
    };
    let file = path.display().to_string();
    let line = ["tssh", "-F", &file]
        .into_iter()
        .chain(words.iter().copied());
    let cli = Cli::from_args(line).unwrap();
    login_options(&cli, &resolve(&cli, &env)?, &env)
}
