//! Whatever a path does to packets, a stream is whole.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use super::{MS, S};
use crate::medium::Direction;
use crate::pattern::{exchange, expect, pattern, send};
use crate::rig::{World, soon};
use crate::weather::Weather;

/// A good network.
pub async fn one_percent_of_loss_takes_nothing_from_a_stream(world: World) {
    both_ways(&world, 1 << 20, 120 * S, |weather| weather.loss = 0.01).await;
}

/// A train.
pub async fn five_percent_of_loss_take_nothing_from_a_stream(world: World) {
    both_ways(&world, 512 << 10, 300 * S, |weather| weather.loss = 0.05).await;
}

/// A hotel.
pub async fn twenty_percent_of_loss_take_nothing_from_a_stream(world: World) {
    both_ways(&world, 128 << 10, 600 * S, |weather| weather.loss = 0.2).await;
}

/// Loss in one direction only: acknowledgements that come, of data that does not.
pub async fn loss_towards_the_server_alone_takes_nothing_from_a_stream(world: World) {
    one_way(&world, Direction::There).await;
}

/// Loss in one direction only: data that comes, and acknowledgements that do not.
pub async fn loss_towards_the_client_alone_takes_nothing_from_a_stream(world: World) {
    one_way(&world, Direction::Back).await;
}

/// Two paths at once below: every packet may overtake every other.
pub async fn packets_that_change_places_change_no_bytes(world: World) {
    both_ways(&world, 1 << 20, 120 * S, |weather| weather.jitter = 30 * MS).await;
}

/// A network that repeats a third of all packets.
pub async fn packets_that_come_twice_come_once_in_a_stream(world: World) {
    both_ways(&world, 1 << 20, 60 * S, |weather| {
        weather.duplicate = 0.3;
        weather.jitter = 5 * MS;
    })
    .await;
}

/// Wi-Fi at its edge: the time that a packet takes trebles from one to the next, in order where the
/// link keeps order.
pub async fn jitter_takes_nothing_from_a_stream(world: World) {
    both_ways(&world, 1 << 20, 120 * S, |weather| weather.jitter = 40 * MS).await;
}

/// Everything at once, through a bottleneck.
pub async fn a_storm_takes_nothing_from_a_stream(world: World) {
    both_ways(&world, 256 << 10, 600 * S, |weather| {
        *weather = Weather {
            loss: 0.1,
            duplicate: 0.05,
            jitter: 15 * MS,
            rate: Some(500_000),
            queue: 30_000,
            mtu: 1400,
            ..*weather
        };
    })
    .await;
}

/// A login in the rain: the handshake is lost in part, again and again.
pub async fn a_connection_is_made_through_twenty_percent_of_loss(world: World) {
    world.change(|weather| weather.loss = 0.2);
    let asked = Instant::now();
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    soon(exchange(near, far, 1, 1000)).await;
    assert!(asked.elapsed() < 30 * S, "{:?}", asked.elapsed());
}

/// A VPN that comes up in mid-session takes its part of every packet, without a word.
pub async fn a_path_that_takes_smaller_packets_than_before_is_survived(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    let bytes = pattern(3, 512 << 10);
    let write = async {
        let (first, rest) = bytes.split_at(100_000);
        near.write_all(first).await.unwrap();
        sleep(S).await;
        world.change(|weather| weather.mtu = 1250);
        send(&mut near.writer, rest).await;
    };
    let both = async { tokio::join!(write, expect(&mut far, &bytes)) };
    let done = timeout(60 * S, both).await;
    done.expect("half a megabyte did not come within a minute");
}

/// A tunnel below from the start: packets of the programs' default size never arrive.
pub async fn a_path_that_takes_small_packets_from_the_start_is_survived(world: World) {
    world.change(|weather| weather.mtu = 1250);
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    let done = timeout(60 * S, exchange(near, far, 1, 300_000)).await;
    done.expect("the bytes did not come within a minute");
}

/// No packet is larger than the pipe was made for.
pub async fn no_packet_is_larger_than_the_pipe_takes(world: World) {
    let limit = usize::from(world.client_pipe.mtu());
    for direction in [Direction::There, Direction::Back] {
        world.air().record(direction, 4000);
    }
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    soon(exchange(near, far, 1, 1 << 20)).await;
    for direction in [Direction::There, Direction::Back] {
        let largest = world.air().recorded(direction).iter().map(Vec::len).max();
        assert!(
            largest.is_some_and(|len| len <= limit),
            "{largest:?} bytes, of at most {limit}"
        );
    }
}

/// A queue of four seconds builds up, and is gone again: what was sent twice comes once.
pub async fn packets_that_come_seconds_late_do_no_harm(world: World) {
    let ends = world.connected().await;
    let (near, far) = ends.pair().await;
    let swell = async {
        for delay in [100, 1000, 4000, 20, 2000, 20] {
            world.change(|weather| weather.delay = delay * MS);
            sleep(3 * S).await;
        }
    };
    world.change(|weather| weather.rate = Some(300_000));
    let all = async { tokio::join!(exchange(near, far, 5, 1 << 20), swell) };
    let done = timeout(180 * S, all).await;
    done.expect("a megabyte did not come within three minutes");
}

/// A slow path, and a fast one: bulk fills what is there.
pub async fn bulk_fills_a_path_of_two_megabits(world: World) {
    let ends = world.connected().await;
    world.change(|weather| {
        weather.rate = Some(250_000);
        weather.queue = 30_000;
    });
    let (near, mut far) = ends.pair().await;
    let mut writer = near.writer;
    let flood = async { while writer.write_all(&[3; 16384]).await.is_ok() {} };
    let drain = async {
        let mut buffer = vec![0; 65536];
        let mut read = 0;
        let begun = Instant::now();
        while begun.elapsed() < 30 * S {
            read += far.read(&mut buffer).await.unwrap();
        }
        read
    };
    let read = tokio::select! {
        read = drain => read,
        () = flood => panic!("the flood ended"),
    };
    // Four fifths of what the path carries in half a minute.
    assert!(read > 6_000_000, "{read} bytes came, of 7500000");
}

async fn both_ways(world: &World, amount: usize, within: Duration, change: impl Fn(&mut Weather)) {
    let ends = world.connected().await;
    world.change(change);
    let (near, far) = ends.pair().await;
    let done = timeout(within, exchange(near, far, world.seed, amount)).await;
    assert!(
        done.is_ok(),
        "{amount} bytes each way did not come within {within:?}"
    );
}

async fn one_way(world: &World, direction: Direction) {
    let ends = world.connected().await;
    world.change_one(direction, |weather| weather.loss = 0.15);
    let (near, far) = ends.pair().await;
    let done = timeout(600 * S, exchange(near, far, world.seed, 128 << 10)).await;
    done.expect("the bytes did not come within ten minutes");
}
