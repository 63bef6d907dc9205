//! Whoever reads slowly holds back whoever writes: nothing grows, nothing is lost.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{MS, S};
use crate::pattern::{expect, expect_next, fill, pattern, send};
use crate::rig::{PATIENCE, World, soon};

/// `cat file` into a program that has stopped: memory stays bounded, whatever the file's size.
pub async fn a_reader_that_rests_holds_its_writer_back(world: World) {
    let ends = world.connected().await;
    let (near, mut far) = ends.pair().await;
    let mut writer = near.writer;
    let written = fill(&mut writer).await;
    let rest = async {
        // The end waits behind all that was taken, and not in memory beside it.
        writer.shutdown().await.unwrap();
    };
    let read = async {
        let mut heard = 0;
        let mut piece = vec![0; 16384];
        loop {
            match far.read(&mut piece).await.unwrap() {
                0 => return heard,
                count => heard += count,
            }
        }
    };
    let ((), heard) = soon(async { tokio::join!(rest, read) }).await;
    assert_eq!(heard, written);
}

/// A pager that is left open over night.
pub async fn a_reader_that_returns_after_a_night_finds_every_byte(world: World) {
    let ends = world.connected().await;
    let (near, mut far) = ends.pair().await;
    let bytes = pattern(4, 6 << 20);
    let mut writer = near.writer;
    let read = async {
        sleep(8 * 3600 * S).await;
        expect(&mut far, &bytes).await;
    };
    let both = async { tokio::join!(send(&mut writer, &bytes), read) };
    let done = timeout(9 * 3600 * S, both).await;
    done.expect("six megabytes did not come within an hour");
}

/// Both sides write before they read: each waits for the other, and neither may be lost.
pub async fn two_that_write_before_they_read_lose_nothing(world: World) {
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    let bytes = pattern(5, 1 << 20);
    let end = |stream: tssh_core::transport::Stream| {
        let (mut reader, mut writer) = (stream.reader, stream.writer);
        let bytes = &bytes;
        async move {
            let read = async {
                sleep(30 * S).await;
                expect_next(&mut reader, bytes).await;
            };
            let (written, ()) = tokio::join!(writer.write_all(bytes), read);
            written.unwrap();
            // Dropped here, the writer would take back what is still on its way.
            (reader, writer)
        }
    };
    let both = async { tokio::join!(end(near), end(far)) };
    timeout(10 * PATIENCE, both)
        .await
        .expect("both wait for ever");
}

/// A server that is busy: streams wait for it, and come in the end.
pub async fn streams_that_nobody_accepts_for_a_while_are_accepted_later(world: World) {
    let ends = world.connected().await;
    let mut opening = JoinSet::new();
    for number in 0..STREAMS {
        let client = ends.client.clone();
        opening.spawn(async move {
            let mut stream = client.open().await.unwrap();
            stream.write_all(&number.to_be_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            stream
        });
    }
    sleep(30 * S).await;
    let mut come = Vec::new();
    for _ in 0..STREAMS {
        let mut stream = soon(ends.server.accept()).await.unwrap();
        come.push(soon(stream.read_u32()).await.unwrap());
    }
    come.sort_unstable();
    assert!(
        come.into_iter().eq(0..STREAMS),
        "streams were lost or doubled"
    );
    let opened = soon(async { opening.join_all().await }).await;
    assert_eq!(opened.len(), STREAMS as usize);
}

/// A client that opens without end: what the server may be made to hold has a bound, and the next stream waits for it.
pub async fn a_stream_too_many_waits_until_others_have_ended(world: World) {
    let ends = world.connected().await;
    let mut open = Vec::new();
    while let Ok(stream) = timeout(5 * S, ends.client.open()).await {
        open.push(stream.unwrap());
        assert!(
            open.len() < 5000,
            "nothing bounds how many streams there are"
        );
    }
    let mut next = std::pin::pin!(ends.client.open());
    assert!(timeout(5 * S, &mut next).await.is_err());
    // A transport may grant room for a part of them at once.
    for mut stream in open.drain(..open.len().div_ceil(6)) {
        stream.write_all(b"x").await.unwrap();
        stream.shutdown().await.unwrap();
        drop(stream);
        drop(soon(ends.server.accept()).await.unwrap());
    }
    soon(next).await.unwrap();
}

/// A backup, and a network that breaks down: what stands in gaps is bounded too.
pub async fn bulk_at_full_speed_survives_the_sudden_loss_of_every_second_packet(world: World) {
    world.change(|weather| weather.delay = 100 * MS);
    let ends = world.connected().await;
    let (near, mut far) = ends.pair().await;
    let mut writer = near.writer;
    let bytes = pattern(6, 40 << 20);
    let (before, behind) = bytes.split_at(20 << 20);
    let receive = async {
        expect_next(&mut far, before).await;
        world.change(|weather| {
            weather.loss = 0.5;
            weather.jitter = 15 * MS;
        });
        // The loss meets the whole window, and lasts for ten round trips.
        sleep(2 * S).await;
        world.change(|weather| {
            weather.loss = 0.2;
            weather.duplicate = 0.05;
        });
        expect(&mut far, behind).await;
    };
    let both = async { tokio::join!(send(&mut writer, &bytes), receive) };
    let done = timeout(3600 * S, both).await;
    done.expect("40 megabytes did not come within an hour");
}

const STREAMS: u32 = 300;
