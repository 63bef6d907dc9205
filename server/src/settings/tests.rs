//! What no sshd shows: unsure blocks, unreadable and broken files, bounds.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

#[test]
fn of_a_block_with_an_unknown_criterion_only_what_is_stricter_applies() {
    let world = World::new(
        "AcceptEnv LANG LC_*\n\
         MaxSessions 5\n\
         PermitOpen a:1 b:2\n\
         X11Forwarding no\n\
         Match Weather rain\n\
         AcceptEnv LANG EVIL\n\
         AllowAgentForwarding no\n\
         AllowTcpForwarding local\n\
         DisableForwarding no\n\
         ForceCommand only-this\n\
         GatewayPorts yes\n\
         MaxSessions 2\n\
         PermitListen none\n\
         PermitOpen b:2 c:3\n\
         PermitTTY no\n\
         PermitUserRC no\n\
         SetEnv EVIL=1\n\
         StreamLocalBindMask 0002\n\
         X11Forwarding yes\n\
         Match all\n\
         MaxSessions 9\n\
         AllowTcpForwarding remote\n",
    );

    let (settings, complaints) = world.read();

    let expected = Settings {
        accept_env: PatternList::parse_words(["LANG"]),
        allow_agent_forwarding: false,
        allow_tcp_forwarding: Forwarding::No,
        force_command: Some("only-this".into()),
        max_sessions: 2,
        permit_listen: Permit::None,
        permit_open: Permit::Only(vec!["b:2".into()]),
        permit_tty: false,
        permit_user_rc: false,
        stream_local_bind_mask: 0o177,
        ..Settings::default()
    };
    assert_eq!(settings, expected);
    let reason =
        "Match Weather cannot be judged here: only what is stricter is taken from this block";
    assert_eq!(complaints, [world.complaint(5, reason)]);
}

#[test]
fn a_known_criterion_that_fails_settles_a_block_with_an_unknown_one() {
    let world = World::new("Match Weather rain User nobody\nPermitTTY no\n");

    assert_eq!(world.read(), (Settings::default(), vec![]));
}

#[test]
fn address_criteria_cannot_be_judged_outside_a_login_by_ssh() {
    let mut world = World::new("Match Address 192.0.2.0/24\nPermitTTY no\nX11Forwarding yes\n");
    world.subject.connection = None;

    let (settings, complaints) = world.read();

    assert_eq!(
        settings,
        Settings {
            permit_tty: false,
            ..Settings::default()
        }
    );
    assert_eq!(complaints.len(), 1);
}

#[test]
fn host_criteria_cannot_be_judged_where_sshd_asks_dns() {
    let world = World::new("UseDNS yes\nMatch Host *.example\nPermitTTY no\nX11Forwarding yes\n");

    let (settings, _) = world.read();

    assert_eq!(
        settings,
        Settings {
            permit_tty: false,
            ..Settings::default()
        }
    );
}

#[test]
fn a_file_included_by_an_unsure_block_is_unsure_too() {
    let world = World::new("Match Weather rain\nInclude inner\n");
    world.write(
        "inner",
        "X11Forwarding yes\nMatch all\nPermitTTY no\nGatewayPorts yes\n",
    );

    let (settings, _) = world.read();

    assert_eq!(
        settings,
        Settings {
            permit_tty: false,
            ..Settings::default()
        }
    );
}

#[test]
fn what_cannot_be_read_keeps_the_defaults_and_is_complained_about() {
    let world = World::new("Include dir\nMaxSessions 3\n");
    fs::create_dir(world.dir.path().join("dir")).unwrap();

    let (settings, complaints) = world.read();
    assert_eq!(
        settings,
        Settings {
            max_sessions: 3,
            subsystems: [("sftp".to_owned(), "internal-sftp".to_owned())].into(),
            unread: Some(world.dir.path().join("dir")),
            ..Settings::default()
        }
    );
    assert!(
        complaints[0].to_string().contains("sshd's defaults hold"),
        "{complaints:?}"
    );

    let (settings, complaints) = read(Path::new("/no/such/sshd_config"), &world.subject);
    assert_eq!(settings, Settings::default());
    assert_eq!(complaints.len(), 1);
}

#[test]
fn nonsense_is_named_by_file_and_line_and_the_rest_holds() {
    let world = World::new(
        "PermitTTY perhaps\n\
         MaxSessions many\n\
         Banner\n\
         Subsystem sftp\n\
         SetEnv novalue\n\
         ClientAliveInterval 5y\n\
         LogLevel LOUD\n\
         AllowTcpForwarding \"open\n\
         UnknownKeyword x\n\
         X11Forwarding yes\n",
    );

    let (settings, complaints) = world.read();

    assert_eq!(
        settings,
        Settings {
            x11_forwarding: true,
            ..Settings::default()
        }
    );
    let expected = [
        (1, "permittty is \"perhaps\", wanted yes or no"),
        (2, "maxsessions is \"many\", wanted a number"),
        (3, "Banner has no value: give it one, or remove the line"),
        (4, "subsystem is \"sftp\", wanted a name and a command"),
        (5, "setenv is \"novalue\", wanted NAME=value"),
        (6, "clientaliveinterval is \"5y\", wanted a time"),
        (
            7,
            "loglevel is \"LOUD\", wanted a level from QUIET to DEBUG3",
        ),
        (
            8,
            "a quote is opened and not closed: close it on the same line",
        ),
    ]
    .map(|(line, reason)| world.complaint(line, reason));
    assert_eq!(complaints, expected);
}

#[test]
fn a_file_that_includes_itself_ends() {
    let world = World::new("Include sshd_config\nMaxSessions 3\n");

    let (settings, complaints) = world.read();

    assert_eq!(settings.max_sessions, 3);
    assert_eq!(
        complaints,
        [world.complaint(1, "Include is nested over 16 deep: left out")]
    );
}

#[test]
fn a_file_that_includes_itself_twice_ends_soon() {
    let world = World::new("Include sshd_config sshd_config\nMaxSessions 3\n");

    let (settings, complaints) = world.read();

    assert_eq!(settings.max_sessions, 3);
    assert_eq!(complaints.len(), 100);
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let world = World::new("");
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    fs::write(world.dir.path().join("sshd_config"), bytes).unwrap();

    assert_eq!(world.read().0, Settings::default());
}

#[test]
fn the_users_own_file_comes_before_the_systems() {
    let world = World::new("");
    let own = world.write("config/tsshd/sshd_config", "");

    let config_home = world.dir.path().join("config");
    assert_eq!(locate(Some(&config_home), Path::new("/no/home")), Some(own));

    let in_home = world.write(".config/tsshd/sshd_config", "");
    assert_eq!(locate(None, world.dir.path()), Some(in_home));
}

#[test]
fn disable_forwarding_is_over_every_kind_of_forward() {
    let world = World::new("DisableForwarding yes\nX11Forwarding yes\nAllowTcpForwarding yes\n");

    let (settings, _) = world.read();

    let allowed = (
        settings.tcp_forwarding(),
        settings.stream_local_forwarding(),
    );
    assert_eq!(allowed, (Forwarding::No, Forwarding::No));
    assert!(!settings.agent_forwarding() && !settings.x11());
}

#[test]
fn permits_compare_hosts_and_ports() {
    let permit = Permit::Only(
        ["db:5432", "*:80", "[::1]:*", "8080", "web*:443"]
            .map(String::from)
            .into(),
    );
    for (host, port, expected) in [
        ("db", 5432, true),
        ("db", 5433, false),
        ("anything", 80, true),
        ("::1", 9, true),
        ("::2", 9, false),
        ("any", 8080, true),
        ("web1", 443, false),
        ("DB", 5432, false),
        ("", 0, false),
    ] {
        assert_eq!(permit.permits(host, port), expected, "{host} {port}");
    }
    assert!(Permit::Any.permits("x", 1) && !Permit::None.permits("x", 1));
}

#[test]
fn ssh_connection_is_read_with_mapped_addresses_and_zones_reduced() {
    let connection = |remote: &str, local: &str| Connection {
        remote: remote.parse().unwrap(),
        local: local.parse().unwrap(),
        local_port: 22,
    };
    for (text, expected) in [
        (
            "192.0.2.7 50000 198.51.100.1 22",
            Some(connection("192.0.2.7", "198.51.100.1")),
        ),
        (
            "::ffff:192.0.2.7 1 ::ffff:198.51.100.1 22",
            Some(connection("192.0.2.7", "198.51.100.1")),
        ),
        (
            "fe80::1%eth0 1 fe80::2%eth0 22",
            Some(connection("fe80::1", "fe80::2")),
        ),
        ("UNKNOWN 65535 UNKNOWN 65535", None),
        ("192.0.2.7 50000 198.51.100.1", None),
        ("", None),
    ] {
        assert_eq!(Connection::parse(text), expected, "{text}");
    }
}

struct World {
    dir: TempDir,
    subject: Subject,
}

/// As where sshd_config is root's alone.
#[test]
fn where_the_file_cannot_be_read_sftp_is_there_all_the_same() {
    let world = World::new("Subsystem sftp /from/the/file\n");
    fs::remove_file(world.dir.path().join("sshd_config")).unwrap();
    fs::create_dir(world.dir.path().join("sshd_config")).unwrap();
    let (settings, complaints) = world.read();
    assert_eq!(settings.subsystem("sftp"), Some("internal-sftp"));
    assert_eq!(settings.subsystem("netconf"), None);
    assert_eq!(settings.unread, Some(world.dir.path().join("sshd_config")));
    assert_eq!(complaints.len(), 1, "{complaints:?}");
}

#[test]
fn what_was_read_before_a_file_that_cannot_be_read_holds() {
    let world = World::new("Subsystem sftp /from/the/file\nInclude part\n");
    fs::create_dir(world.dir.path().join("part")).unwrap();
    let (settings, _) = world.read();
    assert_eq!(settings.subsystem("sftp"), Some("/from/the/file"));
    assert_eq!(settings.unread, Some(world.dir.path().join("part")));
}

impl World {
    fn new(text: &str) -> Self {
        let subject = Subject {
            user: "ada".into(),
            groups: vec!["users".into()],
            connection: Connection::parse("192.0.2.7 50000 198.51.100.1 22"),
        };
        let world = Self {
            dir: TempDir::new().unwrap(),
            subject,
        };
        world.write("sshd_config", text);
        world
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn read(&self) -> (Settings, Vec<Complaint>) {
        read(&self.dir.path().join("sshd_config"), &self.subject)
    }

    fn complaint(&self, line: usize, reason: &str) -> Complaint {
        Complaint {
            path: self.dir.path().join("sshd_config"),
            line,
            reason: reason.into(),
        }
    }
}
