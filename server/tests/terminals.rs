//! Sessions with a terminal: size, type, painting anew, hanging up.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod peer;

use peer::{Peer, command, exit, refusal, soon, terminal};
use tssh_core::wire::{BusEvent, Exit, Resize, WireError};
use tssh_server::settings::Settings;

#[tokio::test]
async fn a_terminal_has_the_size_and_the_type_that_the_client_named() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut start = terminal(1, "stty size; echo $TERM; tty -s; echo $?");
        (start.cols, start.rows) = (100, 30);
        start
            .envs
            .insert("TERM".to_owned(), "xterm-256color".to_owned());
        let mut session = peer.start(start).await.unwrap();
        assert_eq!(session.rest().await, "30 100\r\nxterm-256color\r\n0\r\n");
        assert_eq!(bus.exit().await.code, 0);
    })
    .await;
}

#[tokio::test]
async fn a_terminal_without_a_size_is_80_by_24() {
    soon(async {
        let peer = Peer::connect();
        let _bus = peer.greet().await;
        let mut start = terminal(1, "stty size");
        (start.cols, start.rows) = (0, 0);
        let mut session = peer.start(start).await.unwrap();
        assert_eq!(session.rest().await, "24 80\r\n");
    })
    .await;
}

#[tokio::test]
async fn a_resize_reaches_the_program() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let line = "stty -echo; trap 'stty size; exit' WINCH; echo ready; while :; do read x; done";
        let mut session = peer.start(terminal(1, line)).await.unwrap();
        session.until("ready\r\n").await;
        bus.send(BusEvent::Resize(Resize {
            id: 1,
            cols: 132,
            rows: 50,
            ..Resize::default()
        }))
        .await;
        assert_eq!(session.until("50 132\r\n").await, "50 132\r\n");
    })
    .await;
}

#[tokio::test]
async fn a_redraw_with_a_marker_puts_the_marker_before_what_is_painted_anew() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let line = "stty -echo; trap 'stty size' WINCH; echo ready; while :; do read x; done";
        let mut session = peer.start(terminal(1, line)).await.unwrap();
        session.until("ready\r\n").await;
        let resize = Resize {
            id: 1,
            cols: 80,
            rows: 24,
            redraw: true,
            marker: b"[MARK]".to_vec(),
        };
        bus.send(BusEvent::Resize(resize)).await;
        let shown = session.until("24 80\r\n").await;
        assert!(shown.ends_with("[MARK]24 80\r\n"), "{shown:?}");
    })
    .await;
}

#[tokio::test]
async fn the_clients_exit_event_hangs_up_a_terminal() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut session = peer
            .start(terminal(1, "echo ready; exec sleep 1000"))
            .await
            .unwrap();
        session.until("ready\r\n").await;
        bus.send(exit(1, 0, "")).await;
        assert_eq!(
            bus.exit().await,
            Exit {
                id: 1,
                code: -1,
                signal: "HUP".to_owned()
            }
        );
        assert_eq!(session.rest().await, "");
    })
    .await;
}

#[tokio::test]
async fn permit_tty_no_refuses_the_terminal_by_a_code_of_its_own_and_a_session_without_one_starts()
{
    soon(async {
        let settings = Settings {
            permit_tty: false,
            ..Settings::default()
        };
        let peer = Peer::connect_to(peer::Setup {
            settings,
            ..peer::Setup::default()
        });
        let _bus = peer.greet().await;
        let (code, reason) = refusal(peer.start(terminal(1, "true")).await);
        assert_eq!(code, WireError::NOT_A_PTY);
        assert!(reason.contains("PermitTTY"), "{reason}");
        assert!(peer.start(command(2, &["true"])).await.is_ok());
    })
    .await;
}
