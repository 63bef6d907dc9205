//! The weather and the air themselves.

use std::io::IoSliceMut;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_core::clock::now;
use tssh_core::transport::{Link, RecvMeta, Transmit};

use crate::{Air, AirLink, Direction, Fate, Sky, Weather, framed, tubes};

#[test]
fn one_seed_gives_one_story_and_another_seed_another() {
    let t0 = Instant::now();
    let story = |seed| -> Vec<Fate> {
        let mut sky = Sky::new(stormy(), seed);
        (0..500)
            .map(|at| sky.handle_packet(1200, t0 + at * MS))
            .collect()
    };
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
}

#[test]
fn as_much_is_lost_and_doubled_as_the_weather_says() {
    let t0 = Instant::now();
    let mut sky = Sky::new(stormy(), 3);
    let fates: Vec<_> = (0..10_000).map(|_| sky.handle_packet(1200, t0)).collect();
    let lost = fates.iter().filter(|fate| fate.arrives.is_none()).count();
    let doubled = fates.iter().filter(|fate| fate.again.is_some()).count();
    assert!((1900..2100).contains(&lost), "{lost}");
    assert!((720..880).contains(&doubled), "{doubled}");
    let window = t0 + 20 * MS..t0 + 30 * MS;
    let mut arrivals = fates.iter().filter_map(|fate| fate.arrives);
    assert!(arrivals.all(|at| window.contains(&at)));
}

#[test]
fn a_bottleneck_spaces_packets_and_loses_what_its_queue_cannot_hold() {
    let t0 = Instant::now();
    let weather = Weather {
        rate: Some(1_000_000),
        queue: 3000,
        ..Weather::fair(20 * MS)
    };
    let mut sky = Sky::new(weather, 4);
    let arrivals: Vec<_> = (0..4)
        .map(|_| sky.handle_packet(1000, t0).arrives)
        .collect();
    assert_eq!(
        arrivals,
        [
            Some(t0 + 21 * MS),
            Some(t0 + 22 * MS),
            Some(t0 + 23 * MS),
            None
        ]
    );
    let later = t0 + 100 * MS;
    assert_eq!(
        sky.handle_packet(1000, later).arrives,
        Some(later + 21 * MS)
    );
}

#[test]
fn packets_above_the_mtu_vanish() {
    let t0 = Instant::now();
    let weather = Weather {
        mtu: 1280,
        ..Weather::fair(MS)
    };
    let mut sky = Sky::new(weather, 5);
    assert_eq!(sky.handle_packet(1280, t0).arrives, Some(t0 + MS));
    assert_eq!(sky.handle_packet(1281, t0), Fate::default());
}

#[tokio::test(start_paused = true)]
async fn packets_of_a_batch_arrive_one_by_one_after_the_delay() {
    let air = Air::new(Weather::fair(20 * MS), 6);
    let sent_at = now();
    send(&air.near(), b"aabbc", Some(2));
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.extend(receive(&air.far()).await);
    }
    assert_eq!(now() - sent_at, 20 * MS);
    assert_eq!(heard, [b"aa".to_vec(), b"bb".to_vec(), b"c".to_vec()]);
    assert_eq!(
        (air.sent(Direction::There), air.sent(Direction::Back)),
        (3, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn darkness_takes_what_is_on_its_way() {
    let air = Air::new(Weather::fair(20 * MS), 7);
    send(&air.near(), b"before", None);
    air.set_dark(true);
    send(&air.near(), b"during", None);
    air.set_dark(false);
    send(&air.near(), b"after", None);
    assert_eq!(receive(&air.far()).await, [b"after".to_vec()]);
}

#[tokio::test(start_paused = true)]
async fn packets_that_hold_up_those_behind_them_arrive_in_order_and_late() {
    let weather = Weather {
        jitter: 10 * MS,
        in_order: true,
        ..Weather::fair(20 * MS)
    };
    let mut sky = Sky::new(weather, 8);
    let began = now();
    let arrivals: Vec<_> = (0..100u32)
        .map(|at| sky.handle_packet(100, began + at * MS).arrives.unwrap())
        .collect();
    assert!(arrivals.is_sorted());
    assert!(arrivals[99] <= began + 129 * MS);
    let wait: Duration = (0..100u32)
        .map(|at| arrivals[at as usize] - (began + at * MS))
        .sum();
    assert!(wait / 100 > 26 * MS, "{:?}", wait / 100);
}

fn stormy() -> Weather {
    Weather {
        jitter: 10 * MS,
        loss: 0.2,
        duplicate: 0.1,
        ..Weather::fair(20 * MS)
    }
}

fn send(link: &AirLink, contents: &[u8], segment_size: Option<usize>) {
    link.try_send(&Transmit {
        destination: ([192, 0, 2, 2], 2).into(),
        ecn: None,
        contents,
        segment_size,
        src_ip: None,
    })
    .unwrap();
}

async fn receive(link: &AirLink) -> Vec<Vec<u8>> {
    let mut buffers = [[0; 64]; 2];
    let mut meta = [RecvMeta::default(); 2];
    let filled = {
        let mut bufs = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
        std::future::poll_fn(|cx| link.poll_recv(cx, &mut bufs, &mut meta))
            .await
            .unwrap()
    };
    let packets = buffers.iter().zip(&meta).take(filled);
    packets
        .map(|(buffer, meta)| buffer[..meta.len].to_vec())
        .collect()
}

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn bytes_of_a_tube_arrive_in_order_after_the_delay_and_no_more_than_it_holds() {
    let weather = Weather {
        queue: 5000,
        jitter: 10 * MS,
        ..Weather::fair(20 * MS)
    };
    let (mut near, mut far) = tubes(weather, 700, 9);
    let sent: Vec<u8> = (0..20_000u32).map(|at| (at / 3) as u8).collect();
    let began = now();
    let taken = near.write(&sent).await.unwrap();
    assert_eq!(taken, 5000);
    assert_eq!(near.room(), 0);
    let mut heard = vec![0; sent.len()];
    let (written, read) = tokio::join!(near.write_all(&sent[taken..]), far.read_exact(&mut heard));
    written.unwrap();
    read.unwrap();
    assert!(heard == sent);
    // Four times what it holds: four ways there at the least.
    assert!(now() - began >= 80 * MS, "{:?}", now() - began);
}

#[tokio::test(start_paused = true)]
async fn packets_over_a_tube_arrive_whole_and_a_full_tube_takes_none() {
    let weather = Weather {
        queue: 4000,
        ..Weather::fair(20 * MS)
    };
    let (near, far) = tubes(weather, 3, 10);
    let peer = (std::net::Ipv4Addr::LOCALHOST, 1).into();
    let (near, far) = (framed(near, None, peer), framed(far, None, peer));
    let packet = |fill: u8| vec![fill; 1300];
    let send = |packet: &[u8]| {
        near.try_send(&Transmit {
            destination: peer,
            ecn: None,
            contents: packet,
            segment_size: None,
            src_ip: None,
        })
    };
    for fill in 1..=3 {
        send(&packet(fill)).unwrap();
    }
    let refused = send(&packet(4)).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    for fill in 1..=3 {
        let mut buffer = vec![0; 2000];
        let mut meta = [RecvMeta::default()];
        let received = std::future::poll_fn(|cx| {
            far.poll_recv(cx, &mut [IoSliceMut::new(&mut buffer)], &mut meta)
        });
        assert_eq!(received.await.unwrap(), 1);
        assert_eq!(buffer[..meta[0].len], packet(fill));
    }
    std::future::poll_fn(|cx| near.poll_writable(cx))
        .await
        .unwrap();
    send(&packet(4)).unwrap();
}
