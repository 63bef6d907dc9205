//! Text that nobody may read in a log, and that is wiped when dropped.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::message::Field;

/// A secret in the form in which it travels: for keys, hexadecimal.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes over `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The hexadecimal form of `bytes`, lower case.
    pub fn hex(bytes: &[u8]) -> Self {
        Self(hex::encode(bytes))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The bytes whose hexadecimal form this is, or `None`.
    pub fn unhex(&self) -> Option<Zeroizing<Vec<u8>>> {
        hex::decode(&self.0).ok().map(Zeroizing::new)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "none" } else { "secret" })
    }
}

impl Field for Secret {
    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn put<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }

    fn take<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(from)?.unwrap_or_default()))
    }

    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, to)
    }
}
