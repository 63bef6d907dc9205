//! The bytes of a segment: a header of 24 bytes, little-endian, and data.

/// Bytes of a header.
pub(crate) const HEADER: usize = 24;

/// What a segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Acknowledges one segment.
    Ack,
    /// Asks for the window.
    Ask,
    /// Carries data.
    Push,
    /// Tells the window.
    Tell,
}

/// The header of a segment. Its `frg` is 0: messages are no longer than a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) conv: u32,
    pub(super) command: Command,
    /// How many segments the sender of this one can take.
    pub(super) window: u16,
    /// The sender's clock in milliseconds; an acknowledgement repeats that of what it acknowledges.
    pub(super) ts: u32,
    pub(super) sn: u32,
    /// Everything before this number has arrived.
    pub(super) una: u32,
}

impl Header {
    /// Of a segment with so many bytes of data.
    pub(super) fn to_bytes(self, len: usize) -> [u8; HEADER] {
        let command = match self.command {
            Command::Push => PUSH,
            Command::Ack => ACK,
            Command::Ask => ASK,
            Command::Tell => TELL,
        };
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&self.conv.to_le_bytes());
        bytes[4] = command;
        bytes[6..8].copy_from_slice(&self.window.to_le_bytes());
        let numbers = [self.ts, self.sn, self.una, len as u32];
        for (place, number) in bytes[8..].chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    pub(super) fn write(self, len: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes(len));
    }
}

/// Takes the first segment off `bytes`; `None` when there is none, or none that is whole and known.
pub(super) fn take<'a>(bytes: &mut &'a [u8]) -> Option<(Header, &'a [u8])> {
    let (head, rest) = bytes.split_at_checked(HEADER)?;
    let number =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let command = match head[4] {
        PUSH => Command::Push,
        ACK => Command::Ack,
        ASK => Command::Ask,
        TELL => Command::Tell,
        _ => return None,
    };
    let (data, rest) = rest.split_at_checked(usize::try_from(number(20)).ok()?)?;
    *bytes = rest;
    let header = Header {
        conv: number(0),
        command,
        window: u16::from_le_bytes([head[6], head[7]]),
        ts: number(8),
        sn: number(12),
        una: number(16),
    };
    Some((header, data))
}

/// Whether the first segment of a packet is the first of a conversation.
pub(crate) fn begins(mut bytes: &[u8]) -> bool {
    take(&mut bytes).is_some_and(|(head, _)| head.command == Command::Push && head.sn == 0)
}

/// How far `to` lies ahead of `from`; negative when it lies behind. Numbers wrap.
pub(super) fn ahead(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

const PUSH: u8 = 81;
const ACK: u8 = 82;
const ASK: u8 = 83;
const TELL: u8 = 84;
