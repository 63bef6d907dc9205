//! Sessions while the network, the client or the server is gone.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::OpenOptions;
use tokio::time::{sleep, timeout};

use super::programs::{command, terminal, until};
use super::world::{SOON, SessionWorld};
use crate::pattern::{expect, expect_next, pattern, send};

/// A tunnel of four heartbeats, in the middle of a pipe: no byte is lost and none comes twice.
pub async fn an_outage_takes_nothing_from_a_pipe(world: SessionWorld) {
    let mut session = command(&world, "exec cat").await;
    let bytes = pattern(2, 1 << 20);
    let (before, behind) = bytes.split_at(1 << 19);
    let (written, ()) = tokio::join!(
        session.stdin.write_all(before),
        expect_next(&mut session.stdout, before)
    );
    written.unwrap();
    world.set_dark(true);
    let tunnel = async {
        sleep(TUNNEL).await;
        world.set_dark(false);
    };
    tokio::join!(
        send(&mut session.stdin, behind),
        expect(&mut session.stdout, behind),
        tunnel,
    );
    assert_eq!(session.exit.await.unwrap().code, 0);
    world.close().await;
}

/// Keys that are typed in the tunnel come, in order, when it ends.
pub async fn keys_typed_in_an_outage_come_when_it_ends(world: SessionWorld) {
    let mut session = terminal(&world, "stty raw -echo; printf ready; exec cat").await;
    until(&mut session, "ready").await;
    world.set_dark(true);
    for key in "typed in the dark".bytes() {
        world.client.handle_typed();
        session.stdin.write_all(&[key]).await.unwrap();
        sleep(TUNNEL / 20).await;
    }
    world.set_dark(false);
    // What the client's actors note for the screen stands before it.
    until(&mut session, "typed in the dark").await;
    world.client.end(session.id).await;
    world.close().await;
}

/// `kill -9` of the client: the server ends what ran for it, once its time is up. The program and its child hold a pipe,
/// whose end tells that both have ended.
pub async fn a_client_that_is_killed_is_outlived_by_nothing(world: SessionWorld) {
    let line = "stty -echo; mkfifo held; echo \"<$PWD/held>\"; \
        exec 3>held; echo holding >&3; printf ready; sleep 100 & exec sleep 100";
    let mut session = terminal(&world, line).await;
    until(&mut session, "<").await;
    let name = until(&mut session, ">").await;
    let pipe = OpenOptions::new().open_receiver(name.trim_end_matches('>'));
    let mut held = pipe.unwrap();
    until(&mut session, "ready").await;
    let mut said = [0; 8];
    held.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"holding\n");
    world.kill_client().await;
    let mut more = Vec::new();
    let ended = timeout(SOON, held.read_to_end(&mut more)).await;
    assert!(ended.is_ok(), "its program runs on");
}

/// `kill -9` of the server: the client gives up, once its time is up.
pub async fn a_server_that_is_killed_is_noticed(world: SessionWorld) {
    let mut session = terminal(&world, "printf ready; exec sleep 100").await;
    until(&mut session, "ready").await;
    world.kill_server().await;
    assert!(
        session.exit.await.is_err(),
        "a session ended that nobody ended"
    );
}

/// In real time, longer than it takes both sides to notice. Were it too short on a machine that has other work, a
/// scenario would try less, and not fail.
const TUNNEL: Duration = Duration::from_millis(2000);
