//! What is lost is sent again twice where a path loses much and could carry more, and nowhere else.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_conformance::{Air, Couple, Direction, MTU, Weather};
use tssh_transport_quic::{Config, Quic};

/// Of a hundred packets sent 20 are lost, and each of those costs one more.
#[tokio::test(start_paused = true)]
async fn where_one_packet_in_five_is_lost_each_of_them_leaves_twice_again() {
    let weather = Weather {
        loss: 0.2,
        ..Weather::fair(100 * MS)
    };
    let cost = packets_for_each_that_is_needed(weather, 20_000_000).await;
    assert!((1.4..1.55).contains(&cost), "{cost}");
}

#[tokio::test(start_paused = true)]
async fn where_one_packet_in_fifty_is_lost_nothing_leaves_twice() {
    let weather = Weather {
        loss: 0.02,
        ..Weather::fair(50 * MS)
    };
    let cost = packets_for_each_that_is_needed(weather, 20_000_000).await;
    assert!((1.0..1.03).contains(&cost), "{cost}");
}

#[tokio::test(start_paused = true)]
async fn on_a_full_path_nothing_leaves_twice_whatever_it_loses() {
    let weather = Weather {
        loss: 0.1,
        rate: Some(1_000_000),
        queue: 200_000,
        ..Weather::fair(50 * MS)
    };
    let cost = packets_for_each_that_is_needed(weather, 20_000_000).await;
    // One in nine is sent again.
    assert!((1.0..1.13).contains(&cost), "{cost}");
}

/// How many packets the server sends for each that a stream of `len` bytes fills.
async fn packets_for_each_that_is_needed(weather: Weather, len: usize) -> f64 {
    let transport = &Quic::new(Config::default().with_insecure_seed(1));
    let rig = Couple::new(transport, Air::new(weather, 1)).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"x").await.unwrap();
    let mut far = rig.server.accept().await.unwrap();
    let before = rig.air.sent(Direction::Back);
    let write = async { far.write_all(&vec![7; len]).await };
    let mut bytes = vec![0; len];
    let (written, read) = tokio::join!(write, near.read_exact(&mut bytes));
    written.unwrap();
    read.unwrap();
    let sent = rig.air.sent(Direction::Back) - before;
    let needed = len / (usize::from(MTU) - HEADS);
    sent as f64 / needed as f64
}

/// Bytes of a packet that are not the stream's: its head, the frame's, and the tag.
const HEADS: usize = 30;

const MS: Duration = Duration::from_millis(1);
