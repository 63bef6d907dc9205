//! Keys change while everything goes on.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tssh_conformance::{Air, Couple, DELAY, Log, Weather, soon};
use tssh_core::connection::answer_rekey;
use tssh_core::transport::ErrorKind;
use tssh_core::wire::Rekey;
use tssh_transport_kcp::{Config, Kcp, Thresholds};

#[tokio::test(start_paused = true)]
async fn keys_change_every_hundred_kilobytes_under_loss_and_no_byte_is() {
    let weather = Weather {
        loss: 0.05,
        jitter: Duration::from_millis(8),
        duplicate: 0.05,
        ..Weather::fair(DELAY)
    };
    let rig = Couple::new(&after(100_000, 3600 * S), Air::new(weather, 1)).await;
    let mut tasks = JoinSet::new();
    let changes = host(&mut tasks, &rig);
    let mut near = rig.client.open().await.unwrap();
    let sent: Vec<u8> = (0..3_000_000u32).map(|at| (at >> 7) as u8).collect();
    near.write_all(&sent[..1]).await.unwrap();
    let far = soon(rig.server.accept()).await.unwrap();
    let (mut from, mut to) = (near.reader, near.writer);
    let write = async {
        to.write_all(&sent[1..]).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let read = async {
        let mut heard = Vec::new();
        from.read_to_end(&mut heard).await.unwrap();
        heard
    };
    let back = async {
        let (mut reader, mut writer) = (far.reader, far.writer);
        tokio::io::copy(&mut reader, &mut writer).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let all = async { tokio::join!(read, write, back) };
    let (heard, (), ()) = timeout(600 * S, all).await.unwrap();
    assert!(heard == sent);
    let changes = changes.load(Ordering::Relaxed);
    // Six megabytes both ways, a part of them twice; each exchange takes a round trip and more.
    assert!((10..100).contains(&changes), "{changes} keys");
}

#[tokio::test(start_paused = true)]
async fn the_first_key_changes_at_once_and_then_every_hour_of_path_time() {
    let rig = Couple::new(&Kcp::default(), Air::new(Weather::fair(DELAY), 2)).await;
    let mut tasks = JoinSet::new();
    let changes = host(&mut tasks, &rig);
    sleep(S).await;
    assert_eq!(changes.load(Ordering::Relaxed), 1);
    sleep(3598 * S).await;
    assert_eq!(changes.load(Ordering::Relaxed), 1);
    sleep(3 * S).await;
    assert_eq!(changes.load(Ordering::Relaxed), 2);
    rig.client_pipe.clock().stop();
    sleep(30 * 24 * 3600 * S).await;
    assert_eq!(changes.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_next_key_learns_of_the_end() {
    let rig = Couple::new(&Kcp::default(), Air::new(Weather::fair(DELAY), 3)).await;
    let rekey = rig.client.rekey().unwrap();
    rekey.due().await.unwrap();
    let (ended, ()) = tokio::join!(soon(rekey.due()), rig.client.close());
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_nonsense_is_not_asked_again_at_once() {
    let rig = Couple::new(&Kcp::default(), Air::new(Weather::fair(DELAY), 4)).await;
    let rekey = rig.client.rekey().unwrap();
    rekey.due().await.unwrap();
    let refused = rekey.finish(&[7; 65]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misbehaved);
    let asked = Instant::now();
    timeout(7200 * S, rekey.due()).await.unwrap().unwrap();
    assert_eq!(asked.elapsed().as_secs(), 3600);
}

#[tokio::test(start_paused = true)]
async fn a_point_that_is_not_on_the_curve_is_refused_in_one_line_and_the_old_key_goes_on() {
    let rig = Couple::new(&Kcp::default(), Air::new(Weather::fair(DELAY), 5)).await;
    let mut near = rig.client.open().await.unwrap();
    near.write_all(b"before").await.unwrap();
    let mut far = soon(rig.server.accept()).await.unwrap();
    let wrong = [
        [&[4][..], &[7; 64]].concat(),
        [&[4][..], &[0; 64]].concat(),
        vec![0],
        Vec::new(),
        vec![4; 1 << 16],
    ];
    for public_key in wrong {
        let log = Log::listen();
        let answer = answer_rekey(rig.server.rekey(), &Rekey { public_key });
        assert_eq!(answer, None);
        let told = log.lines_with("the peer's key is not a point of the curve P-256");
        assert_eq!((told.len(), log.lines_with("").len()), (1, 1), "{told:?}");
    }
    near.write_all(b" and after").await.unwrap();
    let mut heard = [0; 16];
    soon(far.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"before and after");
    // An honest exchange is still possible.
    let mut tasks = JoinSet::new();
    let changes = host(&mut tasks, &rig);
    sleep(S).await;
    assert_eq!(changes.load(Ordering::Relaxed), 1);
}

/// Carries the halves as the bus would, and counts the exchanges.
fn host(tasks: &mut JoinSet<()>, rig: &Couple) -> Arc<AtomicU32> {
    let changes = Arc::new(AtomicU32::new(0));
    let (client, server) = (rig.client.rekey().unwrap(), rig.server.rekey().unwrap());
    let counted = changes.clone();
    tasks.spawn(async move {
        while let Ok(asked) = client.due().await {
            sleep(DELAY).await;
            let answer = server.answer(&asked).unwrap();
            sleep(DELAY).await;
            client.finish(&answer).unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    changes
}

fn after(bytes: u64, age: Duration) -> Kcp {
    Kcp::new(Config::default().with_rekey(Thresholds::new(bytes, age)))
}

const S: Duration = Duration::from_secs(1);
