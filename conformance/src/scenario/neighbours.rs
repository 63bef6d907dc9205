//! No stream waits for another.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use tssh_core::transport::{Priority, Stream};

use super::{MS, S};
use crate::medium::Over;
use crate::pattern::{exchange, expect_next, fill, pattern};
use crate::rig::{Ends, World, soon};

/// A forwarded download that is paused, and the shell beside it.
pub async fn a_stream_that_nobody_reads_does_not_stop_its_neighbours(world: World) {
    let ends = world.connected().await;
    let (mut old_near, mut old_far) = ends.pair().await;
    let _stuck = stuck(&ends, 1).await;
    answers(&world, &mut old_near, &mut old_far).await;
    let (mut near, mut far) = ends.pair().await;
    answers(&world, &mut near, &mut far).await;
    exchange(near, far, 1, 100_000).await;
}

/// The same with several; together they must not use up what the connection may hold.
pub async fn sixteen_streams_that_nobody_reads_do_not_stop_their_neighbours(world: World) {
    let ends = world.connected().await;
    let _stuck = stuck(&ends, 16).await;
    let (mut near, mut far) = ends.pair().await;
    answers(&world, &mut near, &mut far).await;
    exchange(near, far, 1, 100_000).await;
}

/// A forwarded connection that is reset in the middle of its bytes.
pub async fn a_stream_that_is_dropped_in_full_flow_does_not_disturb_its_neighbours(world: World) {
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    let (broken_near, broken_far) = ends.pair().await;
    let bytes = pattern(8, 1 << 20);
    let broken = async {
        let (mut writer, mut reader) = (broken_near.writer, broken_far.reader);
        let cut = async {
            reader.read_exact(&mut vec![0; 50_000]).await.unwrap();
            drop(reader);
        };
        let _ = tokio::join!(writer.write_all(&bytes), cut);
    };
    let whole = exchange(near, far, 2, 1 << 20);
    soon(async { tokio::join!(broken, whole) }).await;
    drop((broken_near.reader, broken_far.writer));
    let (near, far) = ends.pair().await;
    soon(exchange(near, far, 3, 1000)).await;
}

/// A key that is typed beside a forwarded upload which fills the path.
pub async fn a_key_overtakes_bulk_that_waits_for_the_path(world: World) {
    let ends = world.connected().await;
    world.change(|weather| {
        weather.rate = Some(1_000_000);
        weather.queue = 40_000;
    });
    let (bulk, mut sink) = ends.pair().await;
    let (mut near, mut far) = ends.pair().await;
    near.writer.set_priority(Priority::Interactive);
    let mut writer = bulk.writer;
    writer.set_priority(Priority::Bulk);
    let flood = async { while writer.write_all(&[0; 65536]).await.is_ok() {} };
    let drain = async {
        let mut buffer = vec![0; 65536];
        while sink.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    let keys = async {
        let mut waits = Vec::new();
        for _ in 0..20 {
            sleep(S + 77 * MS).await;
            let typed = Instant::now();
            near.write_all(b"k").await.unwrap();
            near.flush().await.unwrap();
            assert_eq!(soon(far.read_u8()).await.unwrap(), b'k');
            waits.push(typed.elapsed());
        }
        waits
    };
    let waits = tokio::select! {
        waits = keys => waits,
        _ = async { tokio::join!(flood, drain) } => panic!("the flood ended"),
    };
    // The way there, the queue of the bottleneck (40 ms), and what was let go just before: more where a buffer of
    // the system stands before the path.
    let ahead = if world.over == Over::Udp { 80 } else { 130 };
    let limit = world.rtt() / 2 + ahead * MS;
    assert!(waits.iter().all(|wait| *wait <= limit), "{waits:?}");
}

/// The halves of a stream live in two tasks: one that waits does not hold the other.
pub async fn the_halves_of_a_stream_do_not_wait_for_each_other(world: World) {
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    let (mut near_reader, mut near_writer) = (near.reader, near.writer);
    fill(&mut near_writer).await;
    let (mut far_reader, mut far_writer) = (far.reader, far.writer);
    soon(far_writer.write_all(b"back")).await.unwrap();
    soon(expect_next(&mut near_reader, b"back")).await;
    assert!(soon(far_reader.read(&mut [0; 64])).await.unwrap() > 0);
}

/// Streams into which as much was written as they take, and from which nobody reads.
async fn stuck(ends: &Ends, count: usize) -> Vec<(Stream, Stream)> {
    let mut stuck = Vec::new();
    for _ in 0..count {
        let (mut near, far) = ends.pair().await;
        fill(&mut near.writer).await;
        stuck.push((near, far));
    }
    stuck
}

/// A byte goes there and back at the speed of the path.
async fn answers(world: &World, near: &mut Stream, far: &mut Stream) {
    let asked = Instant::now();
    near.write_all(b"?").await.unwrap();
    near.flush().await.unwrap();
    assert_eq!(soon(far.read_u8()).await.unwrap(), b'?');
    far.write_all(b"!").await.unwrap();
    far.flush().await.unwrap();
    assert_eq!(soon(near.read_u8()).await.unwrap(), b'!');
    let took = asked.elapsed();
    assert!(took <= world.rtt() + 20 * MS, "an answer took {took:?}");
}
