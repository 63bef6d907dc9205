//! Cuts frames out of bytes that come in pieces of any size. Keeps no more than one header.

use super::frame::{HEADER, Head, UPDATE};

/// A frame, or a piece of the body of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A frame without a body.
    Frame(Head),
    /// Some of the data of a PSH.
    Data(u32, &'a [u8]),
    /// A whole UPD: stream, consumed, window.
    Update(u32, u32, u32),
}

/// Bytes that are neither of this version nor of a command that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unknown;

/// Where in a frame the bytes so far ended.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// A header or the body of an UPD, as far as it is there.
    part: [u8; HEADER],
    have: usize,
    body: Body,
}

#[derive(Clone, Copy, Debug, Default)]
enum Body {
    /// A header comes next.
    #[default]
    None,
    Data {
        stream: u32,
        left: usize,
    },
    Update {
        stream: u32,
    },
}

impl Reader {
    /// The next piece of `bytes`, from which it is taken; `None` when they are used up.
    ///
    /// # Errors
    ///
    /// The connection cannot go on: where the next frame begins is unknown.
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Piece<'a>>, Unknown> {
        loop {
            match self.body {
                Body::Data { stream, left } => {
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    let (data, rest) = bytes.split_at(left.min(bytes.len()));
                    *bytes = rest;
                    self.body = match left - data.len() {
                        0 => Body::None,
                        left => Body::Data { stream, left },
                    };
                    return Ok(Some(Piece::Data(stream, data)));
                }
                Body::Update { stream } => {
                    let Some(body) = self.collect(bytes) else {
                        return Ok(None);
                    };
                    self.body = Body::None;
                    let [a, b, c, d, e, f, g, h] = body;
                    let consumed = u32::from_le_bytes([a, b, c, d]);
                    let window = u32::from_le_bytes([e, f, g, h]);
                    return Ok(Some(Piece::Update(stream, consumed, window)));
                }
                Body::None => {
                    let Some(head) = self.collect(bytes) else {
                        return Ok(None);
                    };
                    match Head::parse(head).ok_or(Unknown)? {
                        Head::Push(_, 0) => {}
                        Head::Push(stream, len) => {
                            let left = usize::from(len);
                            self.body = Body::Data { stream, left };
                        }
                        Head::Update(stream) => self.body = Body::Update { stream },
                        head @ (Head::Fin(..) | Head::Nothing | Head::Open(_)) => {
                            return Ok(Some(Piece::Frame(head)));
                        }
                    }
                }
            }
        }
    }

    fn collect(&mut self, bytes: &mut &[u8]) -> Option<[u8; HEADER]> {
        const { assert!(HEADER == UPDATE) }
        let (more, rest) = bytes.split_at((HEADER - self.have).min(bytes.len()));
        self.part[self.have..self.have + more.len()].copy_from_slice(more);
        self.have += more.len();
        *bytes = rest;
        if self.have < HEADER {
            return None;
        }
        self.have = 0;
        Some(self.part)
    }
}
