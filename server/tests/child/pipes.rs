//! Children without a terminal.

use std::fs::File;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_server::child::{ExitStatus, Kind, Signal, Spec, Stderr};

use crate::world::{World, all, end, gone, lives, noise, pid_named, until, within};

#[tokio::test]
async fn a_command_keeps_its_streams_apart_and_returns_its_status() {
    within(async {
        let world = World::new();
        let child = world.command("echo out; echo err >&2; exit 7");

        let (out, err) = tokio::join!(all(child.output), all(child.errors.unwrap()));

        assert_eq!((out.as_str(), err.as_str()), ("out\n", "err\n"));
        assert_eq!(child.control.wait().await, ExitStatus::Code(7));
    })
    .await;
}

#[tokio::test]
async fn merged_streams_come_in_the_order_of_writing() {
    within(async {
        let mut spec = Spec::new(Kind::Command("echo 1; echo 2 >&2; echo 3".into()));
        spec.stderr = Stderr::Merged;
        let world = World::new();
        let child = spec.spawn(&world.login).unwrap();

        assert!(child.errors.is_none());
        assert_eq!(all(child.output).await, "1\n2\n3\n");
    })
    .await;
}

#[tokio::test]
async fn a_command_that_a_signal_ends_reports_the_signal() {
    within(async {
        let world = World::new();
        let child = world.command("kill -TERM $$");

        let status = child.control.wait().await;

        assert_eq!(
            status,
            ExitStatus::Signal {
                number: 15,
                core_dumped: false
            }
        );
        assert_eq!(
            (status.wire_code(), status.signal_name()),
            (-1, Some("TERM"))
        );
    })
    .await;
}

#[tokio::test]
async fn eight_mebibytes_pass_through_cat_byte_for_byte() {
    within(async {
        let sent = noise(8 * 1024 * 1024);
        let world = World::new();
        let mut child = world.command("cat");

        let mut received = Vec::new();
        let there = async {
            child.input.write_all(&sent).await.unwrap();
            child.input.shutdown().await.unwrap();
        };
        let (_, read) = tokio::join!(there, child.output.read_to_end(&mut received));

        assert_eq!(read.unwrap(), sent.len());
        assert!(received == sent, "the bytes differ");
        assert_eq!(child.control.wait().await, ExitStatus::Code(0));
    })
    .await;
}

#[tokio::test]
async fn the_status_does_not_wait_for_a_background_process_that_holds_the_pipe() {
    within(async {
        let world = World::new();
        let mut child = world.command("sleep 1000 & echo P=$!=; exit 3");

        assert_eq!(child.control.wait().await, ExitStatus::Code(3));
        let sleeper = pid_named(&mut child.output, "P").await;
        assert!(lives(sleeper));
        end(sleeper);

        assert_eq!(all(child.output).await, "\n");
    })
    .await;
}

#[tokio::test]
async fn hanging_up_without_a_terminal_ends_the_streams_and_sends_no_signal() {
    within(async {
        let world = World::new();
        let mut child = world.command("echo ready; read line; exit 5");
        until(&mut child.output, "ready\n").await;

        child.control.hang_up();
        assert!(child.input.write_all(b"lost").await.is_err());

        assert_eq!(all(child.output).await, "");
        assert_eq!(child.control.wait().await, ExitStatus::Code(5));
    })
    .await;
}

#[tokio::test]
async fn a_child_starts_with_every_signal_at_its_default() {
    within(async {
        let world = World::new();
        let child = world.command("exec cat /proc/self/status");

        let text = all(child.output).await;

        let set = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            // The kernel's 32 and 33 belong to the C library, which lets nobody touch them.
            u64::from_str_radix(line.trim(), 16).unwrap() & 0x7fff_ffff
        };
        assert_eq!((set("SigBlk:"), set("SigIgn:"), set("SigCgt:")), (0, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn what_the_server_was_told_to_ignore_a_child_does_not_ignore() {
    within(async {
        let output = tokio::process::Command::new("/bin/sh")
            .args(["-c", "trap '' HUP INT TERM; exec \"$0\" --exact \"$1\""])
            .arg(std::env::current_exe().unwrap())
            .arg("pipes::a_child_starts_with_every_signal_at_its_default")
            .output()
            .await
            .unwrap();

        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("1 passed; 0 failed"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn no_descriptor_of_the_server_reaches_a_child_not_even_an_inheritable_one() {
    within(async {
        let leak = File::open("/dev/null").unwrap();
        fcntl(&leak, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();

        let world = World::new();
        let child = world.command("exec ls /proc/self/fd");

        // The last one is the listing's own.
        assert_eq!(all(child.output).await, "0\n1\n2\n3\n");
        drop(leak);
    })
    .await;
}

#[tokio::test]
async fn a_child_leads_a_session_and_a_process_group_of_its_own() {
    within(async {
        let world = World::new();
        let child = world.command("echo $$; cut -d' ' -f1,5,6,7 /proc/$$/stat; read x");
        let pid = child.control.pid().unwrap();
        drop(child.input);

        assert_eq!(
            all(child.output).await,
            format!("{pid}\n{pid} {pid} {pid} 0\n")
        );
        child.control.wait().await;
        assert_eq!(child.control.pid(), None);
    })
    .await;
}

#[tokio::test]
async fn a_signal_reaches_the_whole_process_group() {
    within(async {
        let world = World::new();
        let mut child = world.command("sleep 1000 & echo P=$!=; wait");
        let sleeper = pid_named(&mut child.output, "P").await;

        child.control.signal(Signal::SIGTERM).unwrap();

        gone(sleeper).await;
        let status = child.control.wait().await;
        assert_eq!(
            status,
            ExitStatus::Signal {
                number: 15,
                core_dumped: false
            }
        );
        child
            .control
            .signal(Signal::SIGTERM)
            .expect("a child that has ended is no error");
    })
    .await;
}

#[tokio::test]
async fn a_program_can_open_its_output_again() {
    within(async {
        let world = World::new();
        let child = world.command("echo a > /dev/stdout; echo b > /dev/stderr");

        let (out, err) = tokio::join!(all(child.output), all(child.errors.unwrap()));

        assert_eq!((out.as_str(), err.as_str()), ("a\n", "b\n"));
    })
    .await;
}

#[tokio::test]
async fn a_child_that_everybody_forgot_leaves_no_zombie() {
    within(async {
        let world = World::new();
        let child = world.command("read line");
        let pid = child.control.pid().unwrap();
        drop(child);

        while std::path::Path::new(&format!("/proc/{pid}")).exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_program_with_arguments_runs_without_a_shell() {
    within(async {
        let args = ["%s|", "a b", "*", "$HOME"].map(String::from).into();
        let world = World::new();
        let child = Spec::new(Kind::Argv {
            name: "printf".into(),
            args,
        })
        .spawn(&world.login)
        .unwrap();

        assert_eq!(all(child.output).await, "a b|*|$HOME|");
    })
    .await;
}

#[tokio::test]
async fn writing_to_a_child_that_has_exited_is_a_broken_pipe() {
    within(async {
        let world = World::new();
        let mut child = world.command("sleep 1000 & echo P=$!=; exit 0");
        child.control.wait().await;

        let error = child.input.write_all(b"x").await.unwrap_err();

        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
        end(pid_named(&mut child.output, "P").await);
    })
    .await;
}
