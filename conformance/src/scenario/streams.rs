//! Streams carry bytes: all of them, once, in order, both ways.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tssh_core::transport::ErrorKind;

use super::{MS, S};
use crate::pattern::{exchange, expect, expect_next, pattern, send};
use crate::rig::{PATIENCE, World, soon};

/// A tar archive, a file: megabytes at full speed, both directions at once.
pub async fn bytes_arrive_as_they_were_sent_both_ways(world: World) {
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    let exchanged = exchange(near, far, world.seed, 3 << 20);
    let exchanged = timeout(30 * PATIENCE, exchanged).await;
    exchanged.expect("three megabytes did not come within half an hour");
}

/// Reads and writes of every size: nothing depends on how bytes are cut.
pub async fn bytes_written_in_pieces_of_every_size_arrive_in_order(world: World) {
    let ends = world.connected().await;
    let (near, mut far) = ends.pair().await;
    let bytes = pattern(7, 400_000);
    let mut writer = near.writer;
    let write = async {
        let mut rest = &bytes[..];
        let mut size = 1;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(size.min(rest.len()));
            writer.write_all(piece).await.unwrap();
            rest = behind;
            size = size * 7 % 9973 + 1;
        }
        writer.shutdown().await.unwrap();
    };
    let read = async {
        let mut heard = Vec::new();
        let mut size = 3;
        loop {
            let mut piece = vec![0; size];
            let count = far.read(&mut piece).await.unwrap();
            if count == 0 {
                break;
            }
            heard.extend_from_slice(&piece[..count]);
            size = size * 5 % 4999 + 1;
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

/// A key that is typed: no transport waits for a second byte, for a timer or for a full packet.
pub async fn a_byte_arrives_without_waiting_for_another(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    for key in 0..20 {
        // The user types unevenly, so that each key meets the transport's timers at another moment.
        tokio::time::sleep(key * 37 * MS).await;
        for (writer, reader) in [(&mut near, &mut far)] {
            let typed = Instant::now();
            writer.write_all(&[7]).await.unwrap();
            writer.flush().await.unwrap();
            assert_eq!(soon(reader.read_u8()).await.unwrap(), 7);
            on_time(&world, typed);
            let typed = Instant::now();
            reader.write_all(&[8]).await.unwrap();
            reader.flush().await.unwrap();
            assert_eq!(soon(writer.read_u8()).await.unwrap(), 8);
            on_time(&world, typed);
        }
    }
}

/// A command without input and output.
pub async fn a_stream_without_bytes_ends_on_both_sides(world: World) {
    let ends = world.connected().await;
    for _ in 0..10 {
        let (near, far) = ends.pair().await;
        let empty = |stream: tssh_core::transport::Stream| async move {
            let (mut reader, mut writer) = (stream.reader, stream.writer);
            tokio::join!(send(&mut writer, b""), expect(&mut reader, b""));
        };
        soon(async { tokio::join!(empty(near), empty(far)) }).await;
    }
}

/// Forwarded connections: a hundred at once, each with bytes of its own.
pub async fn a_hundred_streams_at_once_keep_their_bytes_apart(world: World) {
    let ends = world.connected().await;
    let mut exchanges = JoinSet::new();
    for kind in 0..100 {
        let (near, far) = ends.pair().await;
        exchanges.spawn(exchange(near, far, kind, 6000));
    }
    soon(async { while let Some(Ok(())) = exchanges.join_next().await {} }).await;
    assert!(exchanges.is_empty(), "a stream had bytes of another");
}

/// A browser behind a forward: what streams cost is given back when they end.
pub async fn streams_come_and_go_by_the_thousand(world: World) {
    let ends = world.connected().await;
    for round in 0..3000 {
        let (near, far) = ends.pair().await;
        let (mut near_reader, mut near_writer) = (near.reader, near.writer);
        let (mut far_reader, mut far_writer) = (far.reader, far.writer);
        let word = u32::to_be_bytes(round);
        near_writer.write_all(&word).await.unwrap();
        soon(expect_next(&mut far_reader, &word)).await;
        far_writer.shutdown().await.unwrap();
        near_writer.shutdown().await.unwrap();
        soon(expect(&mut near_reader, b"")).await;
    }
}

/// The far side of a bulk stream that comes back in pieces: request, answer, request, answer.
pub async fn questions_and_answers_alternate_on_one_stream(world: World) {
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    let (mut near_reader, mut near_writer) = (near.reader, near.writer);
    let (mut far_reader, mut far_writer) = (far.reader, far.writer);
    for round in 0..50 {
        let question = pattern(round, 1 + (round as usize * 331) % 9000);
        let answer = pattern(round + 1000, 1 + (round as usize * 977) % 9000);
        let asked = async {
            near_writer.write_all(&question).await.unwrap();
            expect_next(&mut near_reader, &answer).await;
        };
        let answered = async {
            expect_next(&mut far_reader, &question).await;
            far_writer.write_all(&answer).await.unwrap();
        };
        soon(async { tokio::join!(asked, answered) }).await;
    }
}

fn on_time(world: &World, typed: Instant) {
    let took = typed.elapsed();
    assert!(
        took <= world.rtt() / 2 + 5 * MS,
        "a byte took {took:?}, of which the way is {:?}",
        world.rtt() / 2
    );
    assert!(took < S);
}

/// Who may begin what is agreed: a peer that does otherwise is told so.
pub async fn only_the_client_opens_and_only_the_server_accepts(world: World) {
    let ends = world.connected().await;
    let Err(opened) = soon(ends.server.open()).await else {
        panic!("the server opened a stream");
    };
    let Err(accepted) = soon(ends.client.accept()).await else {
        panic!("the client accepted a stream");
    };
    for (refused, who) in [(opened, "client"), (accepted, "server")] {
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
        let said = refused.to_string();
        assert!(said.contains(who), "it does not say who may: {said}");
    }
}
