use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Heartbeat, Output, Timing, Verdict};
use crate::clock::now;
use crate::transport::memory::pipe_to_nowhere;
use crate::wire::BusEvent;

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[test]
fn the_interval_follows_from_the_timeouts() {
    let interval = |alive: u64, heartbeat: u64, reconnect: u64, beats: u32| {
        let seconds = Duration::from_secs;
        Timing::interval(
            seconds(alive),
            seconds(heartbeat),
            seconds(reconnect),
            beats,
        )
    };
    assert_eq!(interval(86_520, 4, 14, 3), 4 * S / 3);
    assert_eq!(interval(86_520, 9, 6, 3), 2 * S);
    assert_eq!(interval(86_520, 4, 14, 2), 2 * S);
    assert_eq!(interval(5, 4, 14, 3), 500 * MS);
    assert_eq!(interval(0, 0, 0, 0), 100 * MS);
}

#[test]
fn the_next_probe_waits_for_the_echo_of_the_one_before() {
    let t0 = Instant::now();
    let mut beat = Heartbeat::new(timing(), t0);
    assert_eq!(drain(&mut beat, t0), [Output::SendProbe]);
    assert_eq!(drain(&mut beat, t0 + S), []);
    beat.handle_echo(t0 + S);
    assert_eq!(beat.poll_timeout(), Some(t0 + S));
    assert_eq!(drain(&mut beat, t0 + S), [Output::SendProbe]);
    beat.handle_echo(t0 + S + 50 * MS);
    assert_eq!(drain(&mut beat, t0 + 2 * S - MS), []);
    assert_eq!(drain(&mut beat, t0 + 2 * S), [Output::SendProbe]);
}

#[test]
fn a_probe_without_room_on_the_bus_is_made_again_after_the_interval() {
    let t0 = Instant::now();
    let mut beat = Heartbeat::new(timing(), t0);
    assert_eq!(drain(&mut beat, t0), [Output::SendProbe]);
    beat.handle_unsent(t0);
    assert_eq!(drain(&mut beat, t0 + S - MS), []);
    assert_eq!(drain(&mut beat, t0 + S), [Output::SendProbe]);
}

#[test]
fn silence_is_told_once_and_so_is_its_end() {
    let t0 = Instant::now();
    let mut beat = only_listens(t0);
    assert_eq!(beat.poll_timeout(), Some(t0 + 4 * S));
    assert_eq!(drain(&mut beat, t0 + 4 * S - MS), []);
    let silent = [Output::Tell(Verdict::Silent)];
    assert_eq!(drain(&mut beat, t0 + 4 * S), silent);
    assert_eq!(drain(&mut beat, t0 + 5 * S), []);
    assert_eq!(beat.poll_timeout(), Some(t0 + 60 * S));
    beat.handle_heard(t0 + 6 * S);
    assert_eq!(drain(&mut beat, t0 + 6 * S), [Output::Tell(Verdict::Heard)]);
    assert_eq!(drain(&mut beat, t0 + 10 * S), silent);
}

#[test]
fn a_peer_that_is_gone_stays_gone() {
    let t0 = Instant::now();
    let mut beat = only_listens(t0);
    let gone = [Output::Tell(Verdict::Gone)];
    assert_eq!(drain(&mut beat, t0 + 60 * S), gone);
    beat.handle_heard(t0 + 61 * S);
    assert_eq!(drain(&mut beat, t0 + 61 * S), []);
    assert_eq!(beat.poll_timeout(), None);
}

#[test]
fn a_report_of_an_earlier_moment_does_not_turn_time_back() {
    let t0 = Instant::now();
    let mut beat = only_listens(t0);
    beat.handle_heard(t0 + 3 * S);
    beat.handle_heard(t0 + S);
    assert_eq!(beat.poll_timeout(), Some(t0 + 7 * S));
}

#[test]
fn waking_after_hours_of_sleep_is_one_loss_not_a_burst_of_probes() {
    let t0 = Instant::now();
    let timing = Timing {
        gone_after: None,
        ..timing()
    };
    let mut beat = Heartbeat::new(timing, t0);
    drain(&mut beat, t0);
    beat.handle_echo(t0);
    let woke = t0 + 8 * 3600 * S;
    let outputs = drain(&mut beat, woke);
    assert_eq!(outputs, [Output::Tell(Verdict::Silent), Output::SendProbe]);
    beat.handle_echo(woke + 50 * MS);
    assert_eq!(
        drain(&mut beat, woke + 50 * MS),
        [Output::Tell(Verdict::Heard)]
    );
    assert!(beat.poll_timeout().unwrap() >= woke + S / 2);
}

#[tokio::test(start_paused = true)]
async fn silence_and_its_end_reach_who_follows_and_a_full_bus_stops_no_probe() {
    let stop = CancellationToken::new();
    let pipe = pipe_to_nowhere();
    let (bus, mut probes) = mpsc::channel(1);
    bus.try_send(BusEvent::Close).unwrap();
    let (handle, task) = super::new(timing(), pipe.clone(), bus, stop.clone());
    let task = tokio::spawn(task);
    let mut verdict = handle.verdict();
    let begun = now();
    verdict.changed().await.unwrap();
    assert_eq!(*verdict.borrow_and_update(), Verdict::Silent);
    assert_eq!(now() - begun, 4 * S);
    pipe.opened();
    verdict.changed().await.unwrap();
    assert_eq!(*verdict.borrow_and_update(), Verdict::Heard);
    assert_eq!(probes.recv().await, Some(BusEvent::Close));
    assert!(matches!(probes.recv().await, Some(BusEvent::Alive(_))));
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_round_trip_of_a_probe_counts_unless_an_outage_lay_in_it() {
    let stop = CancellationToken::new();
    let pipe = pipe_to_nowhere();
    let (bus, mut probes) = mpsc::channel(1);
    let (handle, task) = super::new(timing(), pipe, bus, stop.clone());
    let task = tokio::spawn(task);
    probes.recv().await.unwrap();
    tokio::time::advance(50 * MS).await;
    assert_eq!(handle.echo(Some(S)), Some(50 * MS));
    probes.recv().await.unwrap();
    tokio::time::advance(50 * MS).await;
    assert_eq!(handle.echo(Some(20 * MS)), Some(20 * MS));
    probes.recv().await.unwrap();
    tokio::time::advance(60 * S).await;
    assert_eq!(handle.echo(Some(S)), Some(S));
    assert_eq!(handle.echo(None), None);
    stop.cancel();
    task.await.unwrap();
}

fn timing() -> Timing {
    Timing {
        every: Some(S),
        silent_after: 4 * S,
        gone_after: Some(60 * S),
    }
}

fn only_listens(now: Instant) -> Heartbeat {
    let timing = Timing {
        every: None,
        ..timing()
    };
    Heartbeat::new(timing, now)
}

fn drain(beat: &mut Heartbeat, now: Instant) -> Vec<Output> {
    std::iter::from_fn(|| beat.poll_output(now))
        .take(10)
        .collect()
}
