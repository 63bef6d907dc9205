//! The limit on what an address is sent before it has proved that it hears us.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Bytes that may be sent to an address from which only a claim came, which can be a replay.
///
/// Read and counted by the data path without a lock; a race costs a packet more or less.
#[derive(Debug, Default)]
pub struct Budget {
    limited: AtomicBool,
    left: AtomicI64,
}

impl Budget {
    /// A new address: `received` bytes came from it, and `sent` went there.
    pub fn limit(&self, received: usize, sent: usize) {
        let left = FACTOR * amount(received) - amount(sent);
        self.left.store(left, Ordering::Relaxed);
        self.limited.store(true, Ordering::Release);
    }

    /// The address has proved itself. Returns whether it was limited.
    pub fn lift(&self) -> bool {
        self.limited.load(Ordering::Relaxed) && self.limited.swap(false, Ordering::AcqRel)
    }

    /// Whether the address is limited.
    pub fn is_limited(&self) -> bool {
        self.limited.load(Ordering::Acquire)
    }

    /// `bytes` more came from the limited address.
    pub fn handle_received(&self, bytes: usize) {
        self.left
            .fetch_add(FACTOR * amount(bytes), Ordering::Relaxed);
    }

    /// Whether `bytes` may be sent to the limited address; counts them when they may.
    pub fn spend(&self, bytes: usize) -> bool {
        let bytes = amount(bytes);
        if self.left.load(Ordering::Relaxed) < bytes.max(1) {
            return false;
        }
        self.left.fetch_sub(bytes, Ordering::Relaxed);
        true
    }
}

fn amount(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX / FACTOR)
}

/// RFC 9000, section 8.1: three times what came.
const FACTOR: i64 = 3;

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn an_unproved_address_gets_three_times_what_it_sent_and_no_byte_more() {
        let budget = Budget::default();
        budget.limit(110, 30);
        assert!(budget.spend(200));
        assert!(!budget.spend(101));
        assert!(budget.spend(100));
        assert!(!budget.spend(0));
        budget.handle_received(1);
        assert!(budget.spend(3));
        assert!(!budget.spend(1));
    }

    #[test]
    fn a_proof_lifts_the_limit_once() {
        let budget = Budget::default();
        budget.limit(1, 0);
        assert!(budget.is_limited());
        assert!(budget.lift());
        assert!(!budget.lift());
        assert!(!budget.is_limited());
    }
}
