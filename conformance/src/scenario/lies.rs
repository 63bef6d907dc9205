//! Somebody on the way, who forges, cuts, bends and repeats packets: nothing panics, nothing is
//! believed, nothing grows.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tssh_core::auth::AUTH_LEN;

use super::{MS, S};
use crate::medium::Direction;
use crate::pattern::exchange;
use crate::rig::{Ends, World, soon};

/// Noise of every length, in both directions, before and after a connection is made.
pub async fn garbage_is_no_sign_of_life_and_ends_nothing(world: World) {
    let ends = world.connected().await;
    works(&ends).await;
    quiet().await;
    let noise = noise(world.seed, 600);
    unheard(&world, noise).await;
    works(&ends).await;
}

/// Noise in the middle of the handshake.
pub async fn garbage_does_not_stop_a_handshake(world: World) {
    let air = world.air().clone();
    let noise = noise(world.seed, 200);
    let forge = async {
        for packet in noise {
            air.forge(Direction::There, packet.clone());
            air.forge(Direction::Back, packet);
            sleep(MS).await;
        }
    };
    let (ends, ()) = tokio::join!(world.connected(), forge);
    works(&ends).await;
}

/// Packets of the peer, cut off at every length.
pub async fn truncated_packets_are_no_sign_of_life_and_end_nothing(world: World) {
    let ends = world.connected().await;
    let genuine = overheard(&world, &ends).await;
    let cut = genuine.iter().flat_map(|packet| {
        let step = (packet.len() / 40).max(1);
        (0..packet.len())
            .step_by(step)
            .map(|len| packet[..len].to_vec())
    });
    unheard(&world, cut.collect()).await;
    works(&ends).await;
}

/// Packets of the peer, with one bit changed in each.
pub async fn bent_packets_are_no_sign_of_life_and_end_nothing(world: World) {
    let ends = world.connected().await;
    let genuine = overheard(&world, &ends).await;
    let bent = genuine.iter().flat_map(|packet| {
        let step = (packet.len() / 40).max(1);
        (0..packet.len()).step_by(step).map(|at| {
            let mut packet = packet.clone();
            packet[at] ^= 1 << (at % 8);
            packet
        })
    });
    unheard(&world, bent.collect()).await;
    works(&ends).await;
}

/// Packets of the peer, once more: the bytes in them do not come twice, and nobody is alive by them.
pub async fn replayed_packets_are_no_sign_of_life_and_repeat_no_byte(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    world.air().record(Direction::There, 100);
    near.write_all(b"1").await.unwrap();
    assert_eq!(soon(far.read_u8()).await.unwrap(), b'1');
    sleep(2 * S).await;
    let genuine = world.air().recorded(Direction::There);
    assert!(!genuine.is_empty(), "a byte travelled in no packet");
    let heard = world.server_pipe.activity().heard_at();
    for _ in 0..3 {
        for packet in &genuine {
            world.air().forge(Direction::There, packet.clone());
            sleep(10 * MS).await;
        }
    }
    sleep(2 * S).await;
    assert_eq!(
        world.server_pipe.activity().heard_at(),
        heard,
        "a repeated packet was heard"
    );
    near.write_all(b"2").await.unwrap();
    assert_eq!(
        soon(far.read_u8()).await.unwrap(),
        b'2',
        "a byte came twice"
    );
}

/// Packets of the peer, sent back to it.
pub async fn reflected_packets_are_no_sign_of_life_and_end_nothing(world: World) {
    let ends = world.connected().await;
    let genuine = overheard(&world, &ends).await;
    let heard = world.client_pipe.activity().heard_at();
    for packet in genuine {
        world.air().forge(Direction::Back, packet);
        sleep(MS).await;
    }
    sleep(2 * S).await;
    assert_eq!(
        world.client_pipe.activity().heard_at(),
        heard,
        "its own packet was heard"
    );
    works(&ends).await;
}

/// Whoever sends noise in another's name must not make us send as much: one answer in ten at most, as
/// QUIC's resets are.
pub async fn garbage_is_seldom_answered(world: World) {
    let ends = world.connected().await;
    works(&ends).await;
    quiet().await;
    let before = [Direction::There, Direction::Back].map(|way| world.air().sent(way));
    for packet in noise(world.seed, 1000) {
        world.air().forge(Direction::There, packet.clone());
        world.air().forge(Direction::Back, packet);
        sleep(MS).await;
    }
    sleep(S).await;
    let after = [Direction::There, Direction::Back].map(|way| world.air().sent(way));
    let answers = [after[0] - before[0], after[1] - before[1]];
    assert!(
        answers.iter().all(|count| *count <= 100),
        "{answers:?} answers to 1000 packets"
    );
}

/// A path is alive by each packet that is new, and by nothing less.
pub async fn every_new_packet_is_a_sign_of_life(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    for key in b"123" {
        quiet().await;
        let before = world.server_pipe.activity().heard_at();
        near.write_all(&[*key]).await.unwrap();
        assert_eq!(soon(far.read_u8()).await.unwrap(), *key);
        let after = world.server_pipe.activity().heard_at();
        assert!(after > before, "a new packet was not heard");
    }
}

/// The pipe lets through what it takes for the transport's: packets as long as those that authenticate a path.
pub async fn authentication_packets_that_come_late_change_nothing(world: World) {
    let ends = world.connected().await;
    works(&ends).await;
    quiet().await;
    let packets = (0..=u8::MAX).map(|filler| vec![filler; AUTH_LEN]);
    unheard(&world, packets.collect()).await;
    works(&ends).await;
}

/// Packets of one byte each way, as they were on the way to the server.
async fn overheard(world: &World, ends: &Ends) -> Vec<Vec<u8>> {
    world.air().record(Direction::There, 100);
    let (near, far) = ends.pair().await;
    soon(exchange(near, far, 1, 3000)).await;
    quiet().await;
    let genuine = world.air().recorded(Direction::There);
    assert!(!genuine.is_empty(), "bytes travelled in no packet");
    genuine
}

/// Puts packets before both peers, and asserts that neither takes them for the other's.
async fn unheard(world: &World, packets: Vec<Vec<u8>>) {
    let pipes = [&world.client_pipe, &world.server_pipe];
    let heard = pipes.map(|pipe| pipe.activity().heard_at());
    for packet in packets {
        world.air().forge(Direction::There, packet.clone());
        world.air().forge(Direction::Back, packet);
        sleep(MS).await;
    }
    sleep(2 * S).await;
    let after = pipes.map(|pipe| pipe.activity().heard_at());
    assert_eq!(after, heard, "a forged packet was heard");
}

async fn works(ends: &Ends) {
    let (near, far) = ends.pair().await;
    soon(exchange(near, far, 9, 2000)).await;
}

/// Until the last acknowledgement has gone out.
async fn quiet() {
    sleep(5 * S).await;
}

/// Packets of every length, by an xorshift that starts at `seed`.
fn noise(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut random = seed | 1 << 63;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let packet = |number: usize| {
        let len = match number % 4 {
            0 => number % 64,
            _ => (next() % 1500) as usize,
        };
        (0..len).map(|_| next() as u8).collect()
    };
    (0..count).map(packet).collect()
}
