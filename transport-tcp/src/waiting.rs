//! Strangers that have not said who they are: few, and not for long. Nothing here reads a clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Strangers by the time of their arrival, the oldest first.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    strangers: VecDeque<(Instant, T)>,
}

impl<T> Waiting<T> {
    pub(crate) fn new() -> Self {
        Self {
            strangers: VecDeque::new(),
        }
    }

    /// One more; the oldest goes when there are too many.
    pub(crate) fn push(&mut self, stranger: T, now: Instant) {
        if self.strangers.len() >= MAX_WAITING {
            self.strangers.pop_front();
        }
        self.strangers.push_back((now + PATIENCE, stranger));
    }

    /// Drops those whose time is over. Returns how many.
    pub(crate) fn handle_time(&mut self, now: Instant) -> usize {
        let before = self.strangers.len();
        while self.poll_timeout().is_some_and(|until| now >= until) {
            self.strangers.pop_front();
        }
        before - self.strangers.len()
    }

    /// When to call [`Waiting::handle_time`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.strangers.front().map(|(until, _)| *until)
    }

    /// Takes out the first one for which `decide` has an answer.
    pub(crate) fn take<A>(&mut self, mut decide: impl FnMut(&T) -> Option<A>) -> Option<(T, A)> {
        let found = self
            .strangers
            .iter()
            .enumerate()
            .find_map(|(at, (_, stranger))| Some((at, decide(stranger)?)));
        let (at, answer) = found?;
        let (_, stranger) = self.strangers.remove(at)?;
        Some((stranger, answer))
    }
}

/// Connections that have not authenticated, of one server.
const MAX_WAITING: usize = 16;

/// How long each of them may take; an honest client's first frame follows its handshake at once.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Waiting};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_seventeenth_stranger_sends_the_first_away() {
        let t0 = Instant::now();
        let mut waiting = Waiting::new();
        for stranger in 0..17 {
            waiting.push(stranger, t0);
        }
        assert_eq!(waiting.take(|_| Some(())), Some((1, ())));
        assert_eq!(waiting.take(|at| (*at == 16).then_some(())), Some((16, ())));
        assert_eq!(waiting.take(|at| (*at == 0).then_some(())), None);
    }

    #[test]
    fn each_stranger_has_two_seconds() {
        let t0 = Instant::now();
        let mut waiting = Waiting::new();
        waiting.push('a', t0);
        waiting.push('b', t0 + 1500 * MS);
        assert_eq!(waiting.poll_timeout(), Some(t0 + 2000 * MS));
        assert_eq!(waiting.handle_time(t0 + 1999 * MS), 0);
        assert_eq!(waiting.handle_time(t0 + 2000 * MS), 1);
        assert_eq!(waiting.poll_timeout(), Some(t0 + 3500 * MS));
        assert_eq!(waiting.handle_time(t0 + 9000 * MS), 1);
        assert_eq!(waiting.poll_timeout(), None);
    }
}
