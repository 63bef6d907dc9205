//! When it is asked once more, in mid-session, whether large packets pass. Nothing here reads a clock.
//!
//! A path may turn narrow without becoming another one. Whoever sends large packets then learns nothing: they are gone, and
//! small ones come and go. So now and then it is looked how many packets of the server opened since the look before.

use std::time::{Duration, Instant};

/// What was seen of the path in use. It costs the data path nothing: packets that open are counted anyway.
#[derive(Debug)]
pub(super) struct Looks {
    /// How many packets had opened by the latest look, and when that was.
    latest: Option<(u64, Instant)>,
    /// Packets from one look to the next while the most came; 0 while nothing flows.
    flow: u64,
    /// There was more than a heartbeat since the latest question.
    used: bool,
    /// What flowed has stopped.
    stopped: bool,
    asked_at: Instant,
}

impl Looks {
    /// It is being asked at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            latest: None,
            flow: 0,
            used: false,
            stopped: false,
            asked_at: now,
        }
    }

    /// So many packets have `opened` up to `now`.
    pub(super) fn handle_opened(&mut self, opened: u64, now: Instant) {
        let Some((before, at)) = self.latest else {
            self.latest = Some((opened, now));
            return;
        };
        let passed = now.saturating_duration_since(at);
        if passed < LOOK {
            return;
        }
        self.latest = Some((opened, now));
        let new = opened.saturating_sub(before);
        self.used |= new > BEAT;
        let looks = passed.as_millis() / LOOK.as_millis();
        let pace = new / u64::try_from(looks).unwrap_or(u64::MAX);
        if pace >= FLOW && pace * EBB >= self.flow {
            self.flow = self.flow.max(pace);
        } else if self.flow > 0 && pace * EBB < self.flow {
            self.flow = 0;
            self.stopped = true;
        }
    }

    /// It is being asked at `now`.
    pub(super) fn handle_asked(&mut self, now: Instant) {
        self.used = false;
        self.stopped = false;
        self.asked_at = now;
    }

    /// When it is to be asked; `None` while nobody uses the path.
    pub(super) fn ask_at(&self) -> Option<Instant> {
        match (self.stopped, self.used) {
            (true, _) => Some(self.asked_at + SOON),
            (false, true) => Some(self.asked_at + NOW_AND_THEN),
            (false, false) => None,
        }
    }

    /// When to look again, where nothing else may give cause to; `None` while nothing flows.
    pub(super) fn look_at(&self) -> Option<Instant> {
        let (_, at) = self.latest.filter(|_| self.flow > 0)?;
        Some(at + LOOK)
    }
}

/// From one look to the next at the least. A path that nobody uses is looked at with each heartbeat alone.
const LOOK: Duration = Duration::from_millis(500);

/// The echo of a heartbeat, and an acknowledgement apart from it.
const BEAT: u64 = 2;

/// So many packets from one look to the next flow: fast keys with their echoes are fewer, and 100 kB a second of bulk in either
/// direction is more.
const FLOW: u64 = 16;

/// What flowed has stopped when so small a part of it comes: somebody may go on typing.
const EBB: u64 = 8;

/// Between two questions on a path that is used: 130 bytes a second each way, headers included.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

/// Between two questions where something flows and stops again and again.
const SOON: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Looks;

    const S: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn heartbeats_alone_lead_to_no_question_and_to_no_look_of_their_own() {
        let (mut looks, t0) = begun();
        for beat in 1..1000 {
            looks.handle_opened(u64::from(beat) * 2, t0 + beat * 2 * S);
            assert_eq!((looks.ask_at(), looks.look_at()), (None, None));
        }
    }

    #[test]
    fn on_a_path_that_is_used_it_is_asked_every_ten_seconds_and_once_behind_its_last_use() {
        let (mut looks, t0) = begun();
        looks.handle_opened(6, t0 + 2 * S);
        assert_eq!(looks.ask_at(), Some(t0 + 10 * S));
        assert_eq!(looks.look_at(), None);
        looks.handle_asked(t0 + 10 * S);
        assert_eq!(looks.ask_at(), None);
        // Nothing is due before a key is pressed an hour later, and then at the next look.
        looks.handle_opened(3000, t0 + 3600 * S);
        assert_eq!(looks.ask_at(), Some(t0 + 20 * S));
    }

    #[test]
    fn bulk_that_stops_is_asked_about_within_a_second_whatever_is_typed_meanwhile() {
        let (mut looks, t0) = begun();
        let mut opened = 0;
        looks.handle_asked(t0);
        for look in 1..=8 {
            opened += 100;
            looks.handle_opened(opened, t0 + look * 500 * MS);
            assert_eq!(looks.look_at(), Some(t0 + (look + 1) * 500 * MS));
            assert_eq!(looks.ask_at(), Some(t0 + 10 * S));
        }
        looks.handle_opened(opened + 60, t0 + 4500 * MS);
        assert_eq!(looks.ask_at(), Some(t0 + 10 * S), "the end of what came");
        looks.handle_opened(opened + 70, t0 + 5 * S);
        assert_eq!(looks.ask_at(), Some(t0 + 3 * S), "it is due");
        assert_eq!(looks.look_at(), None);
    }

    #[test]
    fn a_flow_that_becomes_slower_is_one_all_the_same() {
        let (mut looks, t0) = begun();
        for (look, opened) in [(2, 1000), (4, 1200), (5, 1270), (6, 1340)] {
            looks.handle_opened(opened, t0 + look * 500 * MS);
        }
        assert!(looks.look_at().is_some());
        assert_eq!(looks.ask_at(), Some(t0 + 10 * S));
    }

    #[test]
    fn looks_are_no_nearer_to_each_other_than_half_a_second() {
        let (mut looks, t0) = begun();
        looks.handle_opened(400, t0 + 499 * MS);
        assert_eq!((looks.ask_at(), looks.look_at()), (None, None));
    }

    fn begun() -> (Looks, Instant) {
        let t0 = Instant::now();
        let mut looks = Looks::new(t0);
        looks.handle_opened(0, t0);
        (looks, t0)
    }
}
