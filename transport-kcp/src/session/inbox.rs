//! Datagrams that wait, to be sent or to be fetched.

use std::collections::VecDeque;

use bytes::Bytes;

/// A row of datagrams from which the oldest gives way.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    row: VecDeque<Bytes>,
    bytes: usize,
}

impl Inbox {
    pub(super) fn push(&mut self, datagram: Bytes) {
        self.bytes += datagram.len() + COST;
        self.row.push_back(datagram);
        while self.bytes > ROOM {
            self.pop();
        }
    }

    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let datagram = self.row.pop_front()?;
        self.bytes -= datagram.len() + COST;
        Some(datagram)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.row.is_empty()
    }
}

/// A few hundred datagrams: more is a queue that a game or a call is better off without.
const ROOM: usize = 512 << 10;

/// An empty datagram takes memory too.
const COST: usize = 64;
