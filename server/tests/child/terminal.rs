//! Children on a terminal.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_server::child::{ExitStatus, Kind, PtySpec};

use crate::world::{World, all, end, gone, lives, noise, pid_named, terminal, until, within};

#[tokio::test]
async fn the_terminal_has_the_size_that_was_asked_for_and_takes_another() {
    within(async {
        let world = World::new();
        let mut child = world.on_terminal("stty size; read x; stty size");
        assert_eq!(until(&mut child.output, "\n").await, "24 80\r\n");

        child.control.resize(132, 50).unwrap();
        child.input.write_all(b"\n").await.unwrap();

        assert_eq!(all(child.output).await, "\r\n50 132\r\n");
    })
    .await;
}

#[tokio::test]
async fn a_size_of_zero_is_80_by_24() {
    within(async {
        let pty = PtySpec {
            cols: 0,
            rows: 0,
            ..terminal()
        };
        let world = World::new();
        let child = world.with_pty(Kind::Command("stty size".into()), pty);

        assert_eq!(all(child.output).await, "24 80\r\n");
    })
    .await;
}

#[tokio::test]
async fn redrawing_tells_the_foreground_program_and_leaves_the_final_size() {
    within(async {
        let line = "trap 'stty size' WINCH; sleep 1000 & echo ready; while :; do wait; done";
        let world = World::new();
        let mut child = world.on_terminal(line);
        until(&mut child.output, "ready\r\n").await;

        child.control.redraw(100, 30).await.unwrap();

        until(&mut child.output, "30 100\r\n").await;
        child.control.hang_up();
        let status = child.control.wait().await;
        assert_eq!(
            status,
            ExitStatus::Signal {
                number: 1,
                core_dumped: false
            }
        );
    })
    .await;
}

#[tokio::test]
async fn the_child_knows_its_terminal_by_name_by_type_and_as_its_own() {
    within(async {
        let world = World::new();
        let child = world.on_terminal("echo $TERM; test $SSH_TTY = $(tty) && echo same > /dev/tty");

        assert_eq!(all(child.output).await, "xterm-256color\r\nsame\r\n");
    })
    .await;
}

#[tokio::test]
async fn control_c_interrupts_the_foreground_program() {
    within(async {
        let world = World::new();
        let mut child = world.on_terminal("echo ready; exec sleep 1000");
        until(&mut child.output, "ready\r\n").await;

        child.input.write_all(b"\x03").await.unwrap();

        let status = child.control.wait().await;
        assert_eq!(
            status,
            ExitStatus::Signal {
                number: 2,
                core_dumped: false
            }
        );
        assert_eq!(all(child.output).await, "^C");
    })
    .await;
}

#[tokio::test]
async fn the_clients_modes_are_applied_and_iutf8_is_on_unless_they_say_otherwise() {
    within(async {
        let plain = stty(vec![]).await;
        for setting in ["iutf8", "echo", "icanon", "opost"] {
            assert!(
                plain.contains(&setting.to_owned()),
                "{setting} in {plain:?}"
            );
        }

        // VINTR ^X, VSUSP off, IUTF8, IXON, ECHO off, IXANY on, 9600 baud. (A pty keeps 8 bits without
        // parity whatever it is told.)
        let modes = vec![
            (1, 24),
            (10, 255),
            (42, 0),
            (38, 0),
            (53, 0),
            (39, 1),
            (129, 9600),
        ];
        let changed = stty(modes).await;
        for setting in [
            "-iutf8",
            "-ixon",
            "-echo",
            "ixany",
            "intr=^X",
            "susp=<undef>",
            "9600",
        ] {
            assert!(
                changed.contains(&setting.to_owned()),
                "{setting} in {changed:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_background_process_that_holds_the_terminal_does_not_hold_the_session() {
    within(async {
        let line = "trap '' HUP; sleep 1000 & echo P=$!=; exit 4";
        let world = World::new();
        let mut child = world.on_terminal(line);

        let sleeper = pid_named(&mut child.output, "P").await;
        assert_eq!(all(child.output).await, "\r\n");
        assert_eq!(child.control.wait().await, ExitStatus::Code(4));

        assert!(lives(sleeper));
        end(sleeper);
    })
    .await;
}

#[tokio::test]
async fn a_background_process_that_writes_for_ever_does_not_hold_the_session() {
    within(async {
        let line = "trap '' HUP; (while :; do echo y; done) & echo P=$!=; exit 0";
        let world = World::new();
        let mut child = world.on_terminal(line);

        child.control.wait().await;
        let writer = pid_named(&mut child.output, "P").await;
        all(child.output).await;

        // The terminal is closed by now: its next line fails.
        if lives(writer) {
            end(writer);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_written_before_the_exit_is_read_after_it() {
    within(async {
        let world = World::new();
        for round in 0..30 {
            let child = world.on_terminal("head -c 3000 /dev/zero | tr '\\0' x; echo; exit 9");

            assert_eq!(child.control.wait().await, ExitStatus::Code(9));
            let text = all(child.output).await;

            assert_eq!(text, format!("{}\r\n", "x".repeat(3000)), "round {round}");
        }
    })
    .await;
}

#[tokio::test]
async fn four_mebibytes_pass_through_a_raw_terminal_both_ways() {
    within(async {
        let sent = noise(4 * 1024 * 1024);
        let line = format!("stty raw -echo; echo ready; exec head -c {}", sent.len());
        let world = World::new();
        let mut child = world.on_terminal(&line);
        until(&mut child.output, "ready\n").await;

        let mut received = Vec::new();
        let (wrote, read) = tokio::join!(
            child.input.write_all(&sent),
            child.output.read_to_end(&mut received)
        );

        wrote.unwrap();
        assert_eq!(read.unwrap(), sent.len());
        assert!(received == sent, "the bytes differ");
        assert_eq!(child.control.wait().await, ExitStatus::Code(0));
    })
    .await;
}

#[tokio::test]
async fn hanging_up_ends_the_foreground_and_spares_what_nohup_and_setsid_keep() {
    within(async {
        let mut world = World::new();
        world.login.account.shell = "/bin/bash".into();
        let mut child = world.with_pty(Kind::Shell, terminal());
        let output = &mut child.output;

        // Each says who it is when it is what it is to be: a shell that was asked to start nohup
        // has not started it yet.
        let quiet = "</dev/null >/dev/null 2>&1";
        let job = format!("nohup sh -c 'echo N=$$= >/dev/tty; exec sleep 1000' {quiet} &\n");
        child.input.write_all(job.as_bytes()).await.unwrap();
        let nohup = pid_named(output, "N").await;
        let job = format!("setsid sh -c 'echo S=$$=; exec sleep 1000 {quiet}' &\n");
        child.input.write_all(job.as_bytes()).await.unwrap();
        let setsid = pid_named(output, "S").await;
        let job = b"sh -c 'echo B=$$=; exec sleep 1000' &\n";
        child.input.write_all(job).await.unwrap();
        let background = pid_named(output, "B").await;
        let job = b"sh -c 'echo F=$$=; exec sleep 1000'\n";
        child.input.write_all(job).await.unwrap();
        let foreground = pid_named(output, "F").await;

        child.control.hang_up();

        assert_eq!(
            child.control.wait().await,
            ExitStatus::Signal {
                number: 1,
                core_dumped: false
            }
        );
        gone(foreground).await;
        gone(background).await;
        assert!(lives(nohup) && lives(setsid));
        end(nohup);
        end(setsid);
    })
    .await;
}

#[tokio::test]
async fn hanging_up_wakes_a_reader_and_a_writer_that_wait() {
    within(async {
        let world = World::new();
        let mut child = world.on_terminal("stty raw -echo; echo ready; exec sleep 1000");
        until(&mut child.output, "ready\n").await;
        let control = child.control.clone();

        let flood = vec![b'x'; 4 * 1024 * 1024];
        let (read, wrote, ()) =
            tokio::join!(all(child.output), child.input.write_all(&flood), async {
                control.hang_up()
            });

        assert_eq!(read, "");
        assert_eq!(wrote.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    })
    .await;
}

#[tokio::test]
async fn dropping_the_streams_and_handles_hangs_up_the_terminal() {
    within(async {
        let world = World::new();
        let mut child = world.on_terminal("echo ready; exec sleep 1000");
        until(&mut child.output, "ready\r\n").await;
        let pid = child.control.pid().unwrap();

        drop(child);

        gone(pid).await;
    })
    .await;
}

/// The words of `stty -a`, special characters as `name=value`.
async fn stty(modes: Vec<(u8, u32)>) -> Vec<String> {
    let pty = PtySpec {
        modes,
        ..terminal()
    };
    let world = World::new();
    let child = world.with_pty(Kind::Command("stty -a".into()), pty);
    let text = all(child.output).await.replace(" = ", "=");
    text.split([' ', ';', '\r', '\n'])
        .map(str::to_owned)
        .collect()
}
