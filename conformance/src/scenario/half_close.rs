//! Each direction of a stream ends by itself.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pattern::{expect, pattern, send, write_until_refused};
use crate::rig::{World, soon};

/// `sort < file`: the end of the input comes before the first byte of the output.
pub async fn a_client_that_ends_its_direction_still_hears_the_answer(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    soon(send(&mut near, b"question")).await;
    soon(expect(&mut far, b"question")).await;
    // The program takes its time, and the half-closed stream stands idle meanwhile.
    tokio::time::sleep(world.rtt()).await;
    soon(send(&mut far, b"answer")).await;
    soon(expect(&mut near, b"answer")).await;
}

/// A command that closes its output and reads on.
pub async fn a_server_that_ends_its_direction_still_hears_the_client(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    soon(send(&mut far, b"")).await;
    soon(expect(&mut near, b"")).await;
    // The client goes on later: an end that closed both directions has arrived by then.
    tokio::time::sleep(world.rtt()).await;
    soon(send(&mut near, b"more")).await;
    soon(expect(&mut far, b"more")).await;
}

/// Whoever has written all and ended the direction may drop the stream at once.
pub async fn the_end_comes_behind_the_last_byte_although_the_writer_is_gone(world: World) {
    let ends = world.connected().await;
    let (near, mut far) = ends.pair().await;
    let bytes = pattern(1, 300_000);
    let mut writer = near.writer;
    let write = async {
        send(&mut writer, &bytes).await;
        drop(writer);
    };
    soon(async { tokio::join!(write, expect(&mut far, &bytes)) }).await;
}

/// A pump that looks again finds the same end.
pub async fn an_end_that_was_read_is_read_again(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    soon(send(&mut near, b"all")).await;
    soon(expect(&mut far, b"all")).await;
    for _ in 0..3 {
        assert_eq!(soon(far.read(&mut [0; 8])).await.unwrap(), 0);
    }
}

/// Two layers that both end the direction.
pub async fn ending_a_direction_twice_is_harmless(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    soon(send(&mut near, b"all")).await;
    // Whether the second end is an error is the transport's affair.
    let _ = soon(near.shutdown()).await;
    soon(expect(&mut far, b"all")).await;
    soon(send(&mut far, b"and back")).await;
    soon(expect(&mut near, b"and back")).await;
}

/// A task that was aborted: its reader must not wait for ever.
pub async fn a_writer_that_is_dropped_ends_the_wait_of_its_reader(world: World) {
    let ends = world.connected().await;
    let (near, mut far) = ends.pair().await;
    drop(near.writer);
    let read = soon(far.read_to_end(&mut Vec::new())).await;
    read.expect("who only went away has broken nothing");
}

/// A forwarded connection that broke: what it says is broken too, or ends; what it hears goes on.
pub async fn a_direction_that_is_reset_ends_the_wait_of_its_reader_and_nothing_else(world: World) {
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    let (mut near_reader, mut near_writer) = (near.reader, near.writer);
    let (mut far_reader, mut far_writer) = (far.reader, far.writer);
    let reset = async {
        // The reader below waits already: its wait is what must end.
        tokio::time::sleep(world.rtt()).await;
        near_writer.reset();
        drop(near_writer);
    };
    let mut heard = Vec::new();
    let (read, ()) = soon(async { tokio::join!(far_reader.read_to_end(&mut heard), reset) }).await;
    if let Err(error) = read {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    soon(send(&mut far_writer, b"still here")).await;
    soon(expect(&mut near_reader, b"still here")).await;
}

/// `head -1`: the writer learns that nobody reads; the other direction is untouched.
pub async fn a_reader_that_is_dropped_stops_its_writer_and_nothing_else(world: World) {
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    let (mut near_reader, mut near_writer) = (near.reader, near.writer);
    let mut far_writer = far.writer;
    drop(far.reader);
    let refused = soon(write_until_refused(&mut near_writer)).await;
    assert_eq!(refused.kind(), ErrorKind::BrokenPipe, "{refused}");
    soon(send(&mut far_writer, b"still here")).await;
    soon(expect(&mut near_reader, b"still here")).await;
}
