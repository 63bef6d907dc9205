//! Bytes as a row of decisions. One that is used up decides 0.

/// What is left to be decided.
#[derive(Debug)]
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    pub(crate) fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// A number near `middle`, or any.
    pub(crate) fn near(&mut self, middle: u32) -> u32 {
        match self.byte() {
            step @ 0..0x60 => middle.wrapping_add(u32::from(step % 8)),
            step @ 0x60..0xa0 => middle.wrapping_sub(u32::from(step % 8)),
            0xa0..0xd0 => middle.wrapping_add(u32::from(self.short())),
            0xd0..0xf0 => middle.wrapping_sub(u32::from(self.short())),
            _ => self.word(),
        }
    }

    /// Bytes as they are, at most `most` and at most what is left.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let bytes = self.bytes(N);
        array[..bytes.len()].copy_from_slice(bytes);
        array
    }
}
