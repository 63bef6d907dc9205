//! What a host may choose.

use crate::rekey::Thresholds;

/// The settings of the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// When the client asks for another key.
    pub rekey: Thresholds,
}

impl Config {
    /// The defaults with other thresholds.
    #[must_use]
    pub fn with_rekey(mut self, rekey: Thresholds) -> Self {
        self.rekey = rekey;
        self
    }
}
