//! Which link a packet came on that opened, noted by the data path without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::table::LinkId;

/// The links of the packets that went to the transport last, by how those packets end.
///
/// A packet that an attacker sends to one link must not be taken for the genuine one that came on
/// another in the same moment. The end of a packet is where its authentication tag stands, which
/// nobody guesses and no header protection changes.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// The lower half of the packet's end, and the link's name in 32 bits.
    marks: Box<[AtomicU64; MARKS]>,
    /// The link whose packets went to the transport last.
    latest: AtomicU64,
    heard_on: AtomicU64,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self {
            marks: Box::new([const { AtomicU64::new(0) }; MARKS]),
            latest: AtomicU64::new(0),
            heard_on: AtomicU64::new(0),
        }
    }

    /// A packet that came on `link` goes to the transport.
    pub(super) fn handle_passed(&self, link: LinkId, packet: &[u8]) {
        if self.latest.load(Ordering::Relaxed) != link.0 {
            self.latest.store(link.0, Ordering::Relaxed);
        }
        if let Some((mark, ending)) = self.mark(packet) {
            mark.store(ending << 32 | link.0 & LOW, Ordering::Relaxed);
        }
    }

    /// A packet opened that is among those which the transport received last.
    pub(super) fn handle_opened(&self) {
        self.hear(self.latest.load(Ordering::Relaxed));
    }

    /// The packet opened that ends like `packet`. One that is not known any more tells nothing new.
    pub(super) fn handle_opened_packet(&self, packet: &[u8]) {
        let Some((mark, ending)) = self.mark(packet) else {
            return;
        };
        let found = mark.load(Ordering::Relaxed);
        if found >> 32 == ending && found != 0 {
            // A connection does not live for so many links that 32 bits mean two of them.
            self.hear(found & LOW);
        }
    }

    pub(super) fn heard_on(&self) -> LinkId {
        LinkId(self.heard_on.load(Ordering::Relaxed))
    }

    fn hear(&self, link: u64) {
        if self.heard_on.load(Ordering::Relaxed) != link {
            self.heard_on.store(link, Ordering::Relaxed);
        }
    }

    /// The place of a packet, and what is written there.
    fn mark(&self, packet: &[u8]) -> Option<(&AtomicU64, u64)> {
        let ending = u64::from_be_bytes(*packet.last_chunk()?);
        let place = (ending >> 32) as usize % MARKS;
        Some((&self.marks[place], ending & LOW))
    }
}

/// More than a client's sockets bring between two turns of a transport's task, but for a flood: of
/// that the last packets count.
const MARKS: usize = 256;

const LOW: u64 = u32::MAX as u64;

#[cfg(test)]
mod tests {
    use super::{Arrivals, LinkId};

    #[test]
    fn a_packet_that_opens_is_heard_on_its_own_link_whatever_came_after_it() {
        let arrivals = Arrivals::new();
        let genuine = [0x51; 40];
        arrivals.handle_passed(LinkId(4), &genuine);
        arrivals.handle_passed(LinkId(7), &[0x60; 40]);
        arrivals.handle_passed(LinkId(8), &[]);
        arrivals.handle_opened_packet(&genuine);
        assert_eq!(arrivals.heard_on(), LinkId(4));
        arrivals.handle_passed(LinkId(7), &genuine);
        arrivals.handle_opened_packet(&genuine);
        assert_eq!(arrivals.heard_on(), LinkId(7));
    }

    #[test]
    fn where_packets_are_opened_as_they_are_received_the_latest_link_is_the_one() {
        let arrivals = Arrivals::new();
        arrivals.handle_passed(LinkId(4), &[1; 40]);
        arrivals.handle_passed(LinkId(7), &[2; 3]);
        arrivals.handle_opened();
        assert_eq!(arrivals.heard_on(), LinkId(7));
    }

    #[test]
    fn a_packet_that_a_flood_has_swept_away_tells_of_no_link() {
        let arrivals = Arrivals::new();
        arrivals.handle_passed(LinkId(4), &[1; 40]);
        arrivals.handle_opened_packet(&[1; 40]);
        arrivals.handle_passed(LinkId(5), &[2; 40]);
        for junk in 0..100_000_u64 {
            let ending = junk.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            arrivals.handle_passed(LinkId(6), &ending);
        }
        arrivals.handle_opened_packet(&[2; 40]);
        assert_eq!(arrivals.heard_on(), LinkId(4));
    }

    #[test]
    fn zeros_at_the_end_of_a_packet_that_never_came_are_no_link() {
        let arrivals = Arrivals::new();
        arrivals.handle_passed(LinkId(4), &[1; 40]);
        arrivals.handle_opened_packet(&[1; 40]);
        arrivals.handle_opened_packet(&[0; 40]);
        assert_eq!(arrivals.heard_on(), LinkId(4));
    }
}
