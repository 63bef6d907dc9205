//! By how much round trips differ from one to the next, whatever stands in the queue.

use std::time::Duration;

/// The usual difference between two round trips that follow each other. A queue that fills makes each a little longer than
/// the one before; only the path itself makes them longer and shorter in turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Wobble {
    last: Option<Duration>,
    usual: Option<Duration>,
}

impl Wobble {
    pub(super) fn handle_sample(&mut self, rtt: Duration) {
        let Some(last) = self.last.replace(rtt) else {
            return;
        };
        let differs = rtt.abs_diff(last);
        let usual = self
            .usual
            .map_or(differs, |usual| usual - usual / WEIGHT + differs / WEIGHT);
        self.usual = Some(usual);
    }

    pub(super) fn usual(&self) -> Duration {
        self.usual.unwrap_or_default()
    }
}

/// The last sixteen or so count.
const WEIGHT: u32 = 16;
