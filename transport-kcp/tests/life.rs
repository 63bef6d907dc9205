//! What counts as a sign of life of the peer: what opens, and what was not heard before.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod rig;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tssh_conformance::Direction;

use rig::{Rig, soon};

#[tokio::test(start_paused = true)]
async fn every_new_packet_is_a_sign_of_life_and_a_replayed_or_forged_one_is_none() {
    let rig = Rig::fair(1).await;
    let heard = || rig.server_pipe.activity().heard_at();
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"1").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'1');
    sleep(Duration::from_secs(1)).await;

    rig.air.record(Direction::There, 100);
    let before = heard();
    near.write_all(b"2").await.unwrap();
    assert_eq!(soon(far.read_u8()).await.unwrap(), b'2');
    let after = heard();
    assert!(after > before);
    sleep(Duration::from_secs(1)).await;
    let after_all = heard();

    let recorded = rig.air.recorded(Direction::There);
    assert!(!recorded.is_empty());
    for packet in recorded {
        let mut bent = packet.clone();
        *bent.last_mut().unwrap() ^= 1;
        for forged in [packet, bent, vec![0x40; 44], vec![0xc0; 1200], Vec::new()] {
            rig.air.forge(Direction::There, forged);
            sleep(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(heard(), after_all);

    near.write_all(b"3").await.unwrap();
    assert_eq!(soon(far.read_u8()).await.unwrap(), b'3');
    assert!(heard() > after_all);
}

/// Both sides seal with the same key.
#[tokio::test(start_paused = true)]
async fn a_packet_that_is_sent_back_to_its_sender_is_no_sign_of_life_and_repeats_nothing() {
    let rig = Rig::fair(2).await;
    let mut near = rig.client.open().await.unwrap();
    rig.air.record(Direction::There, 100);
    near.write_all(b"1").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'1');
    sleep(Duration::from_secs(2)).await;
    let heard = rig.client_pipe.activity().heard_at();
    let recorded = rig.air.recorded(Direction::There);
    assert!(!recorded.is_empty());
    for packet in recorded {
        rig.air.forge(Direction::Back, packet);
    }
    sleep(Duration::from_secs(2)).await;
    assert_eq!(rig.client_pipe.activity().heard_at(), heard);
    far.write_all(b"2").await.unwrap();
    assert_eq!(soon(near.read_u8()).await.unwrap(), b'2');
}

#[tokio::test(start_paused = true)]
async fn auth_packets_that_reach_the_transport_change_nothing() {
    let rig = Rig::fair(3).await;
    for direction in [Direction::There, Direction::Back] {
        for filler in 0..=255u8 {
            rig.air.forge(direction, vec![filler; 44]);
        }
    }
    sleep(Duration::from_secs(1)).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"1").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'1');
}
