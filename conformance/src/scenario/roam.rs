//! The client moves: the transport sees nothing of it but packets that are lost, late or too large.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tssh_core::transport::{Priority, Stream};

use super::{MS, S};
use crate::pattern::exchange;
use crate::rig::{World, soon};
use crate::roaming::{CAFE, HOME, ROAMING_RTT, Roaming};
use crate::weather::Weather;

/// From one network to another and back, in the middle of a file both ways.
pub async fn a_file_survives_moves_from_network_to_network(world: World) {
    let roaming = world.roaming().await;
    roaming.network.change(slow);
    let moves = async {
        for round in 0..6u32 {
            sleep(500 * MS + round * 91 * MS).await;
            roaming
                .move_to(if round % 2 == 0 { CAFE } else { HOME })
                .await;
        }
    };
    file(&roaming, moves).await;
}

/// A translator that forgets the client and shows it at another port: nobody is told.
pub async fn a_file_survives_a_translator_that_forgets(world: World) {
    let roaming = world.roaming().await;
    roaming.network.change(slow);
    let forget = async {
        for address in [HOME, CAFE, CAFE] {
            sleep(900 * MS).await;
            roaming.network.translate(address);
            roaming.handle_typed();
        }
    };
    file(&roaming, forget).await;
}

/// From Wi-Fi to a phone: the round trip is ten times as long.
pub async fn a_file_survives_a_move_to_a_path_ten_times_as_long(world: World) {
    let roaming = world.roaming().await;
    roaming.network.change(slow);
    let moves = async {
        sleep(S).await;
        roaming.network.change(|weather| weather.delay *= 10);
        roaming.move_to(CAFE).await;
        sleep(5 * S).await;
        roaming.network.change(|weather| weather.delay /= 10);
        roaming.move_to(HOME).await;
    };
    file(&roaming, moves).await;
}

/// Into a VPN: packets of the size that passed at home vanish there.
pub async fn a_file_survives_a_move_to_a_path_of_smaller_packets(world: World) {
    let roaming = world.roaming().await;
    roaming.network.change(slow);
    let moves = async {
        sleep(S).await;
        roaming.network.change(|weather| weather.mtu = 1250);
        roaming.move_to(CAFE).await;
    };
    file(&roaming, moves).await;
}

/// A key that is typed when the client has just moved.
pub async fn a_key_after_a_move_has_its_echo_at_once(world: World) {
    let roaming = world.roaming().await;
    let (mut near, mut far) = roaming.ends.pair().await;
    for address in [CAFE, HOME, CAFE] {
        sleep(3 * S + world.seed as u32 * 41 % 180 * MS).await;
        roaming.learn_rtt();
        roaming.move_to(address).await;
        echo(&roaming, &mut near, &mut far).await;
    }
}

/// A key that is typed when a translator has just forgotten the client.
pub async fn a_key_after_a_translator_forgot_has_its_echo_at_once(world: World) {
    let roaming = world.roaming().await;
    let (mut near, mut far) = roaming.ends.pair().await;
    for address in [HOME, CAFE, HOME] {
        sleep(3 * S + world.seed as u32 * 41 % 180 * MS).await;
        roaming.learn_rtt();
        roaming.network.translate(address);
        echo(&roaming, &mut near, &mut far).await;
    }
}

/// A key that is typed when Wi-Fi has just died, of which the system knows nothing, beside a phone that
/// works.
pub async fn a_key_in_a_network_that_died_silently_comes_over_another(world: World) {
    let roaming = world.roaming_as(true).await;
    let (mut near, mut far) = roaming.ends.pair().await;
    let both = [HOME, CAFE];
    roaming.network.set_addresses(&both);
    for dead in [HOME, CAFE, HOME] {
        sleep(3 * S + world.seed as u32 * 41 % 180 * MS).await;
        roaming.learn_rtt();
        roaming.network.set_dead(&[dead]);
        echo_within(LIMIT_BESIDE, &roaming, &mut near, &mut far).await;
        roaming.network.take_flows();
        echo(&roaming, &mut near, &mut far).await;
        let flows = roaming.network.take_flows();
        assert!(
            flows
                .iter()
                .any(|flow| both.contains(&flow.ip()) && flow.ip() != dead)
        );
    }
}

async fn file(roaming: &Roaming, events: impl Future<Output = ()>) {
    let (near, far) = roaming.ends.pair().await;
    roaming.learn_rtt();
    let all = async { tokio::join!(exchange(near, far, 1, FILE), events) };
    let done = timeout(60 * S, all).await;
    done.expect("the file did not come within a minute");
}

async fn echo(roaming: &Roaming, near: &mut Stream, far: &mut Stream) {
    echo_within(LIMIT, roaming, near, far).await;
}

async fn echo_within(limit: Duration, roaming: &Roaming, near: &mut Stream, far: &mut Stream) {
    near.writer.set_priority(Priority::Interactive);
    far.writer.set_priority(Priority::Interactive);
    let typed = Instant::now();
    roaming.handle_typed();
    near.write_all(b"k").await.unwrap();
    near.flush().await.unwrap();
    assert_eq!(soon(far.read_u8()).await.unwrap(), b'k');
    far.write_all(b"k").await.unwrap();
    far.flush().await.unwrap();
    assert_eq!(soon(near.read_u8()).await.unwrap(), b'k');
    let took = typed.elapsed();
    assert!(took <= limit, "an echo took {took:?}");
}

fn slow(weather: &mut Weather) {
    weather.rate = Some(400_000);
    weather.queue = 24_000;
}

/// Bytes each way: five seconds of the path.
const FILE: usize = 2_000_000;

/// The design's bound for moves over UDP.
const LIMIT: Duration = ROAMING_RTT.saturating_add(Duration::from_millis(150));

/// The same where the network that the system prefers has the time of an answer first.
const LIMIT_BESIDE: Duration = ROAMING_RTT.saturating_mul(2).saturating_add(LIMIT);
