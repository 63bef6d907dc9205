//! Keys typed while the path is down: kept in order, counted, and dropped by Ctrl-C.
//!
//! Pure and bounded by [`TYPEAHEAD_LIMIT`]: keys beyond it stay with the caller.

#[cfg(test)]
mod tests;

use std::fmt;

use bytes::{Buf, Bytes};
use memchr::memmem;
use zeroize::Zeroize;

/// How many bytes of typing are kept: far above what anyone types blind, and a screenful of paste.
pub const TYPEAHEAD_LIMIT: usize = 64 * 1024;

/// A queue of keys for a remote side that cannot be reached.
///
/// Ctrl-C drops every key that waits and is then itself the only one: the remote program sees the
/// interrupt when the path is back, and nothing that was typed before it.
#[derive(Default)]
pub struct Typeahead {
    /// Reserved in full at the first key, so that growing leaves no copy of a password behind.
    keys: Vec<u8>,
    counter: Counter,
    /// Whether `keys` starts with an interrupt.
    interrupted: bool,
}

/// What [`Typeahead::push`] has done besides keeping keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// How many Ctrl-C were among the keys.
    pub interrupts: usize,
    /// How many keys they have dropped.
    pub dropped: usize,
}

impl Typeahead {
    /// Takes keys from the front of `keys` while there is room; the rest stays there.
    ///
    /// A Ctrl-C counts even behind what does not fit. It may come as the byte 3 or as the
    /// sequence that the keyboard protocols of kitty and xterm have for it.
    pub fn push(&mut self, keys: &mut Bytes) -> Pushed {
        let mut pushed = Pushed::default();
        if !keys.is_empty() {
            self.keys.reserve_exact(TYPEAHEAD_LIMIT - self.keys.len());
        }
        loop {
            while let Some(byte) = keys.first().copied().filter(|_| !self.is_full()) {
                keys.advance(1);
                self.keys.push(byte);
                self.counter.count(byte);
                if let Some(interrupt) = INTERRUPTS.iter().find(|key| self.keys.ends_with(key)) {
                    self.interrupt(interrupt, &mut pushed);
                }
            }
            let Some((at, interrupt)) = first_interrupt(keys) else {
                return pushed;
            };
            let behind = keys.split_to(at + interrupt.len());
            behind.iter().for_each(|byte| self.counter.count(*byte));
            self.interrupt(interrupt, &mut pushed);
        }
    }

    /// Returns everything that waits, in order, and is empty afterwards.
    pub fn take(&mut self) -> Bytes {
        let keys = Bytes::copy_from_slice(&self.keys);
        self.clear();
        keys
    }

    /// How many keys wait: characters and function keys, not bytes. An interrupt is not counted.
    pub fn waiting(&self) -> usize {
        self.counter
            .keys
            .saturating_sub(usize::from(self.interrupted))
    }

    /// Whether nothing waits, not even an interrupt.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether [`TYPEAHEAD_LIMIT`] is reached, so that the user should type no more.
    pub fn is_full(&self) -> bool {
        self.keys.len() >= TYPEAHEAD_LIMIT
    }

    fn interrupt(&mut self, key: &[u8], pushed: &mut Pushed) {
        pushed.interrupts += 1;
        pushed.dropped += self.waiting().saturating_sub(1);
        self.clear();
        self.keys.reserve_exact(TYPEAHEAD_LIMIT);
        self.keys.extend_from_slice(key);
        self.counter.keys = 1;
        self.interrupted = true;
    }

    fn clear(&mut self) {
        self.keys.zeroize();
        self.counter = Counter::default();
        self.interrupted = false;
    }
}

impl Drop for Typeahead {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

/// Keys may be passwords, so only their number is shown.
impl fmt::Debug for Typeahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typeahead")
            .field("waiting", &self.waiting())
            .field("interrupted", &self.interrupted)
            .finish_non_exhaustive()
    }
}

/// Ctrl-C as a byte, in the kitty keyboard protocol, and by xterm's modifyOtherKeys.
const INTERRUPTS: [&[u8]; 3] = [b"\x03", b"\x1b[99;5u", b"\x1b[27;5;99~"];

fn first_interrupt(keys: &[u8]) -> Option<(usize, &'static [u8])> {
    INTERRUPTS
        .into_iter()
        .filter_map(|interrupt| Some((memmem::find(keys, interrupt)?, interrupt)))
        .min_by_key(|(at, _)| *at)
}

/// Counts what a user calls a key.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    keys: usize,
    state: Key,
}

#[derive(Clone, Copy, Debug, Default)]
enum Key {
    #[default]
    Whole,
    /// After ESC, which is a key of its own unless a sequence follows.
    Escape,
    /// Inside `ESC [ …`.
    Csi,
    /// After `ESC O`.
    Ss3,
}

impl Counter {
    fn count(&mut self, byte: u8) {
        let continues = matches!(byte, 0x80..=0xbf);
        self.state = match (self.state, byte) {
            (Key::Whole | Key::Escape, 0x1b) => {
                self.keys += 1;
                Key::Escape
            }
            (Key::Escape, b'[') => Key::Csi,
            (Key::Escape, b'O') => Key::Ss3,
            (Key::Csi, 0x20..=0x3f) => Key::Csi,
            (Key::Whole, _) if !continues => {
                self.keys += 1;
                Key::Whole
            }
            (Key::Whole | Key::Escape | Key::Csi | Key::Ss3, _) => Key::Whole,
        };
    }
}
