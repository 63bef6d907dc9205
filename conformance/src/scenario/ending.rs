//! How a connection begins and ends, and what is told of it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tssh_core::transport::ErrorKind;
use tssh_core::wire::ServerInfo;

use super::{MS, S};
use crate::medium::Direction;
use crate::pattern::{exchange, write_until_refused};
use crate::rig::{World, soon};

/// The peers choose by this word, and by nothing else.
pub async fn the_offer_names_the_mode_and_keeps_what_others_wrote(world: World) {
    let mut offer = ServerInfo::default();
    offer.extra.insert("Elsewhere".to_owned(), 7.into());
    offer.server_id = 42;
    let listening = world
        .transport
        .listen(world.server_pipe.clone(), &mut offer);
    let _listener = soon(listening).await.unwrap();
    assert_eq!(offer.mode, world.transport.mode());
    assert!(!offer.mode.is_empty());
    assert_eq!(offer.extra.get("Elsewhere"), Some(&7.into()));
    assert_eq!(offer.server_id, 42);
}

/// A server info that was cut off, or made by another program.
pub async fn an_offer_without_credentials_is_refused_at_once(world: World) {
    let asked = Instant::now();
    let offer = ServerInfo {
        mode: world.transport.mode().to_owned(),
        ..ServerInfo::default()
    };
    let Err(error) = soon(world.connect(&offer)).await else {
        panic!("it connected, and had no credentials");
    };
    assert!(!error.is_transient(), "another try would be vain: {error}");
    assert!(asked.elapsed() < S, "{:?}", asked.elapsed());
}

/// `exit`: the peer knows at once, and a stream that was cut off does not look like one that ended.
pub async fn closing_tells_the_peer_and_breaks_its_streams(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    let asked = Instant::now();
    ends.client.close().await;
    let told = soon(ends.server.closed()).await;
    assert_eq!(told.kind(), ErrorKind::Closed, "{told}");
    assert!(
        asked.elapsed() <= world.rtt() + 50 * MS,
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(ends.client.closed().await.kind(), ErrorKind::Closed);

    for stream in [&mut near, &mut far] {
        let read = soon(stream.read(&mut [0; 8])).await;
        assert!(read.is_err(), "a cut stream read as one that has ended");
        soon(write_until_refused(stream)).await;
    }
    let Err(opened) = soon(ends.client.open()).await else {
        panic!("a stream was opened in a closed connection");
    };
    assert_eq!(opened.kind(), ErrorKind::Closed, "{opened}");
    let Err(accepted) = soon(ends.server.accept()).await else {
        panic!("a stream was accepted from a closed connection");
    };
    assert_eq!(accepted.kind(), ErrorKind::Closed, "{accepted}");
}

/// The server may end it as well.
pub async fn a_server_that_closes_tells_its_client(world: World) {
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    soon(exchange(near, far, 1, 1000)).await;
    ends.server.close().await;
    let told = soon(ends.client.closed()).await;
    assert_eq!(told.kind(), ErrorKind::Closed, "{told}");
}

/// Whoever waits when the connection ends is woken, whatever they wait for.
pub async fn everybody_who_waits_learns_of_the_end(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    let close = async {
        sleep(S).await;
        ends.client.close().await;
    };
    let (mut near_byte, mut far_byte) = ([0; 1], [0; 1]);
    let woken = async {
        tokio::join!(
            near.read(&mut near_byte),
            far.read(&mut far_byte),
            ends.server.accept(),
            ends.server.closed(),
            ends.client.closed(),
            close,
        )
    };
    let (here, there, accepted, ..) = soon(woken).await;
    assert!(here.is_err() && there.is_err() && accepted.is_err());
}

/// Both sides say goodbye at once.
pub async fn closing_twice_and_closing_what_the_peer_closed_returns_at_once(world: World) {
    let ends = world.connected().await;
    ends.client.close().await;
    soon(ends.server.closed()).await;
    let asked = Instant::now();
    ends.client.close().await;
    ends.server.close().await;
    assert!(asked.elapsed() <= 10 * MS, "{:?}", asked.elapsed());
}

/// `exit` in a hurry: the process ends right behind the word.
pub async fn the_goodbye_goes_out_although_the_connection_is_dropped_at_once(world: World) {
    let ends = world.connected().await;
    ends.client.close().await;
    drop(ends.client);
    let told = soon(ends.server.closed()).await;
    assert_eq!(told.kind(), ErrorKind::Closed, "{told}");
}

/// `~.` in a tunnel: nobody waits for a path.
pub async fn closing_in_the_dark_takes_no_longer_than_a_second(world: World) {
    let ends = world.connected().await;
    let (mut near, _far) = ends.pair().await;
    world.set_dark(true);
    let _ = timeout(5 * S, near.write_all(&[0; 300_000])).await;
    world.client_pipe.clock().stop();
    sleep(3600 * S).await;
    let asked = Instant::now();
    ends.client.close().await;
    assert!(asked.elapsed() <= S + 10 * MS, "{:?}", asked.elapsed());
    assert_eq!(ends.client.closed().await.kind(), ErrorKind::Closed);
}

/// A client that is killed, a laptop that is shut: the session is to run on.
pub async fn dropping_a_connection_is_an_outage_and_no_goodbye(world: World) {
    let ends = world.connected().await;
    let (near, mut far) = ends.pair().await;
    drop(ends.client);
    drop(near);
    let told = timeout(3600 * S, ends.server.closed()).await;
    assert!(told.is_err(), "the server was told: {told:?}");
    let read = timeout(3600 * S, far.read(&mut [0; 8])).await;
    assert!(read.is_err(), "a stream of the gone client ended: {read:?}");
}

/// What is left in somebody's hands must not look alive.
pub async fn streams_that_outlive_their_connection_fail(world: World) {
    let ends = world.connected().await;
    let (mut near, _far) = ends.pair().await;
    drop(ends.client);
    let read = soon(near.read(&mut [0; 8])).await;
    assert!(
        read.is_err(),
        "a stream without a connection has ended in order"
    );
    soon(write_until_refused(&mut near)).await;
}

/// The offer is for one login.
pub async fn a_listener_accepts_one_client_and_no_other(world: World) {
    let (mut listener, offer) = world.listening().await;
    let both = async { tokio::join!(world.connect(&offer), listener.accept()) };
    let (client, server) = soon(both).await;
    let (_client, _server) = (client.unwrap(), server.unwrap());
    let Err(again) = soon(listener.accept()).await else {
        panic!("a listener accepted twice");
    };
    assert_eq!(again.kind(), ErrorKind::Closed, "{again}");
}

/// `~.` while the path is known to be dead, and what waits for it leaves no room.
pub async fn closing_takes_no_longer_than_a_second_where_the_path_has_no_room(world: World) {
    let ends = world.connected().await;
    let (near, _far) = ends.pair().await;
    let mut table = (*world.client_pipe.table()).clone();
    table.dark = true;
    world.client_pipe.publish(table);
    let mut writer = near.writer;
    for _ in 0..20 {
        let _ = timeout(S, writer.write_all(&[0; 1400])).await;
        // Each finds the pipe fuller than the one before.
        sleep(S).await;
    }
    let asked = Instant::now();
    ends.client.close().await;
    assert!(asked.elapsed() <= S + MS, "{:?}", asked.elapsed());
}

/// A laptop that was shut in the middle of a login.
pub async fn a_handshake_waits_out_an_outage_of_hours(world: World) {
    let (mut listener, offer) = world.listening().await;
    world.set_dark(true);
    let outage = async {
        sleep(4 * S).await;
        world.client_pipe.clock().stop();
        sleep(8 * 3600 * S).await;
        world.set_dark(false);
        world.client_pipe.clock().start(4 * S);
        Instant::now()
    };
    let near = async {
        let client = world.connect(&offer).await.unwrap();
        let mut stream = client.open().await.unwrap();
        stream.write_all(b"x").await.unwrap();
        (client, stream)
    };
    let far = async {
        let server = listener.accept().await.unwrap();
        let mut stream = server.accept().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        Instant::now()
    };
    let all = async { tokio::join!(near, far, outage) };
    let done = timeout(9 * 3600 * S, all).await;
    let (_near, came, back) = done.expect("the handshake did not outlive the outage");
    assert!(came - back < S, "{:?}", came - back);
}

/// A client that is killed sends nothing from then on.
pub async fn a_connection_that_is_dropped_sends_nothing(world: World) {
    let ends = world.connected().await;
    let (near, _far) = ends.pair().await;
    // Until the last acknowledgement has gone out.
    sleep(S).await;
    let sent = world.air().sent(Direction::There);
    drop(ends.client);
    drop(near);
    sleep(60 * S).await;
    assert_eq!(world.air().sent(Direction::There), sent);
}
