//! The bytes of a frame: a header of 8 bytes, little-endian, and a body.

/// Bytes of a header.
pub(super) const HEADER: usize = 8;

/// Bytes of the body of an UPD.
pub(super) const UPDATE: usize = 8;

/// What ends with a FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fin {
    /// Both directions.
    Both,
    /// The sender reads no more.
    Read,
    /// The sender writes no more.
    Write,
}

/// What a frame is, without the bytes of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// `None` is a kind that nobody knows.
    Fin(u32, Option<Fin>),
    Nothing,
    Open(u32),
    /// So many bytes for a stream.
    Push(u32, u16),
    Update(u32),
}

impl Head {
    /// Reads a header; `None` when it is of no version or command that is known.
    pub(super) fn parse(head: [u8; HEADER]) -> Option<Self> {
        let [version, command, len @ .., a, b, c, d] = head;
        let len = u16::from_le_bytes(len);
        let stream = u32::from_le_bytes([a, b, c, d]);
        if version != VERSION {
            return None;
        }
        match command {
            SYN => Some(Self::Open(stream)),
            FIN => Some(Self::Fin(stream, Fin::from_kind(len))),
            PSH => Some(Self::Push(stream, len)),
            NOP => Some(Self::Nothing),
            UPD => Some(Self::Update(stream)),
            _ => None,
        }
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        let (command, len, stream) = match self {
            Self::Open(stream) => (SYN, 0, stream),
            Self::Fin(stream, kind) => (FIN, kind.map_or(u16::MAX, Fin::kind), stream),
            Self::Push(stream, len) => (PSH, len, stream),
            Self::Nothing => (NOP, 0, 0),
            Self::Update(stream) => (UPD, UPDATE as u16, stream),
        };
        out.extend_from_slice(&[VERSION, command]);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&stream.to_le_bytes());
    }
}

impl Fin {
    fn from_kind(kind: u16) -> Option<Self> {
        match kind {
            0 => Some(Self::Both),
            1 => Some(Self::Read),
            2 => Some(Self::Write),
            _ => None,
        }
    }

    fn kind(self) -> u16 {
        match self {
            Self::Both => 0,
            Self::Read => 1,
            Self::Write => 2,
        }
    }
}

const VERSION: u8 = 2;

const SYN: u8 = 0;
const FIN: u8 = 1;
const PSH: u8 = 2;
const NOP: u8 = 3;
const UPD: u8 = 4;
