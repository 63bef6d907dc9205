//! What surrounds a shell or command: greetings, rc files, forced commands, subsystems.

use std::fs;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_server::child::{Child, Display, ExitStatus, Kind, SpawnError, Spec, Stderr};

use crate::world::{World, all, terminal, until, within};

#[tokio::test]
async fn a_login_shell_starts_at_home_with_a_dash_before_its_name() {
    within(async {
        let world = World::new();
        let home = fs::canonicalize(world.home.path()).unwrap();
        let mut child = Spec::new(Kind::Shell).spawn(&world.login).unwrap();

        child
            .input
            .write_all(b"echo $0; pwd -P; exit 5\n")
            .await
            .unwrap();

        assert_eq!(
            all(child.output).await,
            format!("-sh\n{}\n", home.display())
        );
        assert_eq!(child.control.wait().await, ExitStatus::Code(5));
    })
    .await;
}

#[tokio::test]
async fn without_its_home_a_session_starts_in_the_root_and_says_so() {
    within(async {
        let mut world = World::new();
        world.login.account.home = "/no/such/home".into();

        let child = world.command("pwd");

        let (out, err) = tokio::join!(all(child.output), all(child.errors.unwrap()));
        assert_eq!(out, "/\n");
        assert_eq!(
            err,
            "Could not chdir to home directory /no/such/home: No such file or directory (os error 2)\n"
        );
    })
    .await;
}

#[tokio::test]
async fn a_shell_on_a_terminal_is_greeted_before_its_prompt() {
    within(async {
        let mut world = World::new();
        world.login.motd = vec![
            world.write("dynamic", "Welcome\n"),
            world.home.path().join("missing"),
            world.write("motd", "Be nice\n"),
        ];

        assert!(
            first_words(&world)
                .await
                .starts_with("Welcome\r\nBe nice\r\n")
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_is_greeted_who_wants_quiet_or_whom_the_administrator_does_not_greet() {
    within(async {
        let mut hush = World::new();
        hush.write(".hushlogin", "");
        let mut no_motd = World::with_settings(|settings| settings.print_motd = false);
        for world in [&mut hush, &mut no_motd] {
            world.login.motd = vec![world.write("motd", "Be nice\n")];
            assert!(!first_words(world).await.contains("nice"));
        }

        let mut command = World::new();
        command.login.motd = vec![command.write("motd", "Be nice\n")];
        assert_eq!(all(command.on_terminal("echo hi").output).await, "hi\r\n");
    })
    .await;
}

#[tokio::test]
async fn a_greeting_of_pages_is_shown_whole_and_one_of_a_megabyte_does_not_block_the_start() {
    within(async {
        let mut world = World::new();
        let line = "x".repeat(78) + "\n";
        world.login.motd = vec![world.write("motd", &line.repeat(700))];
        let words = first_words(&world).await;
        assert_eq!(words.matches("x\r\n").count(), 700);

        world.login.motd = vec![world.write("motd", &"\n".repeat(1_000_000))];
        let words = first_words(&world).await;
        assert!(words.len() < 200_000, "{}", words.len());
    })
    .await;
}

#[tokio::test]
async fn the_users_rc_runs_first_and_gets_the_cookie_by_its_input_alone() {
    within(async {
        let world = World::new();
        world.write(
            ".ssh/rc",
            "read proto cookie; echo rc $proto $cookie $DISPLAY; env; tr '\\0' ' ' </proc/$$/cmdline",
        );
        let mut spec = Spec::new(Kind::Command("echo command".into()));
        spec.display = Some(display());

        let child = spec.spawn(&world.login).unwrap();

        let text = all(child.output).await;
        assert!(text.starts_with("rc MIT-MAGIC-COOKIE-1 c0ffee localhost:10.0\n"), "{text}");
        assert!(text.ends_with("command\n"), "{text}");
        assert_eq!(text.matches("c0ffee").count(), 1, "{text}");
        assert_eq!(child.control.wait().await, ExitStatus::Code(0));
    })
    .await;
}

#[tokio::test]
async fn the_systems_rc_runs_for_those_without_their_own() {
    within(async {
        let mut world = World::new();
        world.login.sshrc = world.write("sshrc", "echo system");
        assert_eq!(
            all(world.command("echo command").output).await,
            "system\ncommand\n"
        );

        world.write(".ssh/rc", "echo user");
        assert_eq!(
            all(world.command("echo command").output).await,
            "user\ncommand\n"
        );
    })
    .await;
}

#[tokio::test]
async fn no_rc_of_the_user_runs_for_subsystems_forced_commands_or_where_it_is_forbidden() {
    within(async {
        let world = World::new();
        world.write(".ssh/rc", "echo rc");
        let child = Spec::new(Kind::Subsystem("echo sub".into()))
            .spawn(&world.login)
            .unwrap();
        assert_eq!(all(child.output).await, "sub\n");

        let world = World::with_settings(|settings| settings.permit_user_rc = false);
        world.write(".ssh/rc", "echo rc");
        assert_eq!(all(world.command("echo command").output).await, "command\n");

        let world =
            World::with_settings(|settings| settings.force_command = Some("echo forced".into()));
        world.write(".ssh/rc", "echo rc");
        assert_eq!(all(world.command("echo command").output).await, "forced\n");
    })
    .await;
}

#[tokio::test]
async fn hanging_up_while_the_rc_hangs_ends_it_and_starts_nothing() {
    within(async {
        let world = World::new();
        world.write(".ssh/rc", "echo ready; exec sleep 1000");
        let mut child = world.command("touch started");
        until(&mut child.output, "ready\n").await;

        child.control.hang_up();

        let status = child.control.wait().await;
        assert_eq!(
            status,
            ExitStatus::Signal {
                number: 1,
                core_dumped: false
            }
        );
        assert!(!world.home.path().join("started").exists());
    })
    .await;
}

#[tokio::test]
async fn xauth_learns_the_cookie_where_no_rc_does_it() {
    within(async {
        let world = World::with_settings(|_| {});
        let xauth = world.write(
            "xauth",
            "#!/bin/sh\necho noise; echo \"$@\" >args; cat >input\n",
        );
        fs::set_permissions(&xauth, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut settings = (*world.login.settings).clone();
        settings.xauth_location = xauth;
        let mut login = world.login.clone();
        login.settings = settings.into();
        let mut spec = Spec::new(Kind::Command("cat args input".into()));
        spec.display = Some(display());

        let child = spec.spawn(&login).unwrap();

        assert_eq!(
            all(child.output).await,
            "-q -\nremove unix:10.0\nadd unix:10.0 MIT-MAGIC-COOKIE-1 c0ffee\n"
        );
    })
    .await;
}

#[tokio::test]
async fn a_forced_command_runs_in_place_of_everything_and_knows_what_was_asked() {
    within(async {
        let force = |settings: &mut tssh_server::settings::Settings| {
            settings.force_command = Some("echo \"<$SSH_ORIGINAL_COMMAND>\"".into());
        };
        let world = World::with_settings(force);
        for (kind, asked) in [
            (Kind::Shell, "<>\n"),
            (Kind::Command("rm -rf /".into()), "<rm -rf />\n"),
            (
                Kind::Argv {
                    name: "rm".into(),
                    args: vec!["-rf".into(), "/".into()],
                },
                "<rm -rf />\n",
            ),
            (
                Kind::Subsystem("sftp-server -l".into()),
                "<sftp-server -l>\n",
            ),
        ] {
            let child = Spec::new(kind.clone()).spawn(&world.login).unwrap();
            assert_eq!(all(child.output).await, asked, "{kind:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_terminal_that_the_administrator_forbids_is_refused() {
    let world = World::with_settings(|settings| settings.permit_tty = false);
    let mut spec = Spec::new(Kind::Shell);
    spec.pty = Some(terminal());

    let error = spec.spawn(&world.login).unwrap_err();

    assert!(matches!(error, SpawnError::PtyRefused), "{error:?}");
}

#[tokio::test]
async fn a_shell_that_does_not_exist_is_an_error_that_names_it() {
    within(async {
        let mut world = World::new();
        world.login.account.shell = "/no/such/shell".into();
        let error = Spec::new(Kind::Shell).spawn(&world.login).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/no/such/shell did not start: check that it exists and may be executed"
        );

        // After an rc file there is nobody to return it to but the session.
        world.login.sshrc = world.write("sshrc", "");
        let child = world.command("true");
        assert_eq!(child.control.wait().await, ExitStatus::Code(1));
        assert_eq!(all(child.errors.unwrap()).await, format!("{error}\n"));
    })
    .await;
}

#[tokio::test]
async fn internal_sftp_answers_as_an_sftp_server() {
    within(async {
        let world = World::new();
        let mut child: Child =
            match Spec::new(Kind::Subsystem("internal-sftp".into())).spawn(&world.login) {
                Ok(child) => child,
                Err(error) => {
                    assert!(matches!(error, SpawnError::SftpServerMissing), "{error:?}");
                    return;
                }
            };

        // SSH_FXP_INIT, version 3.
        child
            .input
            .write_all(&[0, 0, 0, 5, 1, 0, 0, 0, 3])
            .await
            .unwrap();

        let mut head = [0; 9];
        child.output.read_exact(&mut head).await.unwrap();
        assert_eq!(head[4..], [2, 0, 0, 0, 3]);
        child.input.shutdown().await.unwrap();
        assert_eq!(child.control.wait().await, ExitStatus::Code(0));
    })
    .await;
}

#[tokio::test]
async fn the_users_environment_file_counts_where_it_is_permitted() {
    within(async {
        let world = World::with_settings(|settings| {
            settings.permit_user_environment = tssh_server::settings::UserEnvironment::Yes;
        });
        world.write(".ssh/environment", "GREETING=hello\n");
        let mut spec = Spec::new(Kind::Command("echo $GREETING $LC_X $EVIL".into()));
        spec.stderr = Stderr::Merged;
        spec.envs = vec![("LC_X".into(), "x".into()), ("EVIL".into(), "e".into())];

        let child = spec.spawn(&world.login).unwrap();

        assert_eq!(all(child.output).await, "hello x\n");
    })
    .await;
}

/// What a login shell on a terminal shows until it has run one command.
async fn first_words(world: &World) -> String {
    let mut child = world.with_pty(Kind::Shell, terminal());
    child
        .input
        .write_all(b"stty -echo; echo en''d\n")
        .await
        .unwrap();
    let words = until(&mut child.output, "end\r\n").await;
    // The echo of the line that was typed ahead is not the shell's word.
    words.replacen("stty -echo; echo en''d\r\n", "", 1)
}

fn display() -> Display {
    Display {
        name: "localhost:10.0".into(),
        auth_name: "unix:10.0".into(),
        protocol: "MIT-MAGIC-COOKIE-1".into(),
        cookie: String::from("c0ffee").into(),
    }
}
