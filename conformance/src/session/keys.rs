//! Keys that the hosts exchange for a transport which cannot do it by itself.

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::programs::command;
use super::world::{SOON, SessionWorld};
use crate::pattern::{expect, expect_next, pattern, send};

/// The keys that the login handed over are replaced at once, and each key after them when it is used up: both sides
/// install it, in the middle of a pipe, and not a byte of that is lost.
pub async fn keys_change_on_both_sides_in_the_middle_of_a_pipe(world: SessionWorld) {
    let lasting = world.key_lasts.expect("its group says so");
    let mut session = command(&world, "exec cat").await;
    assert_eq!(
        world.exchanges.now().offered,
        [true; 2],
        "keys were declared, and none are offered"
    );
    changed(&world, 1).await;
    // A key that outlasts every scenario is replaced once only.
    let rounds = if lasting <= AMOUNT { ROUNDS } else { 0 };
    for round in 0..rounds {
        let before = world.exchanges.now();
        let bytes = pattern(round, lasting as usize);
        let (written, ()) = tokio::join!(
            session.stdin.write_all(&bytes),
            expect_next(&mut session.stdout, &bytes)
        );
        written.unwrap();
        changed(&world, before.by_client + 1).await;
    }
    tokio::join!(
        send(&mut session.stdin, b"end"),
        expect(&mut session.stdout, b"end")
    );
    assert_eq!(session.exit.await.unwrap().code, 0);
    let seen = world.exchanges.now();
    assert_eq!(seen.repeated, 0, "half of a key came twice: {seen:?}");
    world.close().await;
}

/// QUIC's keys change below: nobody asks its hosts for any.
pub async fn nothing_is_asked_for_above_a_transport_that_exchanges_its_own_keys(
    world: SessionWorld,
) {
    let mut session = command(&world, "exec cat").await;
    let bytes = pattern(4, AMOUNT as usize);
    tokio::join!(
        send(&mut session.stdin, &bytes),
        expect(&mut session.stdout, &bytes)
    );
    assert_eq!(session.exit.await.unwrap().code, 0);
    let seen = world.exchanges.now();
    assert_eq!(
        seen.offered, [false; 2],
        "keys are offered, and none were declared"
    );
    world.close().await;
}

async fn changed(world: &SessionWorld, least: u64) {
    let waited = timeout(SOON, world.exchanges.on_both_sides(least)).await;
    let seen = world.exchanges.now();
    assert!(
        waited.is_ok(),
        "the key was not replaced: {seen:?}, of at least {least} each"
    );
}

/// Keys that are used up one after the other.
const ROUNDS: u64 = 5;

/// Bytes that a scenario sends, and no more.
pub(super) const AMOUNT: u64 = 1 << 20;
