//! Without a session, without a terminal, and what is run here.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode as FileMode;
use nix::unistd::mkfifo;

use crate::rig::{EVERY, Mode, Rig, pid, success, wait};

#[test]
fn with_f_the_program_returns_while_the_command_goes_on() {
    let rig = Rig::start();
    for mode in EVERY {
        let [to, from] = ["to", "from"].map(|name| rig.path(&format!("{name} {mode:?}")));
        for pipe in [&to, &from] {
            mkfifo(pipe, FileMode::S_IRUSR | FileMode::S_IWUSR).unwrap();
        }
        let command = format!(
            "read -r word < '{}'; echo \"$word\" > '{}'",
            to.display(),
            from.display()
        );
        let child = rig
            .tssh(mode, &["-f", "server", &command])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        assert_eq!(wait(child).code(), Some(0), "{mode:?}");
        fs::write(&to, "still there\n").unwrap();
        assert_eq!(
            fs::read_to_string(&from).unwrap(),
            "still there\n",
            "{mode:?}"
        );
    }
}

#[test]
fn with_f_a_login_that_fails_is_still_the_status() {
    let rig = Rig::start();
    for mode in EVERY {
        let told = rig.run(
            mode,
            &["-f", "-o", "PubkeyAuthentication=no", "server", "true"],
        );
        assert_eq!(told.status, Some(255), "{mode:?}");
        assert!(
            told.stderr.contains("Permission denied"),
            "{mode:?}: {told:?}"
        );
        assert_eq!(told.stderr.lines().count(), 1, "{mode:?}: {told:?}");
    }
}

#[test]
fn with_n_for_no_command_the_connection_stands_until_a_signal() {
    let rig = Rig::start();
    for mode in EVERY {
        for (signal, status) in [(Signal::SIGTERM, 0), (Signal::SIGHUP, 255)] {
            let mut child = rig
                .tssh(mode, &["-N", "-v", "server"])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let connected = lines
                .map_while(Result::ok)
                .find(|line| line.contains("connected to"));
            assert!(connected.is_some(), "{mode:?}");
            kill(pid(&child), signal).unwrap();
            assert_eq!(wait(child).code(), Some(status), "{mode:?} {signal}");
        }
    }
}

#[test]
fn signals_that_are_ignored_from_the_start_stay_ignored() {
    let rig = Rig::start();
    for mode in [Mode::Plain, Mode::Udp] {
        let tssh = rig.tssh(mode, &["server", "cat"]);
        let mut child = Command::new("/bin/sh")
            .args(["-c", "trap '' HUP INT QUIT TERM; exec \"$0\" \"$@\""])
            .arg(tssh.get_program())
            .args(tssh.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        for signal in [
            None,
            Some(Signal::SIGHUP),
            Some(Signal::SIGINT),
            Some(Signal::SIGTERM),
        ] {
            if let Some(signal) = signal {
                kill(pid(&child), signal).unwrap();
            }
            for word in ["once", "more"] {
                writeln!(stdin, "{word}").unwrap();
                assert_eq!(stdout.next().unwrap().unwrap(), word, "{mode:?} {signal:?}");
            }
        }
        drop(stdin);
        assert_eq!(wait(child).code(), Some(0), "{mode:?}");
    }
}

#[test]
fn a_local_command_runs_when_it_is_permitted() {
    let rig = Rig::start();
    for mode in EVERY {
        let local = ["-o", "LocalCommand=echo here %n %%", "server", "echo there"];
        let permitted = rig.run(
            mode,
            &[&["-o", "PermitLocalCommand=yes"][..], &local].concat(),
        );
        assert_eq!(permitted, success("here server %\nthere\n"), "{mode:?}");
        assert_eq!(rig.run(mode, &local), success("there\n"), "{mode:?}");
    }
}
