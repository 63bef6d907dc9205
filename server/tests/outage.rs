//! What happens to input and output when the path changes or the client is away.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails where it stands, and owns its tasks"
)]

mod peer;

use std::sync::Arc;
use std::time::Duration;

use peer::{Peer, Session, command, soon, terminal};
use tempfile::TempDir;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tssh_core::clock;
use tssh_core::transport::Connection;
use tssh_core::transport::memory::{MemoryConnection, pair, pipe_to_nowhere};
use tssh_core::wire::{Alive, BusEvent, Discard, Exit, SessionStart, Setting, codec};
use tssh_server::connection::ClientView;
use tssh_server::keeper::{Client, Start};
use tssh_server::session::{self, Place, Wishes};
use tssh_server::settings::Settings;

#[tokio::test]
async fn keys_that_were_under_way_when_the_path_changed_are_dropped_and_reported() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut keys = peer.start(terminal(1, RAW_CAT)).await.unwrap();
        keys.until("ready").await;
        peer.moves.send_modify(|moves| *moves += 1);
        let marker = marker_of(bus.event().await);
        assert_eq!(marker, [0xff, 0xc0, 0xc1, 0xff, 0, 0, 0, 1]);

        keys.write(b"rm -rf ").await;
        keys.write(b"x\r").await;
        keys.write(&[&marker[..], b"fresh keys"].concat()).await;

        assert_eq!(keys.until("fresh keys").await, "fresh keys");
        let dropped = Discard {
            input: b"rm -rf x\r".to_vec(),
            ..Discard::default()
        };
        assert_eq!(bus.event().await, Some(BusEvent::Discard(dropped)));
    })
    .await;
}

#[tokio::test]
async fn with_keep_pending_input_no_key_is_dropped() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let setting = Setting {
            keep_pending_input: Some(true),
            ..Setting::default()
        };
        bus.send(BusEvent::Setting(setting)).await;
        let mut keys = peer.start(terminal(1, RAW_CAT)).await.unwrap();
        keys.until("ready").await;
        echoed(&mut bus, 1).await;
        peer.moves.send_modify(|moves| *moves += 1);
        keys.write(b"every key").await;
        assert_eq!(keys.until("every key").await, "every key");
        assert_eq!(echoed(&mut bus, 2).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_says_late_that_it_keeps_its_input_loses_the_keys_before_alone() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut keys = peer.start(terminal(1, RAW_CAT)).await.unwrap();
        keys.until("ready").await;
        peer.moves.send_modify(|moves| *moves += 1);
        marker_of(bus.event().await);
        let setting = Setting {
            keep_pending_input: Some(true),
            ..Setting::default()
        };
        bus.send(BusEvent::Setting(setting)).await;
        echoed(&mut bus, 1).await;
        // Nobody will ever write the marker.
        keys.write(b"every key").await;
        assert_eq!(keys.until("every key").await, "every key");
    })
    .await;
}

#[tokio::test]
async fn data_loses_nothing_but_the_markers_themselves() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut keys = peer.start(terminal(1, RAW_CAT)).await.unwrap();
        keys.until("ready").await;
        let mut data = peer.start(command(2, &["cat"])).await.unwrap();
        peer.moves.send_modify(|moves| *moves += 1);
        let marker = marker_of(bus.event().await);
        data.stream.write_all(b"before \xff\xc0").await.unwrap();
        data.stream.write_all(&marker).await.unwrap();
        data.stream.write_all(b" behind").await.unwrap();
        data.stream.writer.shutdown().await.unwrap();
        let mut output = Vec::new();
        data.stream.reader.read_to_end(&mut output).await.unwrap();
        assert_eq!(output, b"before \xff\xc0 behind");
    })
    .await;
}

#[tokio::test]
async fn a_path_that_changes_twice_leaves_neither_marker_in_data() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut keys = peer.start(terminal(1, RAW_CAT)).await.unwrap();
        keys.until("ready").await;
        let mut data = peer.start(command(2, &["cat"])).await.unwrap();
        peer.moves.send_modify(|moves| *moves += 1);
        let older = marker_of(bus.event().await);
        peer.moves.send_modify(|moves| *moves += 1);
        let newer = marker_of(bus.event().await);
        data.write(&[b"a", &older[..], b"b", &newer[..], b"c"].concat())
            .await;
        data.stream.writer.shutdown().await.unwrap();
        assert_eq!(data.rest().await, "abc");
        keys.write(&[b"a", &older[..], b"b", &newer[..], b"c"].concat())
            .await;
        assert_eq!(keys.until("c").await, "c");
    })
    .await;
}

#[tokio::test]
async fn a_connection_without_a_terminal_is_never_sent_a_marker() {
    soon(async {
        let peer = Peer::connect();
        let mut bus = peer.greet().await;
        let mut data = peer.start(command(1, &["cat"])).await.unwrap();
        peer.moves.send_modify(|moves| *moves += 1);
        assert_eq!(echoed(&mut bus, 1).await, []);
        data.write(b"all of it").await;
        data.stream.writer.shutdown().await.unwrap();
        assert_eq!(data.rest().await, "all of it");
    })
    .await;
}

#[tokio::test]
async fn a_flood_while_the_client_is_away_ends_in_a_notice_and_the_last_lines() {
    soon(async {
        let mut away = Away::start(|gate| {
            terminal(1, &format!("stty -echo; echo ready; read x; seq 1 20000; echo > {gate}; read x; echo end"))
        })
        .await;
        away.session.until("ready\r\n").await;
        away.view.send_modify(|view| view.away = true);
        away.session.write(b"\n").await;
        away.passed_gate().await;
        away.view.send_modify(|view| view.away = false);
        away.session.write(b"\n").await;

        let shown = away.session.until("end\r\n").await;
        let (notice, lines) = shown.split_once("\x1b[K\r\n").unwrap();
        let dropped = away.dropped().await;
        let first = 20_000 - lines.matches('\n').count() + 2;
        assert_eq!(
            notice,
            format!(
                "1\r\n\r\x1b[0;33m[tsshd dropped {} lines ({} bytes) of output here while the client was away]\x1b[0m",
                dropped.output_lines, dropped.output_bytes
            )
        );
        assert!(lines.matches('\n').count() >= 1000);
        assert_eq!(dropped.output_lines, first as u64 - 2);
        let expected: String = (first..=20_000).map(|line| format!("{line}\r\n")).collect();
        assert_eq!(lines, expected + "end\r\n");
    })
    .await;
}

#[tokio::test]
async fn a_full_screen_program_is_made_to_paint_again_and_nothing_else_is_shown() {
    soon(async {
        let mut away = Away::start(|gate| {
            let paint = "trap 'stty size; stty size > last' WINCH";
            let line = format!(
                "stty -echo; {paint}; printf '\\033[?1049hready'; read x; echo; seq 1 20000; echo > {gate}; while :; do read x; done"
            );
            terminal(1, &line)
        })
        .await;
        away.session.until("ready").await;
        away.view.send_modify(|view| view.away = true);
        away.session.write(b"\n").await;
        away.passed_gate().await;
        away.view.send_modify(|view| view.away = false);
        let shown = away.session.until("24 80\r\n").await;
        assert_eq!(shown, "\r\n24 80\r\n");
        // What the kernel still held of the flood was dropped too, and reported apart.
        assert!(away.dropped().await.output_lines > 1_000);
    })
    .await;
}

#[tokio::test]
async fn with_keep_pending_output_a_terminals_program_waits_and_nothing_is_lost() {
    soon(async {
        let mut away =
            Away::start(|_| terminal(1, "stty -echo; echo ready; read x; seq 1 20000")).await;
        away.session.until("ready\r\n").await;
        away.view
            .send_modify(|view| (view.away, view.keep_output) = (true, true));
        away.session.write(b"\n").await;
        let expected: String = (1..=20_000).map(|line| format!("{line}\r\n")).collect();
        assert!(away.session.rest().await == expected);
    })
    .await;
}

#[tokio::test]
async fn output_without_a_terminal_is_held_back_and_whole_whatever_the_outage() {
    soon(async {
        let mut away =
            Away::start(|_| command(1, &["sh", "-c", "echo ready; read x; seq 1 200000"])).await;
        away.session.until("ready\n").await;
        away.view.send_modify(|view| view.away = true);
        away.session.write(b"\n").await;
        let expected: String = (1..=200_000).map(|line| format!("{line}\n")).collect();
        assert!(away.session.rest().await == expected);
    })
    .await;
}

#[tokio::test]
async fn a_program_that_ends_while_the_client_is_away_leaves_its_last_words() {
    soon(async {
        let mut away =
            Away::start(|_| terminal(1, "stty -echo; echo ready; read x; echo one; echo two"))
                .await;
        away.session.until("ready\r\n").await;
        away.view.send_modify(|view| view.away = true);
        away.session.write(b"\n").await;
        assert_eq!(
            away.events.recv().await,
            Some(BusEvent::Exit(Exit {
                id: 1,
                ..Exit::default()
            }))
        );
        away.view.send_modify(|view| view.away = false);
        assert_eq!(away.session.rest().await, "one\r\ntwo\r\n");
    })
    .await;
}

/// A session whose client is away when the test says so.
struct Away {
    session: Session,
    view: watch::Sender<ClientView>,
    events: mpsc::Receiver<BusEvent>,
    gate: pipe::Receiver,
    _connection: [Arc<MemoryConnection>; 2],
    _wishes: watch::Sender<Wishes>,
    _home: TempDir,
}

impl Away {
    /// The request is given the path of a pipe that it writes a line into.
    async fn start(request: impl FnOnce(&str) -> SessionStart) -> Self {
        let home = tempfile::tempdir().unwrap();
        let gate = home.path().join("gate");
        nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let message = request(gate.to_str().unwrap());
        let gate = pipe::OpenOptions::new()
            .read_write(true)
            .open_receiver(&gate)
            .unwrap();
        let login = peer::login(&home, Settings::default());
        let (near, far, _) = pair(pipe_to_nowhere(), pipe_to_nowhere());
        let (mut stream, served) = tokio::join!(near.open(), far.accept());
        let (view, viewed) = watch::channel(ClientView::default());
        let (bus, events) = mpsc::channel(64);
        let (wishes, wished) = watch::channel(Wishes::of(&message));
        let id = message.id;
        let start = Start {
            message,
            stream: served.unwrap(),
            stderr: None,
            client: Client {
                view: viewed,
                bus,
                connection: std::sync::Weak::<MemoryConnection>::new(),
            },
        };
        tokio::spawn(async move {
            let permit = Arc::new(Semaphore::new(1)).try_acquire_owned();
            let place = Place::new(permit.unwrap());
            session::run(
                start,
                Arc::new(login),
                place,
                wished,
                CancellationToken::new(),
            )
            .await;
        });
        codec::read_ack(stream.as_mut().unwrap()).await.unwrap();
        let session = Session {
            id,
            stream: stream.unwrap(),
            stderr: None,
        };
        Self {
            session,
            view,
            events,
            gate,
            _connection: [near, far],
            _wishes: wishes,
            _home: home,
        }
    }

    /// Waits until the program has written into the gate.
    async fn passed_gate(&mut self) {
        assert_eq!(self.gate.read_u8().await.unwrap(), b'\n');
    }

    /// The next report of dropped output.
    async fn dropped(&mut self) -> Discard {
        loop {
            if let BusEvent::Discard(discard) = self.events.recv().await.expect("no report came") {
                return discard;
            }
        }
    }
}

#[tokio::test]
async fn what_is_heard_within_a_round_trip_answers_nothing_that_was_just_sent() {
    let peer = Peer::connect();
    peer.air.set_rtt(Duration::from_millis(80));
    let mut bus = peer.greet().await;
    echoed(&mut bus, 1).await;
    let now = clock::now();
    peer.pipe.activity().handle_heard(now);
    let answered = now - Duration::from_millis(60);
    let until = peer.pipe.activity().answered_until().unwrap();
    assert!(until <= answered && answered - until < Duration::from_micros(2));
}

/// The events that came before the echo of an `alive` sent now.
async fn echoed(bus: &mut peer::Bus, time_ms: i64) -> Vec<BusEvent> {
    let alive = BusEvent::Alive(Alive { time_ms });
    bus.send(alive.clone()).await;
    let mut others = Vec::new();
    loop {
        match bus.event().await {
            Some(event) if event == alive => return others,
            Some(event) => others.push(event),
            None => panic!("the bus ended"),
        }
    }
}

fn marker_of(event: Option<BusEvent>) -> Vec<u8> {
    match event {
        Some(BusEvent::Discard(Discard { marker, .. })) if !marker.is_empty() => marker,
        other => panic!("{other:?} where a marker was wanted"),
    }
}

/// Says `ready`, then gives back every byte as it is.
const RAW_CAT: &str = "stty raw -echo; printf ready; exec cat";
