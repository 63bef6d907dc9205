//! Sessions that begin beside others, and those that cannot.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use peer::{Peer, command, refusal, soon, terminal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_core::wire::{SessionStart, WireError};
use tssh_server::settings::Settings;

#[tokio::test]
async fn what_cannot_start_is_refused_with_its_reason() {
    soon(async {
        let peer = Peer::connect();
        let _bus = peer.greet().await;
        let nothing = SessionStart {
            id: 1,
            ..SessionStart::default()
        };
        let subsystem = SessionStart {
            id: 1,
            subsystem: "no-such".to_owned(),
            ..SessionStart::default()
        };
        let attach = SessionStart {
            id: 1,
            attach: true,
            ..SessionStart::default()
        };
        let modes = SessionStart {
            term_modes: vec![1, 2],
            ..terminal(1, "true")
        };
        for (start, reason) in [
            (
                nothing,
                "the start message names no shell, command or subsystem",
            ),
            (
                subsystem,
                "sshd_config of this host has no subsystem no-such",
            ),
            (attach, "this tsshd does not know how to attach"),
        ] {
            assert_eq!(refusal(peer.start(start).await), (0, reason.to_owned()));
        }
        assert!(
            refusal(peer.start(modes).await)
                .1
                .starts_with("the terminal modes cannot be understood: ")
        );
    })
    .await;
}

#[tokio::test]
async fn no_more_sessions_run_at_once_than_max_sessions_permits() {
    soon(async {
        let settings = Settings {
            max_sessions: 1,
            ..Settings::default()
        };
        let peer = Peer::connect_to(peer::Setup {
            settings,
            ..peer::Setup::default()
        });
        let mut bus = peer.greet().await;
        let mut first = peer.start(command(1, &["cat"])).await.unwrap();
        let (code, reason) = refusal(peer.start(command(2, &["cat"])).await);
        assert_eq!(code, WireError::PROHIBITED);
        assert!(reason.contains("MaxSessions"), "{reason}");
        first.stream.writer.shutdown().await.unwrap();
        first.rest().await;
        bus.exit().await;
        assert!(peer.start(command(2, &["true"])).await.is_ok());
    })
    .await;
}

/// The exit comes first, or the ends of the outputs, and either may be the last thing to come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_knows_of_a_session_s_end_may_start_the_next_at_once() {
    soon(async {
        let settings = Settings {
            max_sessions: 1,
            ..Settings::default()
        };
        let peer = Peer::connect_to(peer::Setup {
            settings,
            ..peer::Setup::default()
        });
        let mut bus = peer.greet().await;
        let kinds = ["exit 0", "exec >&- 2>&-; sleep 0.01", "sleep 0.01 & exit 0"];
        for id in 1..=300 {
            let line = kinds[id as usize % 3];
            let start = match id % 2 {
                0 => peer.start(command(id, &["sh", "-c", line])).await,
                _ => peer.start_apart(command(id, &["sh", "-c", line])).await,
            };
            let mut session = start.unwrap_or_else(|error| panic!("session {id}: {error}"));
            let stderr = async {
                if let Some(mut stderr) = session.stderr.take() {
                    stderr.read_to_end(&mut Vec::new()).await.unwrap();
                }
            };
            let mut rest = Vec::new();
            let stdout = session.stream.reader.read_to_end(&mut rest);
            let (_, (), read) = tokio::join!(bus.exit(), stderr, stdout);
            read.unwrap();
        }
        for id in 301..=400 {
            let mut session = peer.start(terminal(id, "exit 0")).await.unwrap();
            tokio::join!(bus.exit(), session.rest());
        }
        // What cannot start has no place either.
        for id in 401..=500 {
            let nothing = SessionStart {
                id,
                ..SessionStart::default()
            };
            assert!(peer.start(nothing).await.is_err());
            let mut next = peer.start(command(id + 1000, &["true"])).await.unwrap();
            tokio::join!(bus.exit(), next.rest());
        }
    })
    .await;
}

/// A file that nobody writes is opened for as long as a file server is silent.
#[tokio::test]
async fn a_session_whose_files_do_not_answer_holds_back_no_other() {
    soon(async {
        let folder = tempfile::tempdir().unwrap();
        let motd = folder.path().join("motd");
        nix::unistd::mkfifo(&motd, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let peer = Peer::connect_to(peer::Setup {
            motd: vec![motd.clone()],
            ..peer::Setup::default()
        });
        let mut bus = peer.greet().await;
        let answered = Arc::new(AtomicBool::new(false));
        let answering = {
            let (answered, motd) = (answered.clone(), motd.clone());
            // On a thread of its own, or a server that hangs would never be found out.
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(3));
                answered.store(true, Ordering::SeqCst);
                std::fs::write(motd, "welcome\n").unwrap();
            })
        };
        let shell = SessionStart {
            shell: true,
            ..terminal(1, "")
        };
        let hanging = async {
            let mut session = peer.start(shell).await.unwrap();
            session.until("welcome").await;
        };
        let other = async {
            let mut session = peer.start(command(2, &["echo", "here"])).await.unwrap();
            assert_eq!(session.rest().await, "here\n");
            assert!(!answered.load(Ordering::SeqCst), "it waited for the other");
        };
        tokio::join!(hanging, other);
        assert_eq!(bus.exit().await.id, 2);
        answering.join().unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_id_that_runs_is_not_given_twice() {
    soon(async {
        let peer = Peer::connect();
        let _bus = peer.greet().await;
        let _first = peer.start(command(5, &["cat"])).await.unwrap();
        let (_, reason) = refusal(peer.start(command(5, &["cat"])).await);
        assert_eq!(reason, "session 5 is running already: choose another ID");
        assert_eq!(peer.keeper.next_id().await, Some(6));
    })
    .await;
}
