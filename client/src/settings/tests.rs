mod command_line;
mod house;
mod roaming;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::ControlPersist;
use house::House;

#[test]
fn the_command_line_wins_over_options_over_the_user_over_the_system() {
    let house = House::new();
    house.write(
        "home/.ssh/config",
        "Port 3\nUser user\nConnectionAttempts 3\nTsshdPort 3\n",
    );
    house.write(
        "etc/ssh_config",
        "Port 4\nUser sys\nCompression yes\nTsshdPort 4\nUdpMTU 1300\n",
    );

    let settings = house
        .resolve(&["-p", "1", "-oPort=2", "-oUser=option", "h"])
        .unwrap();
    assert_eq!((settings.port, settings.user.as_str()), (1, "option"));
    assert_eq!(settings.connection_attempts, 3);
    assert!(settings.compression);
    assert_eq!(settings.tsshd_port.to_string(), "3");
    assert_eq!(settings.udp_mtu, 1300);
}

#[test]
fn a_file_of_the_command_line_replaces_the_others_and_none_reads_no_file() {
    let house = House::new();
    house.write("home/.ssh/config", "Port 3\n");
    house.write("etc/ssh_config", "User sys\n");
    let other = house.write("other", "Compression yes\n");

    let settings = house.resolve(&["-F", &other, "h"]).unwrap();
    assert_eq!(
        (settings.port, settings.user.as_str(), settings.compression),
        (22, "me", true)
    );
    assert_eq!(house.resolve(&["-F", "none", "h"]).unwrap().port, 22);
    let missing = house.root.path().join("missing").display().to_string();
    let error = house.refusal(&["-F", &missing, "h"]);
    assert_eq!(
        error,
        format!("configuration file {missing} cannot be read")
    );
}

#[test]
fn a_line_that_is_wrong_is_named_with_its_file_and_number() {
    let house = House::new();
    let path = house.write("home/.ssh/config", "\nHost other\n  Nonsense 1\n");
    let mistakes = [
        (
            "Nonsense 1",
            "bad configuration option: nonsense; correct it or list it in IgnoreUnknown",
        ),
        (
            "Port x",
            "port has the value \"x\", which is not a port from 1 to 65535",
        ),
        (
            "UdpMode maybe",
            "udpmode has the value \"maybe\", which is not one of no quic yes kcp",
        ),
        (
            "TsshdPort 9-8",
            "tsshdport has the value \"9-8\", which is not a list whose ranges run upward, such as 8010-8020",
        ),
        (
            "#!! UdpMTU 1",
            "udpmtu has the value \"1\", which is not a number of bytes from 1200 to 9000",
        ),
        (
            "UdpAliveTimeout 0",
            "udpalivetimeout has the value \"0\", which is not a time above zero such as 15, 30s or 1h",
        ),
        ("Port", "port has no argument"),
        (
            "Port 1 2",
            "port is followed by \"2\", one argument too many",
        ),
        ("User \"a", "a quotation mark is never closed"),
        (
            "Match moon full",
            "bad Match condition: moon is no criterion",
        ),
    ];
    for (line, message) in mistakes {
        house.write("home/.ssh/config", &format!("\nHost other\n  {line}\n"));
        assert_eq!(house.refusal(&["h"]), format!("{path} line 3: {message}"));
    }
    house.write("home/.ssh/config", "");
    assert_eq!(
        house.refusal(&["-oHost=x", "h"]),
        "command line: host works only in a configuration file"
    );
}

#[test]
fn a_file_that_others_can_write_is_refused() {
    let house = House::new();
    let path = house.write("home/.ssh/config", "Include other\n");
    let other = house.write("home/.ssh/other", "Port 5\n");
    assert_eq!(house.resolve(&["h"]).unwrap().port, 5);

    for culprit in [&other, &path] {
        fs::set_permissions(culprit, fs::Permissions::from_mode(0o620)).unwrap();
        let error = house.refusal(&["h"]);
        assert!(
            error.starts_with(&format!("bad owner or permissions on {culprit}:")),
            "{error}"
        );
    }
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    let named = house.resolve(&["-F", &path, "h"]).unwrap();
    assert_eq!(named.port, 5, "a file that the user names is trusted");
}

#[test]
fn an_include_that_leads_to_itself_is_refused() {
    let house = House::new();
    house.write("home/.ssh/config", "Include config\n");
    let error = house.refusal(&["h"]);
    assert!(
        error.ends_with(
            "files include one another more than 16 deep; an include may lead to itself"
        ),
        "{error}"
    );

    house.write("home/.ssh/config", "Include config config\n");
    assert!(house.resolve(&["h"]).is_err());
}

#[test]
fn relative_includes_lie_beside_the_file_that_names_them() {
    let house = House::new();
    house.write("home/.ssh/config", "Include mine.d/*\n");
    house.write("home/.ssh/mine.d/1", "Port 5\n");
    house.write("etc/ssh_config", "Include theirs\n");
    house.write("etc/theirs", "User them\n");

    let settings = house.resolve(&["h"]).unwrap();
    assert_eq!((settings.port, settings.user.as_str()), (5, "them"));
    house.write("etc/ssh_config", "Include ~/x\n");
    assert!(
        house
            .refusal(&["h"])
            .contains("which a system-wide file cannot use")
    );
}

#[test]
fn match_exec_runs_only_where_all_before_it_holds() {
    let house = House::new();
    let mark = house.root.path().join("ran").display().to_string();
    house.write(
        "home/.ssh/config",
        &format!(
            "Match host other exec \"touch {mark}\"\nHost other\nInclude more\nHost *\n\
             Match exec \"test %n-%u-%d = h-me-{}\"\nPort 7\n",
            house.env.home.display()
        ),
    );
    house.write(
        "home/.ssh/more",
        &format!("Match exec \"touch {mark}\"\nPort 8\n"),
    );

    assert_eq!(house.resolve(&["h"]).unwrap().port, 7);
    assert!(
        !fs::exists(mark).unwrap(),
        "a command of a block that does not apply was run"
    );
}

#[test]
fn match_knows_tags_networks_commands_and_sessions() {
    let house = House::new();
    house.write(
        "home/.ssh/config",
        "Host tagged\n Tag work\nMatch tagged w*\n Port 1\nMatch localnetwork 192.0.2.0/24,2001:db8::/32\n \
         User near\nMatch localnetwork 198.51.100.0/24\n User far\nMatch command rsync*\n Compression yes\n\
         Match sessiontype shell\n BatchMode yes\nMatch sessiontype exec\n CheckHostIP yes\n",
    );

    let shell = house.resolve(&["tagged"]).unwrap();
    assert_eq!((shell.port, shell.user.as_str()), (1, "near"));
    assert!(shell.batch_mode && !shell.check_host_ip && !shell.compression);
    let copy = house
        .resolve(&["-P", "work", "h", "rsync", "--server"])
        .unwrap();
    assert_eq!(copy.port, 1);
    assert!(!copy.batch_mode && copy.check_host_ip && copy.compression);
}

#[test]
fn short_names_get_the_first_domain_that_has_an_address() {
    let house = House::new();
    let config = "CanonicalizeHostname yes\nCanonicalDomains nowhere.test lab.test\n\
                  Match canonical host *.lab.test\n Port 7\nHost *.lab.test\n User lab\n";
    house.write("home/.ssh/config", config);
    let name = |line: &[&str]| {
        let settings = house.resolve(line).unwrap();
        (settings.hostname, settings.port, settings.user)
    };

    assert_eq!(
        name(&["Box"]),
        ("box.lab.test".to_owned(), 7, "lab".to_owned())
    );
    assert_eq!(name(&["a.b.c"]), ("a.b.c".to_owned(), 22, "me".to_owned()));
    assert_eq!(
        name(&["-J", "j", "box"]),
        ("box".to_owned(), 22, "me".to_owned())
    );
    assert_eq!(
        name(&["stranger"]),
        ("stranger".to_owned(), 22, "me".to_owned())
    );
    assert_eq!(
        house.refusal(&["-oCanonicalizeFallbackLocal=no", "stranger"]),
        "host name \"stranger\" has no address in any of the canonical domains"
    );
}

#[test]
fn paths_and_commands_are_expanded_when_they_are_used() {
    let house = House::new();
    let home = house.env.home.display().to_string();
    let config = "IdentityFile ~/%r-${COLOUR}\nCertificateFile %d/%k\nProxyCommand nc %h %p %% %n %r\n\
                  LocalCommand echo %T %u\nKnownHostsCommand list %H ${COLOUR}\nHostKeyAlias Alias\n\
                  HostName %h.example\nControlPath ~/%C\nControlPersist 5m\n";
    house.write("home/.ssh/config", config);

    let settings = house.resolve(&["you@h"]).unwrap();
    let identities = settings.identity_paths(&house.env).unwrap();
    assert_eq!(
        identities,
        [(PathBuf::from(format!("{home}/you-red")), true)]
    );
    let certificates = settings.certificate_paths(&house.env).unwrap();
    assert_eq!(certificates, [PathBuf::from(format!("{home}/alias"))]);
    let proxy = settings.proxy_command_line().unwrap();
    assert_eq!(proxy.as_deref(), Some("nc h.example 22 % h you"));
    assert_eq!(
        settings.local_command_line().unwrap(),
        None,
        "it is not permitted"
    );
    let lines = settings
        .known_hosts_command_line(vec![('H', "h".into())], &house.env)
        .unwrap();
    assert_eq!(lines.as_deref(), Some("list h red"));
    // SHA-1 of "here.testh.example22you".
    let hash = "f8f4d3cff40e5cc4883402e868986c85799ad5ea";
    assert_eq!(settings.control_path, Some(format!("{home}/{hash}")));
    assert_eq!(
        settings.control_persist,
        ControlPersist::Idle(Duration::from_secs(300))
    );

    let permitted = house.resolve(&["-oPermitLocalCommand=yes", "h"]).unwrap();
    assert_eq!(
        permitted.local_command_line().unwrap().as_deref(),
        Some("echo NONE me")
    );
}

#[test]
fn the_agent_is_found_by_path_by_variable_or_not_at_all() {
    let house = House::new();
    let socket = |option: &str| {
        house
            .resolve(&["-o", option, "h"])
            .unwrap()
            .agent_socket(&house.env)
    };
    let usual = Some(PathBuf::from("/run/agent"));

    assert_eq!(
        house.resolve(&["h"]).unwrap().agent_socket(&house.env),
        usual
    );
    assert_eq!(socket("IdentityAgent SSH_AUTH_SOCK"), usual);
    assert_eq!(socket("IdentityAgent $SSH_AUTH_SOCK"), usual);
    assert_eq!(socket("IdentityAgent /x/%r"), Some(PathBuf::from("/x/me")));
    assert_eq!(socket("IdentityAgent none"), None);
}

#[test]
fn options_that_exclude_one_another_are_refused() {
    let house = House::new();
    for line in [
        &["-oRemoteCommand=x", "h", "cmd"][..],
        &["-f", "h"],
        &["-s", "h"],
        &["-N", "-s", "h", "sftp"],
        &["-J", "a", "-J", "b", "h"],
        &["-J", "me@h:22", "h"],
        &["-oConnectionAttempts=0", "h"],
        &["-oProxyUseFdpass=yes", "-oProxyCommand=-", "h"],
        &["-oRefuseConnection=because", "h"],
        &["-W", "22", "h"],
        &["ho st"],
        &["-s", "h", ""],
        &["-l", "a;b", "h"],
        &["-l", "a b -x", "h"],
        &["-oUser=a`b`", "h"],
        &["-oUser=$HOME", "h"],
        &["a$b@h"],
    ] {
        assert!(house.resolve(line).is_err(), "{line:?}");
    }
    assert!(
        house
            .resolve(&["-G", "-oRefuseConnection=because", "h"])
            .is_ok()
    );
}

#[test]
fn what_is_not_supported_is_said_once() {
    let house = House::new();
    let path = house.write(
        "home/.ssh/config",
        "Tunnel yes\nTunnelDevice none\nMatch final\n",
    );

    let warnings = house.resolve(&["h"]).unwrap().warnings;
    assert_eq!(
        warnings,
        [format!(
            "{path} line 1: tunnel is not supported and does nothing"
        )]
    );
}

proptest! {
    #[test]
    fn no_bytes_in_a_file_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let house = House::new();
        let path = house.root.path().join("home/.ssh/config");
        fs::write(&path, &bytes).unwrap();
        let _ = house.resolve(&["host"]);
    }

    #[test]
    fn no_value_of_any_keyword_makes_it_panic(
        lines in proptest::collection::vec((0_usize..KEYWORDS.len(), "[ -~\u{e9}]{0,20}"), 1..8)
    ) {
        let house = House::new();
        let text: String = lines.iter().map(|(at, value)| format!("{} {value}\n", KEYWORDS[*at])).collect();
        house.write("home/.ssh/config", &text);
        if let Ok(settings) = house.resolve(&["host"]) {
            let _ = (settings.dump(), settings.identity_paths(&house.env));
        }
    }
}

/// One of each kind of value; `Match exec` is left out because it would run them.
const KEYWORDS: [&str; 22] = [
    "AddKeysToAgent",
    "CanonicalDomains",
    "CanonicalizePermittedCNAMEs",
    "CertificateFile",
    "Ciphers",
    "ControlPath",
    "EscapeChar",
    "ForwardAgent",
    "Host",
    "HostName",
    "IPQoS",
    "IdentityAgent",
    "IgnoreUnknown",
    "LocalForward",
    "Match host",
    "PermitRemoteOpen",
    "ProxyJump",
    "RekeyLimit",
    "RemoteForward",
    "SendEnv",
    "SetEnv",
    "TsshdPort",
];
