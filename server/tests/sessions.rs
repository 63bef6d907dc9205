//! Shells and commands, as a deployed client starts and ends them.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod peer;

use peer::{Peer, command, exit, hello, soon, terminal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_core::wire::{AgentRequest, BusEvent, Exit, SessionStart, X11Request};
use tssh_server::connection::Outcome;

#[tokio::test]
async fn a_command_gets_its_input_and_gives_its_output_and_exit_code() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        assert_eq!(bus.welcome.next_session_id, 1);
        let mut session = peer
            .start(command(1, &["sh", "-c", "tr a-z A-Z; exit 7"]))
            .await
            .unwrap();
        session.write(b"hello\n").await;
        session.stream.writer.shutdown().await.unwrap();
        assert_eq!(session.rest().await, "HELLO\n");
        assert_eq!(bus.event().await, Some(exit(1, 7, "")));
    })
    .await;
}

#[tokio::test]
async fn an_end_by_signal_is_minus_one_and_the_name_of_the_signal() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        peer.start(command(3, &["sh", "-c", "kill -TERM $$"]))
            .await
            .unwrap();
        assert_eq!(bus.event().await, Some(exit(3, -1, "TERM")));
    })
    .await;
}

#[tokio::test]
async fn stderr_comes_apart_when_the_client_opened_a_stream_for_it() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut session = peer
            .start_apart(command(1, &["sh", "-c", "echo out; echo err >&2"]))
            .await
            .unwrap();
        assert_eq!(session.rest().await, "out\n");
        let mut errors = String::new();
        session
            .stderr
            .unwrap()
            .read_to_string(&mut errors)
            .await
            .unwrap();
        assert_eq!(errors, "err\n");
        assert_eq!(bus.exit().await.code, 0);
    })
    .await;
}

#[tokio::test]
async fn without_such_a_stream_stderr_comes_with_stdout() {
    soon(async {
        let peer = Peer::connect();
        let _bus = peer.greet().await;
        let mut session = peer
            .start(command(1, &["sh", "-c", "echo out; echo err >&2"]))
            .await
            .unwrap();
        assert_eq!(session.rest().await, "out\nerr\n");
    })
    .await;
}

#[tokio::test]
async fn megabytes_go_both_ways_at_once_byte_for_byte() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let session = peer.start(command(1, &["cat"])).await.unwrap();
        let data: Vec<u8> = (0..8 << 20_u32)
            .map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let (mut reader, mut writer) = (session.stream.reader, session.stream.writer);
        let sending = async {
            writer.write_all(&data).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut echoed = Vec::new();
        let (_, received) = tokio::join!(sending, reader.read_to_end(&mut echoed));
        received.unwrap();
        assert!(
            echoed == data,
            "{} bytes came back of {}",
            echoed.len(),
            data.len()
        );
        assert_eq!(bus.exit().await.code, 0);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_reads_no_more_ends_the_program_by_sigpipe() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut session = peer.start(command(1, &["yes"])).await.unwrap();
        session.until("y\n").await;
        drop(session.stream.reader);
        assert_eq!(
            bus.exit().await,
            Exit {
                id: 1,
                code: -1,
                signal: "PIPE".to_owned()
            }
        );
    })
    .await;
}

#[tokio::test]
async fn a_background_process_that_holds_stdout_does_not_hold_back_the_exit() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut session = peer
            .start(command(1, &["sh", "-c", "cat <&0 & echo started; exit 5"]))
            .await
            .unwrap();
        assert_eq!(bus.exit().await.code, 5);
        assert_eq!(session.until("started\n").await, "started\n");
    })
    .await;
}

#[tokio::test]
async fn a_shell_session_is_a_login_shell_in_the_home() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let start = SessionStart {
            id: 1,
            shell: true,
            ..SessionStart::default()
        };
        let mut session = peer.start(start).await.unwrap();
        session.write(b"echo $0; pwd -P\nexit 3\n").await;
        let home = peer.home.path().canonicalize().unwrap();
        assert_eq!(session.rest().await, format!("-sh\n{}\n", home.display()));
        assert_eq!(bus.exit().await.code, 3);
    })
    .await;
}

#[tokio::test]
async fn a_command_line_of_our_own_client_is_run_by_the_users_shell() {
    soon(async {
        let peer = Peer::connect();
        let _bus = peer.greet().await;
        let start = SessionStart::command(1, b"echo a; echo b | tr b c");
        let mut session = peer.start(start).await.unwrap();
        assert_eq!(session.rest().await, "a\nc\n");
    })
    .await;
}

#[tokio::test]
async fn x11_and_agent_are_refused_by_warnings_and_the_session_starts_without() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut start = command(1, &["sh", "-c", "echo \"[$DISPLAY$SSH_AUTH_SOCK]\""]);
        start.x11 = Some(X11Request::default());
        start.agent = Some(AgentRequest::default());
        let mut session = peer.start(start).await.unwrap();
        assert_eq!(session.rest().await, "[]\n");
        let mut warnings = Vec::new();
        while warnings.len() < 2 {
            match bus.event().await {
                Some(BusEvent::Error(line)) => warnings.push(line.text),
                Some(_) => {}
                None => panic!("the bus ended"),
            }
        }
        assert_eq!(
            warnings,
            [
                "X11 forwarding is not supported by this version of tsshd",
                "agent forwarding is not supported by this version of tsshd",
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn close_ends_the_connection_and_then_every_session() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut session = peer
            .start(terminal(1, "echo ready; exec sleep 1000"))
            .await
            .unwrap();
        session.until("ready\r\n").await;
        bus.send(BusEvent::Close).await;
        let keeper = peer.keeper.clone();
        // The process holds them until the last words are said.
        let _ends = (peer.connection.clone(), peer.far.clone());
        assert_eq!(peer.outcome().await, Outcome::Closed);
        keeper.end_all().await;
        assert_eq!(session.rest().await, "");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_says_quit_and_waits_for_close() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet_with(hello()).await.unwrap();
        peer.quit.send_replace(Some("a reason".to_owned()));
        let Some(BusEvent::Quit(quit)) = bus.event().await else {
            panic!("no quit")
        };
        assert_eq!(quit.reason, "a reason");
        bus.send(BusEvent::Close).await;
        assert_eq!(peer.outcome().await, Outcome::Quit);
    })
    .await;
}
