//! When a missing answer is a reason for a new path. Nothing here reads a clock.

use std::time::{Duration, Instant};

/// The answer that is missing, and what was done about it.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The missing answer that was reported since the path in use is there.
    reported: Option<Instant>,
    /// The missing answer for which new paths were made, and how many.
    renewed: Option<(Instant, u32)>,
    /// When the path in use was acknowledged.
    path_since: Option<Instant>,
}

impl Answers {
    /// When the answer that is missing since `expecting` is worth a report, where one may take as
    /// long as `patience`. `None` when none is missing, or this one was reported already.
    ///
    /// A new path is waited for anew, twice as long each time: what several new paths did not bring
    /// is missing for another reason.
    pub(super) fn due(&self, expecting: Option<Instant>, patience: Duration) -> Option<Instant> {
        let since = expecting?;
        if self.reported == Some(since) {
            return None;
        }
        let begun = self.path_since.map_or(since, |path| path.max(since));
        Some(begun + patience * (1 << self.renewals(since).min(MAX_DOUBLINGS)))
    }

    /// The answer that is missing since `expecting` was reported.
    pub(super) fn handle_reported(&mut self, expecting: Option<Instant>) {
        self.reported = expecting;
    }

    /// The server acknowledged a new path.
    pub(super) fn handle_new_path(&mut self, now: Instant) {
        if let Some(since) = self.reported.take() {
            self.renewed = Some((since, self.renewals(since).saturating_add(1)));
        }
        self.path_since = Some(now);
    }

    fn renewals(&self, since: Instant) -> u32 {
        self.renewed
            .filter(|(missing, _)| *missing == since)
            .map_or(0, |(_, renewals)| renewals)
    }
}

/// Up to 64 times the patience; the heartbeat tells of a dead path before.
const MAX_DOUBLINGS: u32 = 6;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::tests::{ack, connected, drain};
    use super::super::{Output, Trigger};
    use super::Answers;
    use crate::auth::Ack;
    use crate::proxy::LinkId;

    const S: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn each_new_path_has_twice_as_long_for_the_answer_that_the_former_did_not_bring() {
        let t0 = Instant::now();
        let mut answers = Answers::default();
        let mut now = t0;
        for doubled in [1, 2, 4, 8, 16, 32, 64, 64] {
            let due = now + 100 * MS * doubled;
            assert_eq!(answers.due(Some(t0), 100 * MS), Some(due));
            answers.handle_reported(Some(t0));
            assert_eq!(answers.due(Some(t0), 100 * MS), None, "it is told once");
            now = due + 50 * MS;
            answers.handle_new_path(now);
        }
        let later = now + S;
        assert_eq!(answers.due(Some(later), 100 * MS), Some(later + 100 * MS));
        assert_eq!(answers.due(None, 100 * MS), None);
    }

    #[test]
    fn a_path_that_is_there_before_anything_is_missing_costs_no_patience() {
        let t0 = Instant::now();
        let mut answers = Answers::default();
        for _ in 0..10 {
            answers.handle_new_path(t0);
        }
        assert_eq!(answers.due(Some(t0), 100 * MS), Some(t0 + 100 * MS));
    }

    /// A round trip time that dropped, a network that lets only small packets through: claims are
    /// acknowledged and the answer is still missing.
    #[test]
    fn a_server_that_acknowledges_every_path_and_answers_nothing_is_not_asked_in_a_loop() {
        for seed in 0..50 {
            let rtt = (20 + seed * 7919 % 780) * MS;
            let t0 = Instant::now();
            let mut state = connected(t0);
            let mut answers = Answers::default();
            let mut acks: Vec<(Instant, LinkId, Ack)> = Vec::new();
            let mut paths = 0;
            for after in 0..12_000 {
                let now = t0 + after * 5 * MS;
                while let Some((_, link, ack)) = acks.pop_if(|(at, ..)| *at <= now) {
                    if state.handle_ack(link, ack, now) {
                        paths += 1;
                        answers.handle_new_path(now);
                    }
                }
                let patience = state.patience(Some(rtt), now);
                if answers
                    .due(Some(t0), patience)
                    .is_some_and(|due| now >= due)
                {
                    answers.handle_reported(Some(t0));
                    state.handle_trigger(Trigger::Unanswered, now);
                }
                for output in drain(&mut state, now) {
                    if let Output::Claim { link, claim, .. } = output {
                        acks.insert(0, (now + rtt, link, ack(claim.serial)));
                    }
                }
            }
            // One each 4 s because nothing was heard on it, and those of the doubling patience.
            assert!(
                paths <= 60 / 4 + 8,
                "{paths} paths with a round trip of {rtt:?}"
            );
        }
    }
}
