//! Packets that wait to be sent again: a fixed row of fixed buffers. Nothing here reads a clock.

use std::fmt;
use std::time::{Duration, Instant};

use super::state::{MAX_COPIES, SMALL};
use crate::transport::EcnCodepoint;

/// At most [`PLACES`] packets; when there is no place, the oldest gives way.
pub(super) struct Waiting {
    places: Box<[Place]>,
}

/// A copy that is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due<'a> {
    /// As it was sent the first time.
    pub(super) packet: &'a [u8],
    /// The mark that it had then.
    pub(super) ecn: Option<EcnCodepoint>,
}

#[derive(Clone)]
struct Place {
    sent_at: Instant,
    /// How often it was sent again.
    made: u8,
    /// How often it is to be sent again in all.
    copies: u8,
    ecn: Option<EcnCodepoint>,
    len: usize,
    bytes: [u8; SMALL],
}

impl Waiting {
    /// An empty row. Its buffers are all that it ever allocates.
    pub(super) fn new(now: Instant) -> Self {
        let free = Place {
            sent_at: now,
            made: 0,
            copies: 0,
            ecn: None,
            len: 0,
            bytes: [0; SMALL],
        };
        Self {
            places: vec![free; PLACES].into(),
        }
    }

    /// Takes a packet that was sent at `now`, to be sent again `copies` times. One above [`SMALL`]
    /// is not taken.
    pub(super) fn handle_sent(
        &mut self,
        packet: &[u8],
        ecn: Option<EcnCodepoint>,
        copies: u8,
        now: Instant,
    ) {
        let place = self
            .places
            .iter_mut()
            .min_by_key(|place| (place.due().is_some(), place.sent_at));
        let Some(place) = place.filter(|_| packet.len() <= SMALL) else {
            return;
        };
        place.sent_at = now;
        place.made = 0;
        place.copies = copies.min(MAX_COPIES);
        place.ecn = ecn;
        place.len = packet.len();
        place.bytes[..packet.len()].copy_from_slice(packet);
    }

    /// The next copy that is due at `now`. Call until `None`, then wait for [`Self::poll_timeout`].
    pub(super) fn poll_output(&mut self, now: Instant) -> Option<Due<'_>> {
        for place in &mut self.places {
            // Who was asleep meanwhile has nothing to gain from it.
            if place.due().is_some_and(|due| now > due + LATE) {
                place.copies = 0;
            }
        }
        let due = |place: &&mut Place| place.due().is_some_and(|due| now >= due);
        let place = self
            .places
            .iter_mut()
            .filter(due)
            .min_by_key(|place| place.due())?;
        place.made += 1;
        Some(Due {
            packet: &place.bytes[..place.len],
            ecn: place.ecn,
        })
    }

    /// When to call [`Self::poll_output`] again; `None` while nothing waits.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.places.iter().filter_map(Place::due).min()
    }
}

impl Place {
    fn due(&self) -> Option<Instant> {
        let after = AFTER.get(usize::from(self.made))?;
        (self.made < self.copies).then(|| self.sent_at + *after)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Waiting").finish_non_exhaustive()
    }
}

/// A second of the fastest typing, acknowledgements included, waits for 48 ms only.
pub(super) const PLACES: usize = 48;

/// From the packet to its copies: apart, so that a short burst of loss does not take them all, and
/// each a few milliseconds that nobody feels. The distance grows, as a burst that took two packets
/// is a longer one.
pub(super) const AFTER: [Duration; MAX_COPIES as usize] = [
    Duration::from_millis(3),
    Duration::from_millis(8),
    Duration::from_millis(15),
    Duration::from_millis(24),
    Duration::from_millis(35),
    Duration::from_millis(48),
];

/// A busy runtime is not so late; behind it, the transport has sent what is missing itself.
const LATE: Duration = Duration::from_millis(100);
