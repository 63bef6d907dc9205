//! Which share of the packets is lost: while the window is held low, and otherwise.

/// The loss that is the path's own, and the loss that comes from filling it.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    low: Tally,
    full: Tally,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    arrived: f64,
    lost: f64,
}

impl Losses {
    /// `low` says that the packet left while the window was held low.
    pub(super) fn handle_acked(&mut self, bytes: u64, low: bool) {
        self.tally(low).arrived += bytes as f64;
    }

    /// As above.
    pub(super) fn handle_lost(&mut self, bytes: u64, low: bool) {
        self.tally(low).lost += bytes as f64;
    }

    /// A round trip is over: what is old counts less.
    pub(super) fn handle_round(&mut self, low: bool) {
        self.tally(low).fade();
    }

    /// The share that the path loses by chance, from 0 to [`MOST`]. `packet` in bytes.
    pub(super) fn by_chance(&self, packet: u64) -> f64 {
        let share = match self.low.total() >= ENOUGH * packet as f64 {
            true => self.low.share(),
            // The smaller of two guesses: a window held too small grows again, a full path suffers.
            false => self.full.share() / 2.0,
        };
        share.min(MOST)
    }

    /// The share that is lost while the window is held low, as soon as that is known, and otherwise the whole. `packet` in
    /// bytes.
    pub(super) fn seen(&self, packet: u64) -> f64 {
        let enough = ENOUGH * packet as f64;
        [self.low, self.full]
            .into_iter()
            .find(|tally| tally.total() >= enough)
            .map_or(0.0, Tally::share)
    }

    /// The share that is lost on top because the path is full. `packet` in bytes.
    pub(super) fn by_filling(&self, packet: u64) -> f64 {
        match self.low.total() >= ENOUGH * packet as f64 {
            true => {
                let chance = self.low.share() * NOISE + self.doubt(packet);
                (self.full.share() - chance).max(0.0)
            }
            false => 0.0,
        }
    }

    /// Bytes in flight of which `packets` are lost, of `packet` bytes each.
    pub(super) fn in_flight_of(&self, packets: u64, packet: u64) -> u64 {
        let lost = self.low.lost + self.full.lost;
        let total = self.low.total() + self.full.total();
        match lost > 0.0 {
            true => ((packets * packet) as f64 * total / lost) as u64,
            false => u64::MAX,
        }
    }

    /// How far two counts of the same chance may be apart: twice the deviation of their difference, from so few packets.
    fn doubt(&self, packet: u64) -> f64 {
        let share = self.low.share();
        let few =
            packet as f64 / self.low.total().max(1.0) + packet as f64 / self.full.total().max(1.0);
        2.0 * (share * (1.0 - share) * few).sqrt()
    }

    fn tally(&mut self, low: bool) -> &mut Tally {
        match low {
            true => &mut self.low,
            false => &mut self.full,
        }
    }
}

impl Tally {
    fn total(self) -> f64 {
        self.arrived + self.lost
    }

    fn share(self) -> f64 {
        match self.total() {
            total if total > 0.0 => self.lost / total,
            _ => 0.0,
        }
    }

    fn fade(&mut self) {
        self.arrived *= FADE;
        self.lost *= FADE;
    }
}

/// What a round trip leaves of what was counted before it: the last eight weigh most.
const FADE: f64 = 0.875;

/// Packets that make a share worth believing.
const ENOUGH: f64 = 100.0;

/// Two counts of the same chance differ by so much.
const NOISE: f64 = 1.25;

/// A path that loses more than half is not made better by sending more.
const MOST: f64 = 0.5;
