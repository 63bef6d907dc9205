//! How a session ends when it was not its program that ended, and what is told then.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode as FileMode;
use nix::sys::termios::LocalFlags;
use nix::unistd::{Pid, mkfifo};
use pty_process::blocking::Command;

use crate::rig::{EVERY, Mode, PATIENCE, Rig, TSSH, collect, finish, pid, tsshd, wait};
use crate::seat::Seat;

#[test]
fn a_server_that_got_sigterm_says_so_to_a_script() {
    let rig = Rig::start();
    let told = rig.run(Mode::Udp, &["server", "kill -TERM $PPID; exec sleep 60"]);
    assert_eq!((told.status, told.stdout.as_str()), (Some(255), ""));
    let lines: Vec<_> = told.stderr.lines().collect();
    let reason = "tssh: the server went away: tsshd on the server got SIGTERM";
    assert_eq!(lines, [reason]);
}

#[test]
fn a_server_that_got_sigterm_says_so_to_a_person() {
    let rig = Rig::start();
    let mut seat = Seat::start(
        &rig,
        Mode::Udp,
        &["-t", "server", "echo ready; read x; kill -TERM $PPID; cat"],
    );
    seat.read_until("ready");
    seat.keys(b"\r");
    let (status, screen) = seat.leave();
    assert_eq!(status, Some(255));
    assert!(
        screen.ends_with("tssh: the server went away: tsshd on the server got SIGTERM"),
        "{screen}"
    );
}

#[test]
fn a_login_that_is_cut_off_in_plain_mode_is_one_sentence_and_255() {
    let rig = Rig::start();
    let told = rig.run(Mode::Plain, &["server", "kill -KILL $PPID; exec cat"]);
    assert_eq!((told.status, told.stdout.as_str()), (Some(255), ""));
    let port = rig.sshd.port();
    let sentence =
        format!("tssh: connection to 127.0.0.1 port {port} closed: closed by the remote host");
    assert_eq!(told.stderr.lines().collect::<Vec<_>>(), [sentence]);
}

#[test]
fn a_signal_at_a_question_gives_the_terminal_back() {
    let rig = Rig::start();
    let key = rig.sshd.keygen("locked", "ed25519", "secret");
    let identity = format!("IdentityFile={}", key.display());
    let unknown = format!("UserKnownHostsFile={}", rig.path("new").display());
    rig.sshd.authorize("locked");
    let only = ["-F", "none", "-o", "IdentityAgent=none", "-o", &identity];
    for (option, question) in [
        ("StrictHostKeyChecking=no", "passphrase"),
        ("StrictHostKeyChecking=ask", "continue connecting"),
    ] {
        for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
            let options = ["-o", &unknown, "-o", option, "-p"];
            let port = rig.sshd.port().to_string();
            let words = [&only[..], &options, &[&port, "127.0.0.1", "true"]].concat();
            let mut command = Command::new(TSSH);
            for word in words {
                command = command.arg(word);
            }
            let mut seat = Seat::spawn(command.env_remove("SSH_AUTH_SOCK"), |_| {});
            seat.wait_for_screen(question);
            let echo = seat.attributes().local_flags.contains(LocalFlags::ECHO);
            assert!(!echo, "{question}: the terminal shows what is typed");
            seat.signal(signal);
            // As if nobody had caught it.
            assert_eq!(seat.leave().0, None, "{question} {signal}");
            let _ = fs::remove_file(rig.path("new"));
        }
    }
}

#[test]
fn the_bytes_of_a_command_pass_unchanged() {
    let rig = Rig::start();
    for mode in EVERY {
        let mut command = rig.tssh(mode, &["server"]);
        command.arg(OsStr::from_bytes(
            b"printf %s '\xff\xfe\x80 \xc3\xa4\xe2\x82'",
        ));
        let (status, stdout, stderr) = finish(&mut command, Vec::new());
        assert_eq!(status.code(), Some(0), "{mode:?}: {stderr:?}");
        assert_eq!(stdout, b"\xff\xfe\x80 \xc3\xa4\xe2\x82", "{mode:?}");
    }
}

#[test]
fn a_reader_who_leaves_is_nothing_to_talk_about() {
    let rig = Rig::start();
    for mode in EVERY {
        let mut child = rig
            .tssh(mode, &["-n", "server", "yes"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = collect(child.stderr.take().unwrap());
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 4]).unwrap();
        drop(stdout);
        assert_eq!(wait(child).code(), Some(255), "{mode:?}");
        let told = String::from_utf8(stderr.recv().unwrap()).unwrap();
        assert_eq!(told, "", "{mode:?}");
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_is_no_reason_to_fail() {
    let rig = Rig::start();
    for mode in EVERY {
        let mut child = rig
            .tssh(mode, &["-vvv", "-n", "server", "exit 7"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        log.read_line(&mut String::new()).unwrap();
        drop(log);
        assert_eq!(wait(child).code(), Some(7), "{mode:?}");
    }
}

#[test]
fn a_program_that_is_suspended_gives_the_terminal_to_the_shell_and_goes_on_where_it_was() {
    let rig = Rig::start();
    let words = rig.arguments(Mode::Udp).join(" ");
    // Whoever comes back asks for a repaint: the program there sees a change of size.
    let there = rig.script(
        "there",
        "stty raw -echo; trap 'echo resumed' WINCH; cat -v < /dev/tty & echo ready
         while kill -0 $!; do wait; done",
    );
    let line = format!(
        "set -m; {TSSH} {words} -t server {}; echo \"stopped $?\"; read line; fg; \
         echo \"ended $?\"",
        there.display()
    );
    let shell = Command::new("bash")
        .args(["-c", &line])
        .env_remove("SSH_AUTH_SOCK");
    let mut seat = Seat::spawn(shell.env("TERM", "xterm-256color"), |_| {});
    seat.read_until("ready");
    seat.keys(b"a\r~\x1a");
    // 128 and SIGTSTP.
    seat.read_until("stopped 148");
    assert_eq!(
        &seat.attributes(),
        seat.found(),
        "the shell has its terminal"
    );
    seat.keys(b"\r");
    seat.read_until("resumed");
    seat.keys(b"b\r");
    seat.read_until("b^M");
    assert_ne!(&seat.attributes(), seat.found());
    seat.keys(b"~.");
    seat.read_until("ended 255");
    assert_eq!(seat.leave().0, Some(0));
}

#[test]
fn a_client_that_was_killed_leaves_its_server_until_the_alive_timeout_and_no_longer() {
    let rig = Rig::start();
    let held = rig.path("held");
    mkfifo(&held, FileMode::S_IRUSR | FileMode::S_IWUSR).unwrap();
    let command = format!("exec 3> '{}'; echo $PPID; exec cat", held.display());
    let soon = ["-o", "UdpHeartbeatTimeout=1", "-o", "UdpAliveTimeout=3"];
    let mut child = rig
        .tssh(Mode::Udp, &[&soon[..], &["server", &command]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let end = collect(fs::File::open(&held).unwrap());
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let server = Pid::from_raw(line.trim().parse().unwrap());
    kill(pid(&child), Signal::SIGKILL).unwrap();
    wait(child);
    assert_eq!(kill(server, None), Ok(()), "it waits for its client");
    // The program held this open, and is hung up.
    assert_eq!(end.recv_timeout(PATIENCE), Ok(Vec::new()));
}

#[test]
fn a_configuration_of_sshd_that_cannot_be_read_is_told_in_the_log_alone() {
    let rig = Rig::start();
    // A folder in the place of the file: also root cannot read that.
    fs::create_dir_all(rig.path("config/tsshd/sshd_config")).unwrap();
    let program = rig.script(
        "tsshd with a folder",
        &format!(
            "XDG_CONFIG_HOME='{}' exec '{}' \"$@\"",
            rig.path("config").display(),
            tsshd().display()
        ),
    );
    let option = format!("--tsshd-path='{}'", program.display());
    let told = rig.run(Mode::Udp, &[&option, "server", "echo \"$LANG\"; exit 3"]);
    assert_eq!((told.status, told.stderr.as_str()), (Some(3), ""));
    let mut child = rig
        .tssh(Mode::Udp, &[&option, "--debug", "server", "cat; exit 3"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (found, told) = mpsc::channel();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if line.contains("sshd_config") && line.contains("directory") {
                // Whoever waited for it has failed otherwise.
                let _ = found.send(());
            }
        }
    });
    // The command lives until its log has come.
    told.recv_timeout(PATIENCE).unwrap();
    drop(child.stdin.take());
    assert_eq!(wait(child).code(), Some(3));
}
