//! Every future may be dropped at any await: nothing is lost, nothing is held.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{MS, no_task_left};
use crate::pattern::{exchange, expect, pattern};
use crate::rig::{DELAY, World, soon};

/// A `select!` that opens a stream and loses the race, over and over.
pub async fn an_abandoned_open_holds_no_place(world: World) {
    let ends = world.connected().await;
    let server = ends.server.clone();
    let mut accepting = JoinSet::new();
    accepting.spawn(async move { while server.accept().await.is_ok() {} });
    for _ in 0..3000 {
        // Whether it opened or was dropped: the stream is gone.
        let _ = timeout(Duration::ZERO, ends.client.open()).await;
        sleep(MS).await;
    }
    accepting.shutdown().await;
    // Streams that were dropped may still be waiting to be accepted: they have no first byte.
    let mut near = soon(ends.client.open()).await.unwrap();
    near.write_all(b"found").await.unwrap();
    let found = async {
        loop {
            let mut far = ends.server.accept().await.unwrap();
            let mut word = [0; 5];
            if far.read_exact(&mut word).await.is_ok() && word == *b"found" {
                return;
            }
        }
    };
    soon(found).await;
}

/// A server that does other things between two streams.
pub async fn an_abandoned_accept_loses_no_stream(world: World) {
    let ends = world.connected().await;
    let client = ends.client.clone();
    let open = async {
        let mut streams = Vec::new();
        for number in 0..60u8 {
            let mut stream = client.open().await.unwrap();
            stream.write_all(&[number]).await.unwrap();
            sleep(Duration::from_micros(u64::from(number) * 67)).await;
            streams.push(stream);
        }
        streams
    };
    let accept = async {
        let mut come = Vec::new();
        while come.len() < 60 {
            let patience = Duration::from_micros(137 + come.len() as u64 * 61);
            if let Ok(stream) = timeout(patience, ends.server.accept()).await {
                come.push(stream.unwrap().read_u8().await.unwrap());
            }
        }
        come.sort_unstable();
        come
    };
    let (_streams, come) = soon(async { tokio::join!(open, accept) }).await;
    assert!(come.into_iter().eq(0..60), "streams were lost or doubled");
}

/// A pump that looks at its other sources between two reads.
pub async fn an_abandoned_read_loses_no_byte(world: World) {
    let ends = world.connected().await;
    let (near, mut far) = ends.pair().await;
    let bytes = pattern(11, 200_000);
    let mut writer = near.writer;
    let write = async {
        for piece in bytes.chunks(1771) {
            writer.write_all(piece).await.unwrap();
            sleep(MS).await;
        }
        writer.shutdown().await.unwrap();
    };
    let read = async {
        let mut heard = Vec::new();
        let mut piece = [0; 999];
        loop {
            let patience = Duration::from_micros(1 + heard.len() as u64 % 1900);
            match timeout(patience, far.read(&mut piece)).await {
                Ok(Ok(0)) => break,
                Ok(count) => heard.extend_from_slice(&piece[..count.unwrap()]),
                Err(_) => {}
            }
        }
        assert!(
            heard == bytes,
            "{} of {} bytes, or others",
            heard.len(),
            bytes.len()
        );
    };
    soon(async { tokio::join!(write, read) }).await;
}

/// A write that did not happen has taken nothing; one that happened says how much.
pub async fn an_abandoned_write_loses_and_doubles_no_byte(world: World) {
    let ends = world.connected().await;
    let (near, mut far) = ends.pair().await;
    let bytes = pattern(12, 8 << 20);
    let mut writer = near.writer;
    let write = async {
        let mut at = 0;
        while at < bytes.len() {
            let patience = Duration::from_micros(1 + at as u64 % 1700);
            if let Ok(count) = timeout(patience, writer.write(&bytes[at..])).await {
                at += count.unwrap();
            }
        }
        writer.shutdown().await.unwrap();
    };
    let read = async {
        sleep(50 * MS).await;
        expect(&mut far, &bytes).await;
    };
    soon(async { tokio::join!(write, read) }).await;
}

/// Waiting for the end may be begun as often as one likes.
pub async fn an_abandoned_wait_for_the_end_ends_nothing(world: World) {
    let ends = world.connected().await;
    for _ in 0..100 {
        assert!(timeout(MS, ends.client.closed()).await.is_err());
        assert!(timeout(MS, ends.server.closed()).await.is_err());
    }
    let (near, far) = ends.pair().await;
    soon(exchange(near, far, 1, 10_000)).await;
}

/// Ctrl-C at any moment of the handshake: nothing of it stays behind, on either side.
pub async fn an_abandoned_handshake_leaves_no_task(world: World) {
    let before = Handle::current().metrics().num_alive_tasks();
    for step in 0..12 {
        let (mut listener, offer) = world.listening().await;
        let both = async { tokio::join!(world.connect(&offer), listener.accept()) };
        let ends = timeout(step * DELAY / 3, both).await;
        drop((ends, listener));
        no_task_left(before).await;
    }
}

/// A client whose first attempt was given up while its server did not answer.
pub async fn a_second_attempt_does_not_wait_behind_an_abandoned_one(world: World) {
    let (mut listener, offer) = world.listening().await;
    world.change_one(crate::Direction::Back, |weather| weather.dark = true);
    let accept = listener.accept();
    let attempts = async {
        let first = world.connect(&offer);
        // A transport without a handshake has connected already.
        drop(timeout(2000 * MS, first).await);
        world.change_one(crate::Direction::Back, |weather| weather.dark = false);
        let client = world.connect(&offer).await.unwrap();
        let mut stream = client.open().await.unwrap();
        stream.write_all(b"second").await.unwrap();
        (client, stream)
    };
    let served = async {
        let server = accept.await.unwrap();
        let mut word = [0; 6];
        let mut stream = server.accept().await.unwrap();
        stream.read_exact(&mut word).await.unwrap();
        (server, word)
    };
    let (_client, (_server, word)) = soon(async { tokio::join!(attempts, served) }).await;
    assert_eq!(word, *b"second");
}
