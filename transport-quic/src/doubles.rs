//! Which packets leave twice: those sent again, where a path loses many and what comes behind them waits.
//!
//! Of a window of thousands of packets on a path that loses one in five, one is lost five times in a row, and each time costs a
//! round trip. Of those that leave twice, one in twenty-five is lost. That is the whole budget: a packet more for each that was
//! lost, on a path of which [`loss_that_stalls`] says that it could carry more. Where the path itself is full, or shared with a
//! flow of TCP, nothing leaves twice.
//!
//! quinn sends what was lost before anything new, so of the full packets that leave next, so many bytes as were lost are those
//! sent again. The peer knows the double by its number and drops it (RFC 9000, section 12.3).
//!
//! [`loss_that_stalls`]: tssh_core::congestion::Congestion::loss_that_stalls

use std::sync::atomic::{AtomicU64, Ordering};

/// Told by the congestion control, asked by the socket: quinn calls both under the lock of the connection.
#[derive(Debug, Default)]
pub(crate) struct Doubles {
    /// Bytes that were lost and have not left again.
    owed: AtomicU64,
}

impl Doubles {
    /// Packets of `bytes` in all were lost, and go out again twice.
    pub(crate) fn handle_lost(&self, bytes: u64) {
        let owed = self.owed.load(Ordering::Relaxed);
        self.owed
            .store(owed.saturating_add(bytes).min(MOST), Ordering::Relaxed);
    }

    /// Whatever was lost goes out once.
    pub(crate) fn clear(&self) {
        self.owed.store(0, Ordering::Relaxed);
    }

    /// A batch of `len` bytes in packets of `segment` bytes has left. Returns how many of its first bytes are to leave again.
    pub(crate) fn take(&self, len: usize, segment: usize) -> usize {
        let owed = self.owed.load(Ordering::Relaxed);
        if owed == 0 || segment < FULL {
            return 0;
        }
        let whole = len - len % segment;
        let owed_packets = usize::try_from(owed)
            .unwrap_or(usize::MAX)
            .div_ceil(segment);
        let taken = owed_packets.saturating_mul(segment).min(whole);
        self.owed
            .store(owed.saturating_sub(taken as u64), Ordering::Relaxed);
        taken
    }
}

/// RFC 9000, section 14: a path carries packets of so many bytes. What is smaller has no more to send, or is an
/// acknowledgement.
const FULL: usize = 1200;

/// Bytes: what is lost of a window, in full packets. More is not sent again in the next round trip.
const MOST: u64 = 350_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_bytes_leave_twice_as_were_lost() {
        let doubles = Doubles::default();
        assert_eq!(doubles.take(5 * 1400, 1400), 0);
        doubles.handle_lost(3 * 1400);
        // What is not full answers somebody, or ends something.
        assert_eq!(doubles.take(60, 60), 0);
        assert_eq!(doubles.take(2 * 1400, 1400), 2 * 1400);
        assert_eq!(doubles.take(5 * 1400 + 60, 1400), 1400);
        assert_eq!(doubles.take(5 * 1400, 1400), 0);
    }

    #[test]
    fn what_was_lost_long_ago_is_not_made_good_twice() {
        let doubles = Doubles::default();
        doubles.handle_lost(u64::MAX);
        doubles.handle_lost(1);
        let packets = usize::try_from(MOST).unwrap().div_ceil(1400);
        assert_eq!(doubles.take(1000 * 1400, 1400), packets * 1400);
        doubles.handle_lost(1400);
        doubles.clear();
        assert_eq!(doubles.take(1400, 1400), 0);
    }
}
