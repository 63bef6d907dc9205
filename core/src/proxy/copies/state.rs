//! Decides which packets are copied and how often. Nothing here reads a clock.

use std::time::{Duration, Instant};

use super::bucket::Bucket;

/// What is known of the path's loss, and what may be spent against it.
#[derive(Debug)]
pub(super) struct State {
    /// How often a packet is sent again.
    copies: u8,
    seen: Seen,
    /// When loss was last seen, or one copy less was last tried.
    since: Option<Instant>,
    /// When one copy less was last tried.
    fewer_at: Option<Instant>,
    /// How long no loss must be seen before one copy less is tried.
    patience: Duration,
    /// The peer's copies were taken for a hint, and no loss of our own was seen since.
    hinted: bool,
    spent: Bucket,
    bulk: Bucket,
}

/// What became of the packets since the number of copies last changed; the older half fades.
#[derive(Debug, Default)]
struct Seen {
    sent: f64,
    copied: f64,
    arrived: f64,
    lost: f64,
}

impl State {
    /// A path that has lost nothing yet.
    pub(super) fn new() -> Self {
        Self {
            copies: 0,
            seen: Seen::default(),
            since: None,
            fewer_at: None,
            patience: PATIENCE,
            hinted: false,
            spent: Bucket::new(BUDGET_RATE, BUDGET_BURST),
            bulk: Bucket::new(BULK_RATE, 2 * BULK),
        }
    }

    /// How often a packet is to be sent again, as far as the budget reaches.
    pub(super) fn copies(&self) -> u8 {
        self.copies
    }

    /// The peer got `arrived` packets and missed `lost`, of those that it owes an acknowledgement.
    pub(super) fn handle_delivery(&mut self, arrived: u64, lost: u64, now: Instant) {
        self.seen.arrived += arrived as f64;
        self.seen.lost += lost as f64;
        if lost > 0 {
            self.since = Some(now);
            self.hinted = false;
            let wanted = copies_against(self.seen.loss());
            if wanted > self.copies {
                let relapsed = self
                    .fewer_at
                    .is_some_and(|at| now.saturating_duration_since(at) < self.patience);
                self.patience = match relapsed {
                    true => (self.patience * 2).min(MAX_PATIENCE),
                    false => PATIENCE,
                };
                self.set_copies(wanted);
            }
        }
        self.seen.fade();
    }

    /// Packets of the peer get lost, or come twice because it believes so: our way may be no better.
    ///
    /// Told once, or two peers would give each other the hint for ever.
    pub(super) fn handle_hint(&mut self, now: Instant) {
        if self.copies == 0 && !self.hinted {
            self.hinted = true;
            self.since = Some(now);
            self.set_copies(HINTED);
        }
    }

    /// `packets` were sent in one batch of `bytes`, along `routes` that may lose them. Returns how
    /// many copies are to follow, and counts them as spent.
    pub(super) fn handle_sent(
        &mut self,
        bytes: usize,
        packets: usize,
        routes: usize,
        now: Instant,
    ) -> u8 {
        self.forget(now);
        self.bulk.pour(bytes + packets * PER_PACKET, now);
        self.seen.sent += packets as f64;
        let busy = self.bulk.level(now) > f64::from(BULK);
        if packets != 1 || bytes > SMALL || routes == 0 || busy {
            return 0;
        }
        let cost = bytes * routes;
        let mut count = 0;
        while count < self.copies {
            // When the budget runs short, a first copy of each packet is worth more than a fourth of one.
            let reserve = f64::from(count) * f64::from(BUDGET_BURST) / f64::from(MAX_COPIES);
            if self.spent.room(now) < cost as f64 + reserve {
                break;
            }
            self.spent.pour(cost, now);
            count += 1;
        }
        self.seen.copied += f64::from(count);
        count
    }

    /// Tries one copy less when no loss was seen for long enough.
    ///
    /// The copies hide most of the loss, so its end shows only by trying. A trial that fails costs
    /// one late key, and the next one waits twice as long.
    fn forget(&mut self, now: Instant) {
        let quiet = self
            .since
            .is_some_and(|at| now.saturating_duration_since(at) >= self.patience);
        if quiet && self.copies > 0 {
            self.since = Some(now);
            self.fewer_at = Some(now);
            self.set_copies(self.copies - 1);
        }
    }

    fn set_copies(&mut self, copies: u8) {
        self.copies = copies;
        self.seen = Seen::default();
    }
}

impl Seen {
    /// The share of packets that the path loses. A packet that counts as lost was lost as often as
    /// it was sent, so what is seen is a power of what is.
    fn loss(&self) -> f64 {
        let judged = (self.arrived + self.lost).max(FEWEST);
        let copied = self.copied / self.sent.max(1.0);
        // One more than was seen: the first loss comes early or late by chance.
        let lost = (self.lost + 1.0) / judged;
        lost.min(1.0).powf(1.0 / (1.0 + copied))
    }

    fn fade(&mut self) {
        if self.arrived + self.lost > MOST {
            for count in [
                &mut self.sent,
                &mut self.copied,
                &mut self.arrived,
                &mut self.lost,
            ] {
                *count /= 2.0;
            }
        }
    }
}

/// How many copies leave so few packets without any that arrives.
fn copies_against(loss: f64) -> u8 {
    (1..MAX_COPIES)
        .find(|copies| loss.powi(1 + i32::from(*copies)) <= MISSED)
        .unwrap_or(MAX_COPIES)
}

/// One packet in ten thousand. Keys come in their order, so one that is lost in earnest makes those behind it late too: of
/// two hundred keys and their echoes that is one in twenty times, and one key in a hundred is late then.
const MISSED: f64 = 1e-4;

/// When the peer was seen to make copies, and nothing is known of the way there: enough for one packet in six.
pub(super) const HINTED: u8 = 4;

/// With a quarter of the packets lost, one in sixteen thousand is lost seven times.
pub(super) const MAX_COPIES: u8 = 6;

/// Keys, their echoes and acknowledgements are below this many bytes; what is above is part of
/// something larger, which waits for more than this packet.
pub(super) const SMALL: usize = 512;

/// Bytes a second, in copies: fifteen keys a second six times, and nothing that a network on which a
/// terminal is usable would notice.
pub(super) const BUDGET_RATE: u32 = 8_000;

/// Bytes at once: three copies of the largest packet, and of some keys.
pub(super) const BUDGET_BURST: u32 = 4_000;

/// What was sent lately and runs out at [`BULK_RATE`] a second: a screenful is below, a file above.
const BULK: u32 = 8_000;

/// Above what a person makes and reads. A sender that keeps above it makes its own loss.
const BULK_RATE: u32 = 64_000;

/// What a packet counts beside its bytes: the acknowledgements of a download are small and many.
const PER_PACKET: usize = 256;

/// Long against a key and short against a session. A loss of one in a hundred shows within this while
/// somebody types.
const PATIENCE: Duration = Duration::from_secs(180);

/// A path that was tried so often will lose packets to its end.
const MAX_PATIENCE: Duration = Duration::from_secs(1440);

/// Of so few packets one that is lost tells no more than that it is one of so many. Copies that were not needed cost little
/// and end again; a second key that is late could have been spared.
const FEWEST: f64 = 10.0;

/// Older packets count half, and so on: the weather of the last minutes.
const MOST: f64 = 400.0;
