//! JSON as Go writes it: compact, and with `<`, `>`, `&`, U+2028 and U+2029 escaped in strings.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// Appends `value` to `out`. A field that cannot be written leaves part of the object there.
pub(super) fn write<W: io::Write, T: Serialize>(out: W, value: &T) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(
        out,
        GoStrings(CompactFormatter),
    ))
}

/// Reads one value, with nothing after it but white space.
///
/// Bytes that are not UTF-8 become U+FFFD, as with Go.
pub(super) fn read<T: super::message::Decode>(text: &[u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(text) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_str(&String::from_utf8_lossy(text)),
    }
}

/// Differs from [`CompactFormatter`] inside strings alone.
struct GoStrings(CompactFormatter);

impl Formatter for GoStrings {
    fn write_string_fragment<W>(&mut self, out: &mut W, mut fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let needs_escape = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        while let Some((at, found)) = fragment.char_indices().find(|&(_, c)| needs_escape(c)) {
            self.0.write_string_fragment(out, &fragment[..at])?;
            write!(out, "\\u{:04x}", u32::from(found))?;
            fragment = &fragment[at + found.len_utf8()..];
        }
        self.0.write_string_fragment(out, fragment)
    }
}
