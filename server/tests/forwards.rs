//! Connections that the server makes for its client.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails where it stands, and owns its tasks"
)]

mod peer;

use std::net::SocketAddr;
use std::time::Duration;

use peer::{Peer, Setup, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tssh_core::transport::{Connection, Stream};
use tssh_core::wire::{DialReply, DialRequest, RemoteAddr, WireError, codec};
use tssh_server::connection::Outcome;
use tssh_server::limits::{DIAL_TIMEOUT, MAX_FORWARDS};
use tssh_server::settings::{Forwarding, Permit, Settings};

#[tokio::test]
async fn a_forward_carries_bytes_and_each_end_by_itself() {
    soon(async {
        let (peer, listener, address) = rig(Settings::default()).await;
        let _bus = peer.greet().await;
        let (mut stream, reply) = dial(&peer, "tcp", &address.to_string()).await.unwrap();
        assert_eq!(reply.remote_addr, Some(RemoteAddr::from(address)));
        let (mut socket, _) = listener.accept().await.unwrap();

        stream.write_all(b"question").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut question = String::new();
        socket.read_to_string(&mut question).await.unwrap();
        socket.write_all(b"answer").await.unwrap();
        drop(socket);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();

        assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
    })
    .await;
}

#[tokio::test]
async fn a_unix_socket_is_reached_and_has_no_address() {
    soon(async {
        let peer = Peer::connect();
        let _bus = peer.greet().await;
        let path = peer.home.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let (mut stream, reply) = dial(&peer, "unix", path.to_str().unwrap()).await.unwrap();
        assert_eq!(reply.remote_addr, None);
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"hello").await.unwrap();
        drop(socket);
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "hello");
    })
    .await;
}

#[tokio::test]
async fn what_sshd_config_forbids_is_refused_as_prohibited_and_not_tried() {
    soon(async {
        let elsewhere = Permit::Only(vec!["db:5432".to_owned()]);
        for (settings, keyword) in [
            (
                Settings {
                    allow_tcp_forwarding: Forwarding::Remote,
                    ..Settings::default()
                },
                "AllowTcpForwarding",
            ),
            (
                Settings {
                    disable_forwarding: true,
                    ..Settings::default()
                },
                "DisableForwarding",
            ),
            (
                Settings {
                    permit_open: elsewhere,
                    ..Settings::default()
                },
                "PermitOpen",
            ),
        ] {
            let (peer, listener, address) = rig(settings).await;
            let _bus = peer.greet().await;
            let (code, reason) = refusal(&peer, "tcp", &address.to_string()).await;
            assert_eq!(code, WireError::PROHIBITED);
            let expected =
                format!("sshd_config on the server permits no such forward: see {keyword} there");
            assert_eq!(reason, expected);
            let arrival = tokio::time::timeout(Duration::from_millis(50), listener.accept());
            assert!(arrival.await.is_err(), "it was tried all the same");
        }
    })
    .await;
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_said_to_be_one() {
    soon(async {
        let (peer, listener, address) = rig(Settings::default()).await;
        let _bus = peer.greet().await;
        drop(listener);
        let (code, reason) = refusal(&peer, "tcp", &address.to_string()).await;
        assert_eq!(code, 0);
        let expected = format!(
            "connect to 127.0.0.1 port {}: Connection refused",
            address.port()
        );
        assert!(reason.starts_with(&expected), "{reason}");
        let (_, reason) = refusal(&peer, "unix", "/nonexistent/socket").await;
        assert!(
            reason.starts_with("connect to /nonexistent/socket: No such"),
            "{reason}"
        );
    })
    .await;
}

#[tokio::test]
async fn words_that_name_no_target_are_refused() {
    soon(async {
        let peer = Peer::connect();
        let _bus = peer.greet().await;
        let (_, reason) = refusal(&peer, "udp", "127.0.0.1:53").await;
        assert_eq!(
            reason,
            "a connection over udp is not known, wanted tcp, tcp4, tcp6 or unix"
        );
        let (_, reason) = refusal(&peer, "tcp", "nowhere").await;
        assert_eq!(
            reason,
            "nowhere is not a host and a port such as example.org:80 or [::1]:80"
        );
    })
    .await;
}

#[tokio::test]
async fn there_are_no_more_forwards_than_places_and_an_ended_one_makes_room() {
    soon(async {
        let (peer, listener, address) = rig(Settings::default()).await;
        let _bus = peer.greet().await;
        let address = address.to_string();
        let mut open = Vec::new();
        for _ in 0..MAX_FORWARDS {
            let (stream, _) = dial(&peer, "tcp", &address).await.unwrap();
            open.push((stream, listener.accept().await.unwrap().0));
        }
        let (code, reason) = refusal(&peer, "tcp", &address).await;
        assert_eq!(code, 0);
        assert!(
            reason.starts_with("256 connections are forwarded"),
            "{reason}"
        );

        let (stream, socket) = open.pop().unwrap();
        drop((stream, socket));
        while dial(&peer, "tcp", &address).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_forward_that_its_client_gave_up_before_it_was_made_has_no_place() {
    soon(async {
        let (peer, _listener, address) = rig(Settings::default()).await;
        let _bus = peer.greet().await;
        let (silent, _queue) = silence().await;
        let mut asked = Vec::new();
        for nth in 0..MAX_FORWARDS {
            let mut stream = ask(&peer, "tcp", &silent.to_string()).await.unwrap();
            if nth % 2 == 0 {
                stream.write_all(b"early words").await.unwrap();
            }
            asked.push(stream);
        }
        let (_, reason) = refusal(&peer, "tcp", &address.to_string()).await;
        assert!(
            reason.starts_with("256 connections are forwarded"),
            "{reason}"
        );
        drop(asked);
        let room = async {
            while dial(&peer, "tcp", &address.to_string()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        let soon_enough = tokio::time::timeout(DIAL_TIMEOUT / 4, room).await;
        assert!(soon_enough.is_ok(), "places are held for nobody");
    })
    .await;
}

#[tokio::test]
async fn what_a_client_says_before_its_forward_is_made_arrives_and_so_does_the_answer() {
    soon(async {
        let (peer, _listener, _) = rig(Settings::default()).await;
        let _bus = peer.greet().await;
        let (silent, queue) = silence().await;
        let mut stream = ask(&peer, "tcp", &silent.to_string()).await.unwrap();
        let question = vec![7; 100_000];
        let asking = async {
            stream.writer.write_all(&question).await.unwrap();
            stream.writer.shutdown().await.unwrap();
        };
        let answering = async {
            // Who came before is let in, and then the forward, whose next attempt is a second away.
            loop {
                let (mut socket, _) = queue.listener.accept().await.unwrap();
                let mut heard = Vec::new();
                let reading = socket.read_to_end(&mut heard);
                let heard = tokio::time::timeout(Duration::from_secs(5), reading).await;
                if heard.is_ok_and(|count| count.is_ok_and(|count| count == question.len())) {
                    socket.write_all(b"answer").await.unwrap();
                    return;
                }
            }
        };
        drop(queue.before);
        tokio::join!(asking, answering);
        let _: DialReply = codec::read_reply(&mut stream).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
    })
    .await;
}

#[tokio::test]
async fn a_forward_waits_out_an_outage_and_loses_nothing() {
    soon(async {
        let (peer, listener, address) = rig(Settings::default()).await;
        let _bus = peer.greet().await;
        let (mut stream, _) = dial(&peer, "tcp", &address.to_string()).await.unwrap();
        let (mut socket, _) = listener.accept().await.unwrap();
        peer.air.darken();
        // More than fits into everything between.
        let sent: Vec<u8> = (0..8 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
        let sending = tokio::spawn({
            let sent = sent.clone();
            async move {
                socket.write_all(&sent).await.unwrap();
                socket.shutdown().await.unwrap();
            }
        });
        let early = tokio::time::timeout(Duration::from_millis(50), stream.read_u8());
        assert!(early.await.is_err(), "something came through the dark");

        peer.air.clear();

        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.unwrap();
        assert!(got == sent, "{} bytes came", got.len());
        sending.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_ends_takes_its_forwards_along() {
    soon(async {
        let (peer, listener, address) = rig(Settings::default()).await;
        let _bus = peer.greet().await;
        let _forward = dial(&peer, "tcp", &address.to_string()).await.unwrap();
        let (mut socket, _) = listener.accept().await.unwrap();
        peer.connection.close().await;
        assert_eq!(peer.outcome().await, Outcome::Lost);
        assert!(socket.read(&mut [0]).await.is_err(), "it looks like an end");
    })
    .await;
}

async fn rig(settings: Settings) -> (Peer, TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let setup = Setup {
        settings,
        ..Setup::default()
    };
    (Peer::connect_to(setup), listener, address)
}

async fn dial(peer: &Peer, net: &str, addr: &str) -> Result<(Stream, DialReply), WireError> {
    let mut stream = ask(peer, net, addr).await?;
    let reply = codec::read_reply(&mut stream).await?;
    Ok((stream, reply))
}

/// A forward that is asked for, without its answer.
async fn ask(peer: &Peer, net: &str, addr: &str) -> Result<Stream, WireError> {
    let mut stream = peer.say("dial").await;
    codec::read_ack(&mut stream).await?;
    let request = DialRequest {
        net: net.to_owned(),
        addr: addr.to_owned(),
        timeout: DIAL_TIMEOUT,
    };
    codec::write_message(&mut stream, &request).await?;
    Ok(stream)
}

/// A port that answers nobody: its queue is full.
struct Queue {
    listener: TcpListener,
    before: Vec<TcpStream>,
}

async fn silence() -> (SocketAddr, Queue) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut before = Vec::new();
    // Who finds no room has no answer: the kernel would send one within microseconds.
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await
    {
        before.push(connected.unwrap());
    }
    (address, Queue { listener, before })
}

async fn refusal(peer: &Peer, net: &str, addr: &str) -> (i64, String) {
    match dial(peer, net, addr).await {
        Err(WireError::Refused { code, reason }) => (code, reason.to_string()),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{net} {addr} was not refused"),
    }
}
