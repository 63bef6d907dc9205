//! Which variables reach a child, and which do not.

use super::*;
use crate::child::{Kind, PtySpec};
use crate::settings::PatternList;

#[test]
fn a_login_with_a_terminal_gets_this_environment_and_nothing_else() {
    let mut world = World::default();
    world.inherit(&[
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("MAIL", "/var/mail/ada"),
        ("TZ", "Europe/Berlin"),
        ("SSH_CLIENT", "192.0.2.7 50000 22"),
        ("SSH_CONNECTION", "192.0.2.7 50000 198.51.100.1 22"),
        ("XDG_RUNTIME_DIR", "/run/user/1000"),
        ("SSH_TTY", "/dev/pts/99"),
        ("SSH_AUTH_SOCK", "/tmp/ssh-old/agent.1"),
        ("DISPLAY", "localhost:10.0"),
        ("TERM", "dumb"),
        ("SHLVL", "1"),
        ("PWD", "/"),
        ("OLDPWD", "/etc"),
        ("_", "/usr/bin/tsshd"),
        ("TMUX_PANE", "%1"),
        ("HOME", "/wrong"),
    ]);
    world.spec.pty = Some(PtySpec {
        term: "xterm-kitty".into(),
        ..PtySpec::default()
    });

    let expected = environment(&[
        ("HOME", "/home/ada"),
        ("LOGNAME", "ada"),
        ("MAIL", "/var/mail/ada"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("SHELL", "/bin/zsh"),
        ("SSH_CLIENT", "192.0.2.7 50000 22"),
        ("SSH_CONNECTION", "192.0.2.7 50000 198.51.100.1 22"),
        ("SSH_TTY", "/dev/pts/4"),
        ("TERM", "xterm-kitty"),
        ("TZ", "Europe/Berlin"),
        ("USER", "ada"),
        ("XDG_RUNTIME_DIR", "/run/user/1000"),
    ]);
    assert_eq!(world.build(Some("/dev/pts/4"), None), expected);
}

#[test]
fn a_client_sets_only_what_accept_env_lets_through_and_the_terminal_type() {
    let mut world = World::default();
    world.send(&[
        ("LANG", "de_DE.UTF-8"),
        ("LC_TIME", "C"),
        ("TERM", "vt100"),
        ("LD_PRELOAD", "/tmp/evil.so"),
        ("BASH_ENV", "/tmp/evil"),
        ("lang", "C"),
    ]);

    let env = world.build(None, None);

    assert_eq!(
        without_base(env),
        environment(&[("LANG", "de_DE.UTF-8"), ("LC_TIME", "C"), ("TERM", "vt100"),])
    );
}

#[test]
fn not_even_accept_env_star_lets_a_client_change_what_the_server_sets() {
    let mut world = World::default();
    world.settings.accept_env = PatternList::parse_words(["*"]);
    world.inherit(&[("PATH", "/bin"), ("SSH_CONNECTION", "1 2 3 4")]);
    world.send(&[
        ("PATH", "/tmp"),
        ("HOME", "/tmp"),
        ("SHELL", "/tmp/sh"),
        ("SSH_CONNECTION", "forged"),
        ("SSH_CLIENT", "forged"),
        ("SSH_TTY", "/dev/tty1"),
        ("SSH_AUTH_SOCK", "/tmp/forged"),
        ("SSH_ORIGINAL_COMMAND", "forged"),
        ("", "empty name"),
        ("A=B", "equals in a name"),
        ("NUL", "a\0b"),
        ("OK", "yes"),
    ]);

    let expected = environment(&[
        ("HOME", "/home/ada"),
        ("LOGNAME", "ada"),
        ("OK", "yes"),
        ("PATH", "/bin"),
        ("SHELL", "/bin/zsh"),
        ("SSH_CONNECTION", "1 2 3 4"),
        ("USER", "ada"),
    ]);
    assert_eq!(world.build(None, None), expected);
}

#[test]
fn the_agent_of_the_host_is_named_by_the_administrator_and_by_nobody_who_logs_in() {
    let mut world = World::default();
    world.settings.accept_env = PatternList::parse_words(["*"]);
    world.send(&[("SSH_AUTH_SOCK", "/tmp/forged")]);
    world.settings.set_env = vec![("SSH_AUTH_SOCK".into(), "/run/gpg-agent".into())];

    let env = world.build(None, None);

    assert_eq!(
        without_base(env),
        environment(&[("SSH_AUTH_SOCK", "/run/gpg-agent")])
    );
}

#[test]
fn a_client_that_sends_thousands_of_variables_sets_128() {
    let mut world = World::default();
    world.settings.accept_env = PatternList::parse_words(["*"]);
    world.spec.envs = (0..5000)
        .map(|n| (format!("V{n}"), String::new()))
        .collect();

    assert_eq!(without_base(world.build(None, None)).len(), 128);
}

#[test]
fn the_users_own_file_counts_only_where_the_administrator_permits_it() {
    let file = "# comment\n  EDITOR=vi\nPATH=/opt/bin\n\nnonsense\nLC_X=a=b\n";
    for (permit, expected) in [
        (UserEnvironment::No, &[][..]),
        (UserEnvironment::Yes, &[("EDITOR", "vi"), ("LC_X", "a=b")]),
        (
            UserEnvironment::Only(PatternList::parse("LC_*,!LC_Y")),
            &[("LC_X", "a=b")],
        ),
    ] {
        let mut world = World::default();
        world.settings.permit_user_environment = permit.clone();
        let env = world.build(None, Some(file));
        let path = if permit == UserEnvironment::Yes {
            "/opt/bin"
        } else {
            DEFAULT_PATH
        };
        assert_eq!(env[OsStr::new("PATH")], OsStr::new(path), "{permit:?}");
        assert_eq!(without_base(env), environment(expected), "{permit:?}");
    }
}

#[test]
fn the_administrators_set_env_wins_over_the_client_and_the_user() {
    let mut world = World::default();
    world.settings.set_env = vec![("LANG".into(), "C.UTF-8".into())];
    world.settings.permit_user_environment = UserEnvironment::Yes;
    world.send(&[("LANG", "de_DE.UTF-8")]);

    let env = world.build(None, Some("LANG=fr_FR.UTF-8"));

    assert_eq!(without_base(env), environment(&[("LANG", "C.UTF-8")]));
}

#[test]
fn agent_and_display_are_there_only_while_they_are_forwarded() {
    let mut world = World::default();
    world.spec.agent_socket = Some("/tmp/ssh-new/agent.2".into());
    world.spec.display = Some(Display {
        name: "localhost:11.0".into(),
        auth_name: "unix:11.0".into(),
        protocol: "MIT-MAGIC-COOKIE-1".into(),
        cookie: String::from("00").into(),
    });

    let env = world.build(None, None);

    assert_eq!(
        without_base(env),
        environment(&[
            ("DISPLAY", "localhost:11.0"),
            ("SSH_AUTH_SOCK", "/tmp/ssh-new/agent.2"),
        ])
    );
}

struct World {
    account: Account,
    settings: Settings,
    inherited: Environment,
    spec: Spec,
}

impl Default for World {
    fn default() -> Self {
        Self {
            account: Account {
                name: "ada".into(),
                home: "/home/ada".into(),
                shell: "/bin/zsh".into(),
                groups: vec![],
            },
            settings: Settings::default(),
            inherited: Environment::new(),
            spec: Spec::new(Kind::Shell),
        }
    }
}

impl World {
    fn inherit(&mut self, pairs: &[(&str, &str)]) {
        self.inherited = environment(pairs);
    }

    fn send(&mut self, pairs: &[(&str, &str)]) {
        self.spec.envs = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
    }

    fn build(&self, tty: Option<&str>, user_file: Option<&str>) -> Environment {
        build(&Sources {
            account: &self.account,
            settings: &self.settings,
            inherited: &self.inherited,
            spec: &self.spec,
            tty: tty.map(Path::new),
            original_command: None,
            user_file,
        })
    }
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn without_base(mut env: Environment) -> Environment {
    for name in ["HOME", "LOGNAME", "PATH", "SHELL", "USER"] {
        env.remove(OsStr::new(name));
    }
    env
}
