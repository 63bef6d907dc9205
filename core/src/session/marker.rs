//! Markers in a byte stream: what comes before one is stale.
//!
//! PROTOCOL.md, "Behaviour while disconnected". The server draws a marker for stdin when the path changes; the client
//! draws one for the output when it wants a fresh screen. Both search with [`MarkerScanner`].

/// Draws the markers of one connection.
#[derive(Clone, Debug, Default)]
pub struct InputMarkers {
    counter: u32,
}

/// A marker for stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputMarker {
    counter: u32,
    bytes: [u8; INPUT_MARKER_LEN],
}

impl InputMarkers {
    /// A marker that this connection has not had.
    pub fn draw(&mut self) -> InputMarker {
        loop {
            self.counter = match self.counter.checked_add(1) {
                Some(next) => skip_forbidden(next),
                None => 1,
            };
            let number = self.counter.to_be_bytes();
            if number.iter().any(is_forbidden) {
                continue;
            }
            let mut bytes = [0; INPUT_MARKER_LEN];
            bytes[..PREFIX.len()].copy_from_slice(&PREFIX);
            bytes[PREFIX.len()..].copy_from_slice(&number);
            return InputMarker {
                counter: self.counter,
                bytes,
            };
        }
    }
}

impl InputMarker {
    /// Which one it is, from 1.
    pub fn number(&self) -> u64 {
        self.counter.into()
    }

    /// As the client writes it into stdin.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Searches chunks of a stream for one marker, wherever the chunks are cut.
#[derive(Clone, Debug)]
pub struct MarkerScanner {
    marker: Vec<u8>,
    /// How long the longest start of the marker is that ends the first `i + 1` bytes of it, without being all of them.
    borders: Vec<usize>,
    matched: usize,
}

impl MarkerScanner {
    /// A search for `marker`. An empty marker is found at once.
    pub fn new(marker: &[u8]) -> Self {
        Self {
            borders: borders(marker),
            marker: marker.to_vec(),
            matched: 0,
        }
    }

    /// Searches `chunk`. What turns out to stand before the marker is handed to `before`, in pieces and in order; a
    /// start of the marker at the end of the chunk waits for the next one. Returns where in `chunk` the bytes behind
    /// the marker begin, once it is found; the search is then over.
    pub fn push(&mut self, chunk: &[u8], before: &mut impl FnMut(&[u8])) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.matched == self.marker.len() {
                self.matched = 0;
                return Some(at);
            }
            if self.matched == 0 {
                let rest = &chunk[at..];
                let skipped = rest.iter().position(|byte| *byte == self.marker[0]);
                let skipped = skipped.unwrap_or(rest.len());
                if skipped > 0 {
                    before(&rest[..skipped]);
                    at += skipped;
                }
            }
            let byte = *chunk.get(at)?;
            if byte == self.marker[self.matched] {
                self.matched += 1;
                at += 1;
                continue;
            }
            let border = self.borders[self.matched - 1];
            before(&self.marker[..self.matched - border]);
            self.matched = border;
        }
    }

    /// Gives up: what was held back as a possible start of the marker is handed to `before`.
    pub fn finish(self, before: &mut impl FnMut(&[u8])) {
        if self.matched > 0 {
            before(&self.marker[..self.matched]);
        }
    }
}

fn borders(marker: &[u8]) -> Vec<usize> {
    let mut borders = vec![0; marker.len()];
    let mut length = 0;
    for at in 1..marker.len() {
        while length > 0 && marker[at] != marker[length] {
            length = borders[length - 1];
        }
        if marker[at] == marker[length] {
            length += 1;
        }
        borders[at] = length;
    }
    borders
}

/// tmux in control mode takes these for the end of a command.
fn is_forbidden(byte: &u8) -> bool {
    matches!(byte, b';' | b'\r')
}

/// The first number from `number` on whose highest forbidden byte has been stepped over, so that a forbidden high byte
/// does not cost millions of tries.
fn skip_forbidden(number: u32) -> u32 {
    for shift in [24, 16, 8, 0] {
        let byte = (number >> shift) as u8;
        if is_forbidden(&byte) {
            return ((number >> shift) + 1) << shift;
        }
    }
    number
}

/// Never part of a UTF-8 text: `C0` and `C1` would be overlong, `FF` is nothing.
const PREFIX: [u8; 4] = [0xff, 0xc0, 0xc1, 0xff];

/// The prefix and a counter.
const INPUT_MARKER_LEN: usize = 8;
