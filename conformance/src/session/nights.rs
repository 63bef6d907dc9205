//! Sessions that are cut off for eight hours.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::keys::AMOUNT;
use super::programs::{command, terminal, until};
use super::world::{SOON, SessionWorld};
use crate::pattern::{expect, expect_next, pattern, send};

/// A laptop that is closed in the middle of `tar c | ssh host cat`.
pub async fn a_pipe_rests_for_eight_hours_in_the_dark_and_loses_nothing(world: SessionWorld) {
    let mut session = command(&world, "exec cat").await;
    let bytes = pattern(5, 1 << 20);
    let (before, behind) = bytes.split_at(1 << 19);
    let read = async {
        expect_next(&mut session.stdout, before).await;
        // Bytes are on their way in both directions.
        world.spend_a_night_in_the_dark().await;
        expect(&mut session.stdout, behind).await;
    };
    tokio::join!(send(&mut session.stdin, &bytes), read);
    assert_eq!(session.exit.await.unwrap().code, 0);
    world.close().await;
}

/// What was typed as the network went, and what is typed before anybody knows that it is back.
pub async fn keys_typed_before_and_after_a_night_come_in_order(world: SessionWorld) {
    let mut session = terminal(&world, "stty raw -echo; printf ready; exec cat").await;
    until(&mut session, "ready").await;
    world.set_dark(true);
    for key in "in the evening, ".bytes() {
        world.client.handle_typed();
        session.stdin.write_all(&[key]).await.unwrap();
    }
    world.spend_a_night_in_the_dark().await;
    for key in "in the morning".bytes() {
        world.client.handle_typed();
        session.stdin.write_all(&[key]).await.unwrap();
    }
    until(&mut session, "in the evening, in the morning").await;
    // And it is as quick as before.
    world.client.handle_typed();
    session.stdin.write_all(b"!").await.unwrap();
    until(&mut session, "!").await;
    world.client.end(session.id).await;
    world.close().await;
}

/// It is dark before the client's half has left, and for eight hours more. No half comes twice, the key changes on both
/// sides in the morning, and the pipe in the middle of which it became due loses nothing.
pub async fn a_key_asked_for_as_the_night_falls_is_changed_in_the_morning(world: SessionWorld) {
    let lasting = world.key_lasts.expect("its group says so");
    let mut session = command(&world, "exec cat").await;
    let first = timeout(SOON, world.exchanges.on_both_sides(1)).await;
    first.expect("the login's key was not replaced");
    let before = world.exchanges.now();
    let asked = world.set_dark_at_next_ask();
    // A key that outlasts the bytes of a scenario grows old.
    let bytes = match lasting <= AMOUNT {
        true => pattern(7, 2 * lasting as usize),
        false => Vec::new(),
    };
    let night = async {
        if bytes.is_empty() {
            world
                .skip(async { drop(timeout(A_DAY, asked).await) })
                .await;
        } else {
            drop(timeout(SOON, asked).await);
        }
        assert!(
            world.exchanges.now().asked > before.asked,
            "nobody asked for another key"
        );
        world.spend_a_night_in_the_dark().await;
    };
    let (written, (), ()) = tokio::join!(
        session.stdin.write_all(&bytes),
        expect_next(&mut session.stdout, &bytes),
        night
    );
    written.unwrap();
    let changed = timeout(SOON, world.exchanges.on_both_sides(before.by_client + 1)).await;
    let seen = world.exchanges.now();
    assert!(changed.is_ok(), "the key was not replaced: {seen:?}");
    tokio::join!(
        send(&mut session.stdin, b"end"),
        expect(&mut session.stdout, b"end")
    );
    assert_eq!(session.exit.await.unwrap().code, 0);
    let seen = world.exchanges.now();
    assert_eq!(seen.repeated, 0, "half of a key came twice: {seen:?}");
    world.close().await;
}

/// What a key lasts at the most: see `Rig::with_keys_for`.
const A_DAY: Duration = Duration::from_secs(24 * 3600);
