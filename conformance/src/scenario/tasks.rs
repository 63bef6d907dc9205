//! No task is left behind.

use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{S, no_task_left};
use crate::pattern::exchange;
use crate::rig::{World, soon};

/// A client that leaves with `exit`.
pub async fn no_task_outlives_a_closed_connection(world: World) {
    let before = Handle::current().metrics().num_alive_tasks();
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    soon(exchange(near, far, 1, 10_000)).await;
    ends.client.close().await;
    soon(ends.server.closed()).await;
    ends.server.close().await;
    drop(ends);
    no_task_left(before).await;
}

/// A client that leaves without a word, in the middle of its bytes.
pub async fn no_task_outlives_a_dropped_connection(world: World) {
    let before = Handle::current().metrics().num_alive_tasks();
    let ends = world.connected().await;
    let (mut near, far) = ends.pair().await;
    let (unused_near, unused_far) = ends.pair().await;
    let _ = timeout(S, near.write_all(&[0; 1 << 20])).await;
    drop(ends);
    drop((near, far, unused_near, unused_far));
    no_task_left(before).await;
}

/// The same while the path clock stands still: no timer comes to the rescue.
pub async fn no_task_outlives_a_connection_dropped_in_the_dark(world: World) {
    let before = Handle::current().metrics().num_alive_tasks();
    let ends = world.connected().await;
    let (mut near, far) = ends.pair().await;
    world.set_dark(true);
    let _ = timeout(S, near.write_all(&[0; 1 << 20])).await;
    world.client_pipe.clock().stop();
    world.server_pipe.clock().stop();
    drop((near, far));
    drop(ends);
    no_task_left(before).await;
}

/// A server whose client never came.
pub async fn no_task_outlives_a_listener_that_nobody_called(world: World) {
    let before = Handle::current().metrics().num_alive_tasks();
    let (mut listener, _) = world.listening().await;
    let accepted = timeout(60 * S, listener.accept()).await;
    assert!(accepted.is_err(), "a client came from nowhere");
    drop((accepted, listener));
    no_task_left(before).await;
}
