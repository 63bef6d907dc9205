//! What the peer's packets tell of the way that they came: whether it loses some, or the peer believes so.

/// Looks at how packets and their copies arrive.
#[derive(Debug, Default)]
pub(super) struct Signs {
    newest: Option<u32>,
    doubled: bool,
    /// So many packets came twice, one after the other.
    row: u8,
    seen: bool,
}

impl Signs {
    /// The data packet `pair`, or its `copy`, has arrived; `new` says that neither of them had before.
    pub(super) fn handle_packet(&mut self, pair: u32, copy: bool, new: bool) {
        match (new, copy) {
            // What it is a copy of was sent right before it.
            (true, true) => self.seen = true,
            (true, false) => {
                if !self.doubled {
                    self.row = 0;
                }
                (self.newest, self.doubled) = (Some(pair), false);
            }
            // Early data come twice too, and the newest of them is one packet.
            (false, false) if self.newest == Some(pair) && !self.doubled => {
                self.doubled = true;
                self.row = self.row.saturating_add(1);
                self.seen |= self.row >= DOUBLED;
            }
            (false, _) => {}
        }
    }

    /// Whether there was a sign of loss since the last call.
    pub(super) fn take(&mut self) -> bool {
        std::mem::take(&mut self.seen)
    }
}

/// So many in a row are the work of the peer's pipe.
const DOUBLED: u8 = 3;

#[cfg(test)]
mod tests {
    use super::Signs;

    #[test]
    fn a_copy_that_comes_alone_is_a_sign_of_loss_and_one_behind_its_packet_is_none() {
        let mut signs = Signs::default();
        signs.handle_packet(1, false, true);
        signs.handle_packet(1, true, false);
        assert!(!signs.take());
        signs.handle_packet(2, true, true);
        assert!(signs.take());
        assert!(!signs.take());
    }

    #[test]
    fn three_packets_in_a_row_that_come_twice_are_a_sign_and_early_data_are_none() {
        let mut signs = Signs::default();
        for _ in 0..10 {
            for pair in 1..=20 {
                signs.handle_packet(pair, false, true);
            }
            for pair in (1..=20).chain(1..=20) {
                signs.handle_packet(pair, false, false);
            }
            signs.handle_packet(21, false, true);
            signs.handle_packet(22, false, true);
        }
        assert!(!signs.take());
        for pair in 30..33 {
            assert!(!signs.take());
            signs.handle_packet(pair, false, true);
            signs.handle_packet(pair, false, false);
            signs.handle_packet(pair, false, false);
        }
        assert!(signs.take());
    }
}
