//! Bytes on their way through pipes.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use crate::rig::{EVERY, Rig, collect, finish, noise, success, wait};

/// Larger than every buffer and window on the way.
const BULK: usize = 20 << 20;

#[test]
fn twenty_megabytes_go_there_and_come_back_unchanged() {
    let rig = Rig::start();
    let sent = noise(1, BULK);
    for mode in EVERY {
        let (status, stdout, stderr) =
            finish(&mut rig.tssh(mode, &["server", "cat"]), sent.clone());
        assert_eq!(
            status.code(),
            Some(0),
            "{mode:?}: {}",
            String::from_utf8_lossy(&stderr)
        );
        assert!(stdout == sent, "{mode:?}: {} bytes came back", stdout.len());
        assert_eq!(stderr, b"", "{mode:?}");
    }
}

#[test]
fn standard_error_carries_bulk_beside_standard_output() {
    let rig = Rig::start();
    let sent = noise(2, BULK / 4);
    for mode in EVERY {
        let (status, stdout, stderr) = finish(
            &mut rig.tssh(mode, &["server", "tee /dev/stderr"]),
            sent.clone(),
        );
        assert_eq!(status.code(), Some(0), "{mode:?}");
        assert!(stdout == sent, "{mode:?}: {} bytes of stdout", stdout.len());
        assert!(stderr == sent, "{mode:?}: {} bytes of stderr", stderr.len());
    }
}

#[test]
fn the_end_of_standard_input_reaches_a_command_that_answers_after_it() {
    let rig = Rig::start();
    for mode in EVERY {
        let told = rig.run_with(mode, &["server", "sort"], b"b\nc\na\n".to_vec());
        assert_eq!(told, success("a\nb\nc\n"), "{mode:?}");
    }
}

#[test]
fn a_command_that_reads_nothing_ends_although_more_is_piped_in() {
    let rig = Rig::start();
    for mode in EVERY {
        let (status, stdout, _) = finish(
            &mut rig.tssh(mode, &["server", "head -c 3"]),
            noise(3, BULK),
        );
        assert_eq!((status.code(), stdout), (Some(0), noise(3, 3)), "{mode:?}");
    }
}

#[test]
fn with_n_standard_input_is_left_alone() {
    let rig = Rig::start();
    for mode in EVERY {
        // The writing end stays open: a program that reads from here never sees an end.
        let mut child = rig
            .tssh(mode, &["-n", "server", "cat; echo done"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let _open = child.stdin.take();
        let mut said = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(
            (wait(child).code(), said.as_str()),
            (Some(0), "done\n"),
            "{mode:?}"
        );
    }
}

#[test]
fn a_reader_who_leaves_ends_an_endless_command() {
    let rig = Rig::start();
    for mode in EVERY {
        let mut child = rig
            .tssh(mode, &["-n", "server", "yes"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first = [0; 4];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        assert_eq!(&first, b"y\ny\n");
        assert_eq!(wait(child).code(), Some(255), "{mode:?}");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_an_end_of_input() {
    let rig = Rig::start();
    for mode in EVERY {
        let mut command = rig.tssh(mode, &["server", "cat; echo over"]);
        let child = command
            .stdin(File::open("/").unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        assert_eq!(wait(child).code(), Some(0), "{mode:?}");
        assert_eq!(stdout.recv().unwrap(), b"over\n", "{mode:?}");
        let told = String::from_utf8(stderr.recv().unwrap()).unwrap();
        assert!(told.contains("standard input cannot be read"), "{told}");
    }
}

#[test]
fn files_are_read_and_written_directly() {
    let rig = Rig::start();
    let sent = noise(4, 1 << 20);
    std::fs::write(rig.path("from"), &sent).unwrap();
    for mode in EVERY {
        let child = rig
            .tssh(mode, &["server", "cat"])
            .stdin(File::open(rig.path("from")).unwrap())
            .stdout(File::create(rig.path("to")).unwrap())
            .spawn()
            .unwrap();
        assert_eq!(wait(child).code(), Some(0), "{mode:?}");
        assert!(std::fs::read(rig.path("to")).unwrap() == sent, "{mode:?}");
    }
}

#[test]
fn an_interactive_program_behind_a_pipe_answers_each_line() {
    let rig = Rig::start();
    for mode in EVERY {
        let mut child = rig
            .tssh(
                mode,
                &["server", "while read -r line; do echo \"<$line>\"; done"],
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        for line in ["one", "~.", "three"] {
            stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
            let mut answer = vec![0; line.len() + 3];
            stdout.read_exact(&mut answer).unwrap();
            assert_eq!(answer, format!("<{line}>\n").as_bytes(), "{mode:?}");
        }
        drop(stdin);
        assert_eq!(wait(child).code(), Some(0), "{mode:?}");
    }
}
