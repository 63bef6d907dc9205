//! Pumps over the in-memory transport, and the order in which addresses are tried.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::dial::{in_turns, race};
use super::*;
use crate::transport::memory::{MemoryConnection, pair, pipe_to_nowhere};
use crate::transport::{Connection, Stream};

#[tokio::test(start_paused = true)]
async fn bytes_arrive_whole_both_ways_whatever_the_chunks() {
    for seed in 1..=20 {
        let forward = Forward::start().await;
        let up = noise(seed, 300_000);
        let down = noise(seed + 100, 200_000);

        let (near_reader, near_writer) = tokio::io::split(forward.near);
        let (far_reader, far_writer) = tokio::io::split(forward.far);
        let ((), (), got_up, got_down) = tokio::join!(
            write_in_chunks(near_writer, &up, seed),
            write_in_chunks(far_writer, &down, seed + 7),
            read_to_end(far_reader),
            read_to_end(near_reader),
        );

        assert!(got_up.unwrap() == up, "seed {seed}: up differs");
        assert!(got_down.unwrap() == down, "seed {seed}: down differs");
        let carried = forward.near_pump.await.unwrap().unwrap();
        assert_eq!((carried.to_peer, carried.from_peer), (300_000, 200_000));
        forward.far_pump.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_one_direction_leaves_the_other_open() {
    let mut forward = Forward::start().await;
    forward.near.write_all(b"question").await.unwrap();
    forward.near.shutdown().await.unwrap();
    let mut question = Vec::new();
    forward.far.read_to_end(&mut question).await.unwrap();
    assert_eq!(question, b"question");

    forward.far.write_all(b"answer").await.unwrap();
    forward.far.shutdown().await.unwrap();

    let mut answer = Vec::new();
    forward.near.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"answer");
    forward.near_pump.await.unwrap().unwrap();
    forward.far_pump.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_a_socket_said_before_it_broke_arrives_whole() {
    let (near_end, far_end, _air) = pair(pipe_to_nowhere(), pipe_to_nowhere());
    let (mut client, near_socket) = tcp_pair().await;
    let (mut server, far_socket) = tcp_pair().await;
    let near_pump = tokio::spawn(pump(near_socket, near_end.open().await.unwrap()));
    let far_pump = tokio::spawn(pump(far_socket, far_end.accept().await.unwrap()));
    client
        .write_all(b"a question that nobody reads")
        .await
        .unwrap();
    // It has arrived, so that closing the socket breaks the connection.
    server.readable().await.unwrap();
    // What the kernel has handed over before it tells of the break.
    let answer = noise(9, 20_000);
    let answering = async {
        server.write_all(&answer).await.unwrap();
        drop(server);
    };
    let hearing = async {
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        heard
    };

    let (heard, ()) = tokio::join!(hearing, answering);

    assert!(heard == answer, "{} bytes came", heard.len());
    drop(client);
    near_pump.await.unwrap().unwrap();
    far_pump.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_forward_that_is_dropped_resets_its_socket() {
    let (near_end, far_end, _air) = pair(pipe_to_nowhere(), pipe_to_nowhere());
    let (mut client, socket) = tcp_pair().await;
    let pumping = tokio::spawn(pump(socket, near_end.open().await.unwrap()));
    let mut far = far_end.accept().await.unwrap();
    client.write_all(b"x").await.unwrap();
    far.read_u8().await.unwrap();

    pumping.abort();

    let error = client.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let error = far.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_breaks_its_forwards() {
    let forward = Forward::start().await;

    forward.connection.close().await;

    assert!(forward.near_pump.await.unwrap().is_err());
    assert!(forward.far_pump.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_that_hung_up_still_had_to_say_arrives() {
    let forward = Forward::start().await;
    let mut far = forward.far;
    let last_words = noise(5, 100_000);
    let (mut near_reader, mut near_writer) = tokio::io::split(forward.near);
    let saying = async {
        far.write_all(&last_words).await.unwrap();
        // Without having read what it was sent.
        drop(far);
    };
    let asking = async { while near_writer.write_all(&[0; 4096]).await.is_ok() {} };
    let hearing = async {
        let mut heard = Vec::new();
        near_reader.read_to_end(&mut heard).await.unwrap();
        heard
    };

    let heard = tokio::select! {
        (heard, ()) = async { tokio::join!(hearing, saying) } => heard,
        () = async { asking.await; std::future::pending().await } => unreachable!(),
    };

    assert!(heard == last_words, "{} bytes came", heard.len());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_stalls_its_writer_and_nobody_else() {
    let stalled = Forward::start().await;
    let (mut writer, flowing) = (stalled.near, stalled.connection.clone());
    let mut written = 0;
    // Whatever fits in between is taken; then nothing more is.
    while let Ok(taken) =
        tokio::time::timeout(Duration::from_secs(1), writer.write(&[7; 1000])).await
    {
        written += taken.unwrap();
        assert!(written < 1_000_000, "nobody holds the writer back");
    }

    let mut neighbour = Forward::on(flowing, stalled.far_connection.clone()).await;
    neighbour.near.write_all(b"still here").await.unwrap();
    let mut heard = [0; 10];
    neighbour.far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"still here");

    let mut far = stalled.far;
    let mut left = vec![0; written];
    far.read_exact(&mut left).await.unwrap();
    assert!(left.iter().all(|&byte| byte == 7));
}

#[test]
fn families_take_turns_and_the_resolvers_first_is_first() {
    let list = |texts: &[&str]| -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let found = list(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
    let expected = list(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
    assert_eq!(in_turns(found), expected);
    assert_eq!(in_turns(Vec::new()), Vec::new());
    let many: Vec<SocketAddr> = (1..=100).map(|n| ([10, 0, 0, n], 1).into()).collect();
    assert_eq!(in_turns(many.clone()), many[..16]);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_does_not_answer_gives_way_to_the_next_a_moment_later() {
    let start = Instant::now();
    let winner = race(addresses(2), |address| async move {
        if address.port() == 1 {
            std::future::pending::<()>().await;
        }
        Ok(address.port())
    });
    assert_eq!(winner.await.unwrap(), Some(2));
    assert_eq!(start.elapsed(), Duration::from_millis(250));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_refuses_gives_way_at_once_and_the_last_refusal_is_told() {
    let start = Instant::now();
    let refused = |address: SocketAddr| async move {
        Err::<(), _>(io::Error::other(format!("refused by {}", address.port())))
    };
    let error = race(addresses(3), refused).await.unwrap_err();
    assert_eq!(error.to_string(), "refused by 3");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(race(addresses(0), refused).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_slow_address_still_wins_where_the_later_ones_fail() {
    let winner = race(addresses(2), |address| async move {
        if address.port() == 2 {
            return Err(io::Error::other("refused"));
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(address.port())
    });
    assert_eq!(winner.await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_answer_in_time_is_given_up() {
    // A listener that accepts nothing, and whose queue is full, leaves the next one unanswered.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.as_socket().unwrap().port();
    let _first = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();

    let limit = Duration::from_secs(10);
    let error = dial_tcp("127.0.0.1", port, Family::Any, limit)
        .await
        .unwrap_err();
    let expected = format!("127.0.0.1 port {port} did not answer within 10 s");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_family_that_a_host_lacks_is_named() {
    let limit = Duration::from_secs(20);
    let error = dial_tcp("127.0.0.1", 9, Family::V6, limit)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "127.0.0.1 has no IPv6 address");
}

fn addresses(count: u16) -> Vec<SocketAddr> {
    (1..=count)
        .map(|port| ([10, 0, 0, 1], port).into())
        .collect()
}

/// A socket on each side, and a stream between them.
struct Forward {
    near: DuplexStream,
    far: DuplexStream,
    near_pump: JoinHandle<io::Result<Carried>>,
    far_pump: JoinHandle<io::Result<Carried>>,
    connection: Arc<MemoryConnection>,
    far_connection: Arc<MemoryConnection>,
}

impl Forward {
    async fn start() -> Self {
        let (near_end, far_end, _air) = pair(pipe_to_nowhere(), pipe_to_nowhere());
        Self::on(near_end, far_end).await
    }

    async fn on(connection: Arc<MemoryConnection>, far_connection: Arc<MemoryConnection>) -> Self {
        let (near, near_socket) = duplex(SOCKET);
        let (far, far_socket) = duplex(SOCKET);
        let near_stream: Stream = connection.open().await.unwrap();
        let far_stream = far_connection.accept().await.unwrap();
        Self {
            near,
            far,
            near_pump: tokio::spawn(pump(near_socket, near_stream)),
            far_pump: tokio::spawn(pump(far_socket, far_stream)),
            connection,
            far_connection,
        }
    }
}

/// Bytes that a socket of these tests holds.
const SOCKET: usize = 10_000;

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (near, listener.accept().await.unwrap().0)
}

async fn write_in_chunks(mut to: impl tokio::io::AsyncWrite + Unpin, bytes: &[u8], seed: u64) {
    let mut lengths = noise(seed, bytes.len()).into_iter().cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = usize::from(lengths.next().unwrap()) * 100 + 1;
        let (chunk, after) = rest.split_at(length.min(rest.len()));
        to.write_all(chunk).await.unwrap();
        rest = after;
        if length % 3 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    to.shutdown().await.unwrap();
}

async fn read_to_end(mut from: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// The same bytes for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // xorshift64, Marsaglia 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
