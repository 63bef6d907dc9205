use std::task::Poll;
use std::time::{Duration, Instant};

use super::state::PathTime;
use super::{PathClock, now};

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const DETECTION: Duration = Duration::from_secs(4);

#[test]
fn running_time_is_real_time() {
    let t0 = Instant::now();
    let time = PathTime::new(t0);
    assert_eq!(time.at(t0 + 5 * S), t0 + 5 * S);
    assert_eq!(time.real_deadline(t0 + 9 * S), Some(t0 + 9 * S));
}

#[test]
fn a_stop_of_thirty_days_leaves_no_trace() {
    let t0 = Instant::now();
    let mut time = PathTime::new(t0);
    assert!(time.stop(t0 + S));
    let back = t0 + 30 * 86_400 * S;
    assert_eq!(time.at(back), t0 + S);
    assert_eq!(time.real_deadline(t0 + 2 * S), None);
    assert!(time.start(back, None, DETECTION));
    assert_eq!(time.at(back + S), t0 + 2 * S);
    assert_eq!(time.real_deadline(t0 + 3 * S), Some(back + 2 * S));
}

#[test]
fn the_jump_ends_at_the_earliest_timer() {
    let t0 = Instant::now();
    let mut time = PathTime::new(t0);
    time.stop(t0 + S);
    time.start(t0 + 100 * S, Some(t0 + 3 * S), DETECTION);
    assert_eq!(time.at(t0 + 100 * S), t0 + 3 * S);
}

#[test]
fn the_jump_is_never_longer_than_the_detection_time() {
    let t0 = Instant::now();
    let mut time = PathTime::new(t0);
    time.stop(t0 + S);
    time.start(t0 + 100 * S, Some(t0 + 365 * 86_400 * S), DETECTION);
    assert_eq!(time.at(t0 + 100 * S), t0 + S + DETECTION);
}

#[test]
fn a_timer_that_is_already_due_asks_for_no_jump() {
    let t0 = Instant::now();
    let mut time = PathTime::new(t0);
    time.stop(t0 + 10 * S);
    time.start(t0 + 20 * S, Some(t0 + S), DETECTION);
    assert_eq!(time.at(t0 + 20 * S), t0 + 10 * S);
}

#[test]
fn starting_a_running_clock_does_not_jump() {
    let t0 = Instant::now();
    let mut time = PathTime::new(t0);
    assert!(!time.start(t0 + S, Some(t0 + 3 * S), DETECTION));
    assert_eq!(time.at(t0 + S), t0 + S);
}

#[test]
fn stopping_twice_keeps_the_first_stop() {
    let t0 = Instant::now();
    let mut time = PathTime::new(t0);
    assert!(time.stop(t0 + S));
    assert!(!time.stop(t0 + 5 * S));
    assert_eq!(time.at(t0 + 6 * S), t0 + S);
}

#[tokio::test(start_paused = true)]
async fn a_timer_fires_at_its_time_and_not_before() {
    let clock = PathClock::new();
    let t0 = now();
    let mut timer = clock.timer(t0 + 20 * MS);
    std::future::poll_fn(|cx| timer.poll_elapsed(cx)).await;
    assert_eq!(now() - t0, 20 * MS);
    timer.reset(t0 + 50 * MS);
    std::future::poll_fn(|cx| timer.poll_elapsed(cx)).await;
    assert_eq!(now() - t0, 50 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_timer_waits_out_the_stop_and_fires_at_once_on_resume() {
    let clock = PathClock::new();
    let t0 = now();
    let mut timer = clock.timer(t0 + 3 * S);
    let waiting = tokio::spawn(async move {
        std::future::poll_fn(|cx| timer.poll_elapsed(cx)).await;
        now()
    });
    tokio::time::advance(S).await;
    clock.stop();
    tokio::time::advance(8 * 3600 * S).await;
    assert!(!waiting.is_finished());
    clock.start(DETECTION);
    let fired = waiting.await.unwrap();
    assert_eq!(fired - t0, S + 8 * 3600 * S);
    assert_eq!(clock.now(), t0 + 3 * S);
}

#[tokio::test(start_paused = true)]
async fn a_timer_set_while_the_clock_stands_fires_after_its_rest() {
    let clock = PathClock::new();
    let t0 = now();
    clock.stop();
    let mut timer = clock.timer(t0 + 10 * S);
    tokio::time::advance(60 * S).await;
    clock.start(DETECTION);
    std::future::poll_fn(|cx| timer.poll_elapsed(cx)).await;
    assert_eq!(now() - t0, 60 * S + 10 * S - 2 * DETECTION);
}

#[tokio::test(start_paused = true)]
async fn dropped_timers_leave_their_slot_and_their_deadline() {
    let clock = PathClock::new();
    let t0 = now();
    drop(clock.timer(t0 + S));
    let _later = clock.timer(t0 + 3 * S);
    clock.stop();
    clock.start(DETECTION);
    assert_eq!(clock.now(), t0 + 3 * S);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_timer_set_while_the_clock_stands_does_not_hide_the_one_that_was_due() {
    let clock = PathClock::new();
    let t0 = now();
    let mut timer = clock.timer(t0 + 3 * S);
    clock.stop();
    timer.reset(t0 + 25 * MS);
    clock.start(DETECTION);
    assert_eq!(clock.now(), t0 + 3 * S);
}

#[tokio::test(start_paused = true)]
async fn a_timer_beyond_the_reach_of_the_jump_does_not_lengthen_it() {
    let clock = PathClock::new();
    let t0 = now();
    let mut timer = clock.timer(t0 + 365 * 24 * 3600 * S);
    clock.stop();
    timer.reset(t0 + 65 * MS);
    clock.start(DETECTION);
    assert_eq!(clock.now(), t0 + 65 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_stopped_for_hours_finds_its_next_timer_just_due() {
    let clock = PathClock::new();
    let t0 = now();
    let mut timer = clock.timer(t0 + 3 * S);
    let _later = clock.timer(t0 + 60 * S);
    // Nothing polls while the process is stopped.
    tokio::time::advance(8 * 3600 * S).await;
    assert_eq!(clock.now(), t0 + 3 * S);
    std::future::poll_fn(|cx| timer.poll_elapsed(cx)).await;
    tokio::time::advance(S).await;
    assert_eq!(clock.now(), t0 + 4 * S);
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_nobody_polls_does_not_stop_time() {
    let clock = PathClock::new();
    let t0 = now();
    let _forgotten = clock.timer(t0 + S);
    tokio::time::advance(10 * S).await;
    assert_eq!(clock.now(), t0 + S);
    tokio::time::advance(10 * S).await;
    assert_eq!(clock.now(), t0 + 11 * S);
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_a_little_late_turns_nothing_back() {
    let clock = PathClock::new();
    let t0 = now();
    let _timer = clock.timer(t0 + S);
    tokio::time::advance(2 * S).await;
    assert_eq!(clock.now(), t0 + 2 * S);
}

#[test]
fn a_timer_that_is_put_off_wakes_nobody_at_its_former_moment() {
    assert_eq!(
        parks_with_a_timer_put_off_from(25 * MS),
        parks_with_a_timer_put_off_from(HOUR)
    );
}

/// How often a fresh runtime waits in 50 ms, when its timer was set to `first` and then to an hour.
fn parks_with_a_timer_put_off_from(first: Duration) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = PathClock::new();
        let t0 = now();
        let mut timer = clock.timer(t0 + first);
        for deadline in [first, HOUR] {
            timer.reset(t0 + deadline);
            let poll = std::future::poll_fn(|cx| Poll::Ready(timer.poll_elapsed(cx)));
            assert!(poll.await.is_pending());
        }
        // The time in which wake-ups are counted: a timer that was put off must cause none in it.
        tokio::time::sleep(50 * MS).await;
    });
    runtime.metrics().worker_park_count(0)
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_was_cleared_neither_fires_nor_draws_the_jump_until_it_is_set_again() {
    let clock = PathClock::new();
    let t0 = now();
    let mut timer = clock.timer(t0 + S);
    let first = std::future::poll_fn(|cx| Poll::Ready(timer.poll_elapsed(cx))).await;
    assert!(first.is_pending());
    timer.clear();
    clock.stop();
    clock.start(DETECTION);
    assert_eq!(clock.now(), t0);
    tokio::time::advance(60 * S).await;
    assert_eq!(clock.now(), t0 + 60 * S);
    timer.reset(t0 + 61 * S);
    std::future::poll_fn(|cx| timer.poll_elapsed(cx)).await;
    assert_eq!(now() - t0, 61 * S);
}

const HOUR: Duration = Duration::from_secs(3600);
