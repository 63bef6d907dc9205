//! Which of the server's addresses is tried next. Nothing here knows an address.

/// Numbers of addresses: the one that answered last has every second turn, the others share the rest.
#[derive(Debug)]
pub(super) struct Servers {
    count: usize,
    home: Option<usize>,
    turn: usize,
    unreachable: usize,
}

impl Servers {
    /// `count` addresses, the first one first.
    pub(super) fn new(count: usize) -> Self {
        Self {
            count: count.max(1),
            home: None,
            turn: 0,
            unreachable: 0,
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whose turn it is.
    pub(super) fn current(&self) -> usize {
        match self.home {
            Some(home) if self.turn.is_multiple_of(2) || self.count == 1 => home,
            Some(home) => (home + 1 + (self.turn / 2) % (self.count - 1)) % self.count,
            None => self.turn % self.count,
        }
    }

    /// Whether it is the turn of the only address, or of the one that answered last.
    pub(super) fn is_likely(&self) -> bool {
        self.count == 1 || self.home == Some(self.current())
    }

    /// The one with this number answered.
    pub(super) fn handle_answer_of(&mut self, number: usize) {
        self.home = Some(number % self.count);
        self.turn = 0;
        self.unreachable = 0;
    }

    /// This one did not answer.
    pub(super) fn handle_silence(&mut self) {
        self.turn = self.turn.wrapping_add(1);
        self.unreachable = 0;
    }

    /// There is no route to this one. Returns whether another is to be tried at once.
    pub(super) fn handle_no_route(&mut self) -> bool {
        self.turn = self.turn.wrapping_add(1);
        self.unreachable += 1;
        let all = match self.home {
            Some(_) if self.count > 1 => 2 * (self.count - 1),
            _ => self.count,
        };
        let another = self.unreachable < all;
        if !another {
            self.unreachable = 0;
        }
        another
    }

    /// Another network: the likely one first.
    pub(super) fn handle_moved(&mut self) {
        self.turn = 0;
        self.unreachable = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Servers;

    #[test]
    fn before_any_answer_all_have_their_turn() {
        let mut servers = Servers::new(3);
        assert_eq!(turns(&mut servers, 5), [0, 1, 2, 0, 1]);
    }

    #[test]
    fn the_one_that_answered_has_every_second_turn() {
        let mut servers = Servers::new(3);
        servers.handle_silence();
        servers.handle_answer_of(servers.current());
        assert_eq!(turns(&mut servers, 6), [1, 2, 1, 0, 1, 2]);
    }

    #[test]
    fn a_single_address_has_all_turns() {
        let mut servers = Servers::new(1);
        assert_eq!(turns(&mut servers, 3), [0, 0, 0]);
        servers.handle_answer_of(servers.current());
        assert_eq!(turns(&mut servers, 3), [0, 0, 0]);
        assert!(!servers.handle_no_route());
    }

    #[test]
    fn without_a_route_the_next_address_is_tried_at_once_until_all_were() {
        let mut servers = Servers::new(2);
        assert!(servers.handle_no_route());
        assert_eq!(servers.current(), 1);
        assert!(!servers.handle_no_route());
        servers.handle_answer_of(servers.current());
        assert!(servers.handle_no_route());
        assert!(!servers.handle_no_route());
    }

    fn turns(servers: &mut Servers, count: usize) -> Vec<usize> {
        (0..count)
            .map(|_| {
                let current = servers.current();
                servers.handle_silence();
                current
            })
            .collect()
    }
}
