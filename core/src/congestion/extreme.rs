//! The largest or smallest of the values of late, without keeping them all (Nichols' windowed filter).

/// The best of the values of the last `span` steps; which one is better is said by the caller.
#[derive(Clone, Debug)]
pub(super) struct Extreme<V> {
    span: u64,
    /// The best, the best since that one, and the best since that: each no older than the one before.
    kept: Vec<(u64, V)>,
}

impl<V: Copy> Extreme<V> {
    pub(super) fn over(span: u64) -> Self {
        Self {
            span,
            kept: Vec::with_capacity(KEPT + 1),
        }
    }

    /// Steps never go back.
    pub(super) fn insert(&mut self, step: u64, value: V, better: impl Fn(&V, &V) -> bool) {
        // What is no better than a newer value can never be the best again.
        self.kept.retain(|(_, kept)| better(kept, &value));
        self.kept.push((step, value));
        let oldest = step.saturating_sub(self.span);
        while self.kept.len() > 1 && (self.kept[0].0 < oldest || self.kept.len() > KEPT) {
            if self.kept[0].0 < oldest {
                self.kept.remove(0);
            } else {
                // Room is made in the middle, where it costs the least.
                self.kept.remove(KEPT / 2);
            }
        }
    }

    pub(super) fn best(&self) -> Option<V> {
        self.kept.first().map(|(_, value)| *value)
    }
}

/// Values that wait for their turn to be the best.
const KEPT: usize = 8;
