//! The sources whose claims stand: one, or a few side by side while the client tries several ways.

use std::time::{Duration, Instant};

use crate::proxy::{LinkId, Source};

/// The path in use and at most [`MAX_CANDIDATES`] beside it, the oldest claim first.
#[derive(Debug, Default)]
pub(super) struct Standing(Vec<Candidate>);

#[derive(Debug)]
struct Candidate {
    source: Source,
    serial: u64,
    /// When it made the claim, or its latest packet opened. A repeated claim does not count, nor what
    /// may be junk: who has recorded a claim would stand for ever.
    at: Instant,
    /// A packet from it opened, or it was the path.
    used: bool,
}

impl Standing {
    /// Whether `source` stands by the claim `serial`.
    pub(super) fn is_by(&self, source: Source, serial: u64) -> bool {
        let by = |one: &Candidate| one.source == source && one.serial == serial;
        self.0.iter().any(by)
    }

    /// The claim of `source` stands alone.
    pub(super) fn put_alone(&mut self, source: Source, serial: u64, now: Instant) {
        self.0.clear();
        self.put(source, serial, None, now);
    }

    /// It stands beside the others. Where there are too many the oldest goes that was never used,
    /// and in no case the path in use.
    pub(super) fn put(
        &mut self,
        source: Source,
        serial: u64,
        in_use: Option<Source>,
        now: Instant,
    ) {
        self.remove(source);
        let spare = |one: &Candidate| Some(one.source) != in_use;
        if self.0.iter().filter(|one| spare(one)).count() >= MAX_CANDIDATES {
            let unused = self.0.iter().position(|one| spare(one) && !one.used);
            let oldest = unused.or_else(|| self.0.iter().position(spare));
            self.0.remove(oldest.unwrap_or_default());
        }
        let later = self.0.iter().position(|one| one.serial > serial);
        let one = Candidate {
            source,
            serial,
            at: now,
            used: Some(source) == in_use,
        };
        self.0.insert(later.unwrap_or(self.0.len()), one);
    }

    /// A packet from it opened, or it is the path.
    pub(super) fn handle_used(&mut self, source: Source, now: Instant) {
        if let Some(one) = self.0.iter_mut().find(|one| one.source == source) {
            (one.used, one.at) = (true, now);
        }
    }

    /// All others are forgotten.
    pub(super) fn keep_only(&mut self, source: Source) {
        self.0.retain(|one| one.source == source);
    }

    pub(super) fn remove(&mut self, source: Source) {
        self.0.retain(|one| one.source != source);
    }

    pub(super) fn remove_link(&mut self, link: LinkId) {
        self.0.retain(|one| one.source.link != link);
    }

    /// Forgets those that nobody chose, but for `in_use`.
    pub(super) fn handle_time(&mut self, in_use: Option<Source>, now: Instant) {
        let stays = |one: &Candidate| Some(one.source) == in_use || now < one.at + STANDS;
        self.0.retain(stays);
    }

    /// When to call [`Self::handle_time`].
    pub(super) fn poll_timeout(&self, in_use: Option<Source>) -> Option<Instant> {
        let others = self.0.iter().filter(|one| Some(one.source) != in_use);
        others.map(|one| one.at + STANDS).min()
    }

    pub(super) fn contains(&self, source: Source) -> bool {
        self.sources().any(|one| one == source)
    }

    /// The oldest claim first.
    pub(super) fn sources(&self) -> impl Iterator<Item = Source> {
        self.0.iter().map(|one| one.source)
    }
}

/// A client tries four ways at once. A local port that it has replaced, a stream beside them and the
/// path before the one in use stand here too until they are forgotten, and none of these may drive out
/// one whose acknowledgement is on its way to being chosen.
pub(super) const MAX_CANDIDATES: usize = 8;

/// A client gives an attempt up long before.
const STANDS: Duration = Duration::from_secs(10);
