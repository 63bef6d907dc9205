//! What a script sees of the program: its status, its errors, its words.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::rig::{EVERY, Mode, Rig, Told, collect, finish, success, wait};

#[test]
fn the_exit_status_is_that_of_the_remote_command() {
    let rig = Rig::start();
    for mode in EVERY {
        for status in [0, 1, 7, 127, 255] {
            let told = rig.run(mode, &["server", &format!("exit {status}")]);
            let expected = Told {
                status: Some(status),
                ..success("")
            };
            assert_eq!(told, expected, "{mode:?}");
        }
    }
}

#[test]
fn a_command_that_a_signal_ended_is_a_failure_of_255() {
    let rig = Rig::start();
    for mode in EVERY {
        let told = rig.run(mode, &["server", "kill -9 $$"]);
        assert_eq!(
            (told.status, told.stdout),
            (Some(255), String::new()),
            "{mode:?}"
        );
    }
}

#[test]
fn an_error_of_our_own_is_255_and_one_line() {
    let rig = Rig::start();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port().to_string();
    drop(closed);
    let table: [(&[&str], &str); 6] = [
        (&["-p", &port, "server", "true"], "Connection refused"),
        (
            &["-o", "HostName=no.such.host.invalid", "server", "true"],
            "no.such.host.invalid",
        ),
        (&["-o", "Nonsense=yes", "server", "true"], "nonsense"),
        (
            &["-o", "PubkeyAuthentication=no", "server", "true"],
            "Permission denied",
        ),
        (&["-W", "a:1", "server"], "-W"),
        (
            &[
                "-R",
                "1:a:1",
                "-o",
                "ExitOnForwardFailure=yes",
                "server",
                "true",
            ],
            "-R",
        ),
    ];
    for mode in EVERY {
        for (arguments, part) in table {
            let told = rig.run(mode, arguments);
            assert_eq!(told.status, Some(255), "{arguments:?}: {told:?}");
            assert_eq!(told.stdout, "", "{arguments:?}");
            assert!(told.stderr.contains(part), "{arguments:?}: {}", told.stderr);
            assert_eq!(
                told.stderr.lines().count(),
                1,
                "{arguments:?}: {}",
                told.stderr
            );
            assert!(
                told.stderr.starts_with("tssh: "),
                "{arguments:?}: {}",
                told.stderr
            );
        }
    }
}

#[test]
fn quiet_says_nothing_about_errors_and_a_log_file_gets_them_instead() {
    let rig = Rig::start();
    let log = rig.path("log");
    let log = log.to_str().unwrap();
    let failing = ["-o", "PubkeyAuthentication=no", "server", "true"];

    let quiet = rig.run(Mode::Udp, &[&["-q"][..], &failing].concat());
    let logged = rig.run(Mode::Udp, &[&["-E", log][..], &failing].concat());

    let silent = Told {
        status: Some(255),
        ..success("")
    };
    assert_eq!(quiet, silent);
    assert_eq!(logged, silent);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.starts_with("tssh: ") && log.contains("Permission denied"),
        "{log}"
    );
}

#[test]
fn what_the_login_tells_obeys_the_log_level_and_goes_to_the_log_file() {
    let rig = Rig::start_with("Banner {dir}/banner");
    std::fs::write(rig.path("banner"), "Welcome\n").unwrap();
    let known = format!("UserKnownHostsFile={}", rig.path("new").display());
    let run = |options: &[&str]| {
        let _ = std::fs::remove_file(rig.path("new"));
        let accept = ["-o", &known, "-o", "StrictHostKeyChecking=no"];
        let told = rig.run(
            Mode::Plain,
            &[&accept[..], options, &["server", "true"]].concat(),
        );
        assert_eq!(told.status, Some(0), "{told:?}");
        let says = |part| told.stderr.contains(part);
        (says("Permanently added"), says("Welcome"))
    };
    assert_eq!(run(&[]), (true, true));
    for level in ["QUIET", "FATAL", "ERROR"] {
        assert_eq!(run(&["-o", &format!("LogLevel={level}")]), (false, false));
    }
    // As in ssh, a banner is for the eyes.
    let log = rig.path("log");
    assert_eq!(run(&["-E", log.to_str().unwrap()]), (false, true));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("Permanently added"), "{log}");

    // A changed key is an error, which only silence hides.
    let other = rig
        .sshd
        .keygen("other", "ed25519", "")
        .with_extension("pub");
    let line = format!(
        "[127.0.0.1]:{} {}",
        rig.sshd.port(),
        std::fs::read_to_string(other).unwrap()
    );
    std::fs::write(rig.path("changed"), line).unwrap();
    let changed = format!("UserKnownHostsFile={}", rig.path("changed").display());
    for (level, says) in [("ERROR", true), ("QUIET", false)] {
        let level = format!("LogLevel={level}");
        let told = rig.run(
            Mode::Plain,
            &["-o", &changed, "-o", &level, "server", "true"],
        );
        assert_eq!(told.stderr.contains("HAS CHANGED"), says, "{told:?}");
    }
}

#[test]
fn standard_error_is_apart_from_standard_output() {
    let rig = Rig::start();
    for mode in EVERY {
        let told = rig.run(mode, &["server", "echo out; echo err >&2; exit 3"]);
        let expected = Told {
            status: Some(3),
            stdout: "out\n".to_owned(),
            stderr: "err\n".to_owned(),
        };
        assert_eq!(told, expected, "{mode:?}");
    }
}

#[test]
fn the_words_of_a_command_are_joined_by_blanks_and_read_by_the_shell() {
    let rig = Rig::start();
    for mode in EVERY {
        let told = rig.run(
            mode,
            &[
                "server",
                "echo",
                "a  b",
                "\"c  d\"",
                "$((1+1));",
                "-n",
                "echo e",
            ],
        );
        // `-n` belongs to the command, and its shell finds no such program.
        assert_eq!(told.stdout, "a b c  d 2\n", "{mode:?}");
        let told = rig.run(
            mode,
            &["server", "-T", "cd / && pwd; echo \"$0\" | tr -d -"],
        );
        let shell = nix::unistd::User::from_uid(nix::unistd::getuid())
            .unwrap()
            .unwrap()
            .shell;
        let name = shell.file_name().unwrap().to_str().unwrap();
        assert_eq!(told, success(&format!("/\n{name}\n")), "{mode:?}");
    }
}

#[test]
fn without_a_command_a_login_shell_reads_what_is_piped_in() {
    let rig = Rig::start();
    for mode in EVERY {
        let told = rig.run_with(mode, &["-T", "server"], b"echo \"<$0>\"; exit 4\n".to_vec());
        assert_eq!(told.status, Some(4), "{mode:?}");
        assert!(told.stdout.contains("<-"), "{mode:?}: {told:?}");
        let told = rig.run_with(mode, &["-T", "server", ""], b"exit 6\n".to_vec());
        assert_eq!(told.status, Some(6), "{mode:?}");
        let told = rig.run_with(mode, &["server"], b"exit 5\n".to_vec());
        assert_eq!(told.status, Some(5), "{mode:?}");
        assert!(
            told.stderr.contains("no terminal is asked for"),
            "{mode:?}: {told:?}"
        );
    }
}

#[test]
fn variables_are_sent_and_set_as_the_configuration_says() {
    let rig = Rig::start();
    for mode in EVERY {
        let mut command = rig.tssh(
            mode,
            &[
                "-o",
                "SendEnv=TSSH_SENT TSSH_ABSENT",
                "-o",
                "SetEnv=TSSH_SET=here",
                "server",
                "echo \"$TSSH_SENT:$TSSH_SET:$TSSH_KEPT\"",
            ],
        );
        command.env("TSSH_SENT", "a b").env("TSSH_KEPT", "secret");
        let (status, stdout, _) = finish(&mut command, Vec::new());
        assert_eq!(
            (status.code(), String::from_utf8(stdout).unwrap().as_str()),
            (Some(0), "a b:here:\n"),
            "{mode:?}"
        );
    }
}

#[test]
fn a_subsystem_answers_by_its_own_protocol() {
    let rig = Rig::start();
    for mode in EVERY {
        let mut child = rig
            .tssh(mode, &["-s", "server", "sftp"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // SSH_FXP_INIT and SSH_FXP_VERSION of version 3 (draft-ietf-secsh-filexfer-02, section 4).
        stdin.write_all(&[0, 0, 0, 5, 1, 0, 0, 0, 3]).unwrap();
        let mut answer = [0; 9];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut answer)
            .unwrap();
        assert_eq!(answer[4..], [2, 0, 0, 0, 3], "{mode:?}");
        drop(stdin);
        let _rest = collect(child.stdout.take().unwrap());
        assert_eq!(wait(child).code(), Some(0), "{mode:?}");
    }
}

#[test]
fn what_this_version_does_not_forward_is_said_once_and_the_command_runs() {
    let rig = Rig::start();
    for mode in EVERY {
        let told = rig.run(
            mode,
            &["-A", "-X", "-R", "2:b:2", "-D", "3", "server", "echo ran"],
        );
        assert_eq!(
            (told.status, told.stdout.as_str()),
            (Some(0), "ran\n"),
            "{mode:?}"
        );
        let says = |part: &str| {
            told.stderr
                .lines()
                .filter(|line| line.contains(part))
                .count()
        };
        assert_eq!(
            (says("-R and -D"), says("-A"), says("-X")),
            (1, 1, 1),
            "{}",
            told.stderr
        );
    }
}

#[test]
fn version_and_algorithms_are_printed_as_ssh_prints_them() {
    let rig = Rig::start();
    let version = rig.run(Mode::Plain, &["-V"]);
    assert_eq!((version.status, version.stdout.as_str()), (Some(0), ""));
    assert_eq!(
        version.stderr,
        format!("tssh {}\n", env!("CARGO_PKG_VERSION"))
    );

    let ours = rig.run(Mode::Plain, &["-Q", "cipher"]);
    assert_eq!(ours.status, Some(0));
    assert!(
        ours.stdout
            .lines()
            .any(|line| line == "aes256-gcm@openssh.com"),
        "{ours:?}"
    );
    for kind in rig.run(Mode::Plain, &["-Q", "help"]).stdout.lines() {
        let told = rig.run(Mode::Plain, &["-Q", kind]);
        assert!(
            told.status == Some(0) && !told.stdout.is_empty(),
            "{kind}: {told:?}"
        );
    }
    let unknown = rig.run(Mode::Plain, &["-Q", "nonsense"]);
    assert_eq!(unknown.status, Some(255));
    assert!(unknown.stderr.contains("-Q help"), "{unknown:?}");
}
