//! For tests: reads one direction of a conversation, whoever speaks in it.

use std::time::Instant;

use super::Sink;
use super::receiver::Receiver;
use super::segment::{Command, take};

/// What one side has said.
pub(crate) struct Row {
    conv: u32,
    receiver: Receiver,
    /// The concatenation of all messages so far.
    pub(crate) bytes: Vec<u8>,
}

impl Row {
    pub(crate) fn new(conv: u32) -> Self {
        Self {
            conv,
            receiver: Receiver::new(),
            bytes: Vec::new(),
        }
    }

    /// Takes a packet's segments. Panics unless each is whole and of this conversation.
    pub(crate) fn take(&mut self, mut segments: &[u8]) {
        while !segments.is_empty() {
            let (head, data) = take(&mut segments).expect("a segment is not whole");
            assert_eq!(head.conv, self.conv);
            if head.command == Command::Push {
                let mut sink = Bytes(&mut self.bytes);
                self.receiver
                    .handle_push((head.sn, head.ts), data, &mut sink, Instant::now());
            }
        }
    }
}

struct Bytes<'a>(&'a mut Vec<u8>);

impl Sink for Bytes<'_> {
    fn has_room(&self) -> bool {
        true
    }

    fn take(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
