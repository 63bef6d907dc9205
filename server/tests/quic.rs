//! The program over real sockets: our own client against our own server, QUIC on the loopback address.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails where it stands, and owns its tasks"
)]

mod detached;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tssh_core::connection::{Client, ClientConfig, ClientEvent, Timeouts};
use tssh_core::proxy::client::{Carriers, UdpBinder};
use tssh_core::proxy::network::NetworkEvents;
use tssh_core::wire::{Exit, ServerInfo, SessionStart};
use tssh_transport_quic::Quic;

#[tokio::test]
async fn a_command_runs_over_quic_and_close_ends_the_server() {
    soon(async {
        let mut login = Login::new();
        let mut session = login
            .client()
            .await
            .client
            .start(command(b"tr a-z A-Z; echo err >&2; exit 7"), true)
            .await
            .unwrap();
        session.stdin.write_all(b"over quic\n").await.unwrap();
        session.stdin.shutdown().await.unwrap();
        assert_eq!(text(&mut session.stdout).await, "OVER QUIC\n");
        assert_eq!(text(session.stderr.as_mut().unwrap()).await, "err\n");
        assert_eq!(session.exit.await.unwrap().code, 7);
        login.connected.as_ref().unwrap().client.close().await;
        assert_eq!(login.exit_code().await, Some(0));
    })
    .await;
}

#[tokio::test]
async fn many_sessions_share_a_connection_and_keep_apart() {
    soon(async {
        let mut login = Login::new();
        let client = login.client().await.client.clone();
        let sessions = (0..8_u32).map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let line = format!("head -c 300000 /dev/zero | tr '\\0' {number}; exit {number}");
                let mut session = client.start(command(line.as_bytes()), false).await.unwrap();
                let output = text(&mut session.stdout).await;
                assert!(
                    output == number.to_string().repeat(300_000),
                    "{} bytes",
                    output.len()
                );
                assert_eq!(session.exit.await.unwrap().code, i64::from(number));
            })
        });
        for session in sessions.collect::<Vec<_>>() {
            session.await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_terminal_echoes_keys_and_hangs_up_at_the_clients_word() {
    soon(async {
        let mut login = Login::new();
        let client = login.client().await.client.clone();
        let start = SessionStart {
            pty: true,
            cols: 80,
            rows: 24,
            ..command(b"stty raw; printf ready; exec cat")
        };
        let mut session = client.start(start, false).await.unwrap();
        let mut shown = [0; 5];
        session.stdout.read_exact(&mut shown).await.unwrap();
        session.stdin.write_all(b"key").await.unwrap();
        let mut echo = [0; 3];
        session.stdout.read_exact(&mut echo).await.unwrap();
        assert_eq!((&shown, &echo), (b"ready", b"key"));
        client.end(session.id).await;
        let exit = session.exit.await.unwrap();
        assert_eq!(
            exit,
            Exit {
                id: session.id,
                code: -1,
                signal: "HUP".to_owned()
            }
        );
    })
    .await;
}

#[tokio::test]
async fn a_signal_is_told_to_the_client_and_ends_the_server_with_96() {
    soon(async {
        let mut login = Login::new();
        let _session = {
            let client = login.client().await.client.clone();
            client.start(command(b"cat"), false).await.unwrap()
        };
        let pid = nix::unistd::Pid::from_raw(i32::try_from(login.server.id().unwrap()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let connected = login.connected.as_mut().unwrap();
        let reason = loop {
            let event = connected.events.recv().await;
            if let ClientEvent::Quit(reason) = event.expect("no reason was told") {
                break reason;
            }
        };
        assert_eq!(reason.to_string(), "tsshd on the server got SIGTERM");
        assert_eq!(login.exit_code().await, Some(96));
    })
    .await;
}

#[tokio::test]
async fn a_client_that_is_gone_for_its_alive_timeout_ends_the_server_with_95() {
    soon(async {
        let mut login = Login::new();
        let timeouts = Timeouts {
            alive: Duration::from_secs(1),
            ..Timeouts::default()
        };
        let client = login.client_with(timeouts).await.client.clone();
        let mut session = client.start(command(b"echo up; cat"), false).await.unwrap();
        assert_eq!(session.stdout.read_u8().await.unwrap(), b'u');
        drop((session, client));
        // As if it were killed: nobody says goodbye.
        login.connected.take().unwrap().tasks.abort();
        assert_eq!(login.exit_code().await, Some(95));
    })
    .await;
}

/// A server of its own for each test.
struct Login {
    server: Child,
    info: ServerInfo,
    connected: Option<Connected>,
}

struct Connected {
    client: Client,
    events: mpsc::Receiver<ClientEvent>,
    tasks: JoinHandle<()>,
}

impl Login {
    fn new() -> Self {
        let (server, info) = detached::start(Some("127.0.0.1 40000 127.0.0.1 22"), &[]);
        Self {
            server,
            info,
            connected: None,
        }
    }

    async fn client(&mut self) -> &mut Connected {
        self.client_with(Timeouts::default()).await
    }

    async fn client_with(&mut self, timeouts: Timeouts) -> &mut Connected {
        let config = ClientConfig {
            info: self.info.clone(),
            servers: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, self.info.port))],
            carriers: Carriers::Udp,
            stream_answer: None,
            timeouts,
            mtu: 1400,
            connect_timeout: Duration::from_secs(20),
            session_name: String::new(),
            keep_output: false,
        };
        // Nothing changes in the network of a test.
        let (_script, script) = mpsc::channel(1);
        let network = NetworkEvents::scripted(script);
        let stop = CancellationToken::new();
        let connected = Client::connect(
            &Quic::default(),
            config,
            Arc::new(UdpBinder),
            network,
            &stop,
        )
        .await;
        let (client, events, tasks) = connected.unwrap();
        let tasks = tokio::spawn(async move {
            tasks.run().await;
        });
        self.connected.insert(Connected {
            client,
            events,
            tasks,
        })
    }

    async fn exit_code(&mut self) -> Option<i32> {
        self.server.wait().await.unwrap().code()
    }
}

fn command(line: &[u8]) -> SessionStart {
    SessionStart::command(0, line)
}

async fn text(reader: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).await.unwrap();
    text
}

async fn soon<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), test)
        .await
        .expect("nothing happened for a minute")
}
