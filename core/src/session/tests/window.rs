//! How far output may run ahead of the path.

use std::time::{Duration, Instant};

use crate::session::Window;

#[test]
fn output_runs_no_further_ahead_of_a_slow_path_than_a_moment() {
    // 1 Mbit/s and 200 ms, for ten minutes. What was sent is counted right, short, and over.
    for (counted, most) in [(1.0, 8 * 1024), (0.998, 8 * 1024), (1.005, 30 * 1024)] {
        let mut path = Path::new(125_000.0, Duration::from_millis(200), counted);
        let furthest = path.flood(Duration::from_secs(600));
        assert!(furthest <= most, "{counted}: {furthest} bytes wait");
        assert!(
            path.carried() > 0.95,
            "{counted}: {} of the path is used",
            path.carried()
        );
    }
}

#[test]
fn a_fast_path_is_not_held_back() {
    // 100 MB/s and 1 ms.
    let mut path = Path::new(100e6, Duration::from_millis(1), 1.002);
    path.flood(Duration::from_secs(5));
    assert!(
        path.carried() > 0.9,
        "{} of the path is used",
        path.carried()
    );
}

#[test]
fn nothing_waits_for_a_look_while_there_is_room() {
    let now = Instant::now();
    let mut window = Window::new(0, now);
    window.handle_written(100);
    assert_eq!(window.poll_timeout(), None);
    window.handle_written(window.room());
    assert_eq!(window.poll_timeout(), Some(now + Duration::from_millis(1)));
}

/// A path of so many bytes per second, and a transport that takes everything at once.
struct Path {
    rate: f64,
    rtt: Duration,
    counted: f64,
    waiting: f64,
    sent: f64,
    spent: f64,
}

impl Path {
    fn new(rate: f64, rtt: Duration, counted: f64) -> Self {
        Self {
            rate,
            rtt,
            counted,
            waiting: 0.0,
            sent: 0.0,
            spent: 0.0,
        }
    }

    /// Writes as much as the window allows, and returns how much waited at most.
    fn flood(&mut self, time: Duration) -> u64 {
        let start = Instant::now();
        let step = Duration::from_micros(500);
        let (mut now, mut furthest) = (start, 0.0_f64);
        let mut window = Window::new(0, now);
        while now - start < time {
            if window.poll_timeout().is_some_and(|at| at <= now) {
                window.handle_sent((self.sent * self.counted) as u64, self.rtt, now);
            }
            let count = window.room();
            window.handle_written(count);
            self.waiting += count as f64;
            furthest = furthest.max(self.waiting);
            let carried = (self.rate * step.as_secs_f64()).min(self.waiting);
            self.waiting -= carried;
            self.sent += carried;
            now += step;
        }
        self.spent += time.as_secs_f64();
        furthest as u64
    }

    fn carried(&self) -> f64 {
        self.sent / (self.rate * self.spent)
    }
}

#[test]
fn a_trickle_that_never_ends_does_not_hold_a_terminal_back_for_ever() {
    let t0 = Instant::now();
    let (rtt, pause) = (Duration::from_millis(50), Duration::from_millis(10));
    let mut window = Window::new(0, t0);
    // For half a minute nobody could be sure, and a key is acknowledged every ten milliseconds.
    let mut now = t0 + Duration::from_secs(31);
    let mut sent = 20;
    let asked = now;
    window.handle_written(4000);
    window.handle_sent(sent, rtt, now);
    assert_eq!(window.room(), 0);
    while window.room() == 0 {
        now += pause;
        sent += 20;
        window.handle_sent(sent, rtt, now);
        assert!(
            now - asked <= rtt * 3,
            "still held back after {:?}",
            now - asked
        );
    }
}
