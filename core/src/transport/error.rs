//! Few kinds of failure, each with its consequence.

use std::error::Error;
use std::fmt;

/// What the host may do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Closed on purpose, by either side.
    Closed,
    /// The peer broke the protocol. Never retried.
    Misbehaved,
    /// Nobody answered in time. Worth another try.
    TimedOut,
    /// The path is gone for now. Worth another try on another path.
    Unreachable,
    /// This transport cannot do that at all.
    Unsupported,
    /// The peer is not who it should be. Never retried.
    Untrusted,
}

/// A failure of a transport, with its cause in [`Error::source`].
#[derive(Debug)]
pub struct TransportError {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl TransportError {
    /// An error of `kind`; `message` says what was found and what was wanted.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The same with the error that caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the host may do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether another try may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::TimedOut | ErrorKind::Unreachable)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

impl From<TransportError> for std::io::Error {
    fn from(error: TransportError) -> Self {
        let kind = match error.kind {
            ErrorKind::Closed => std::io::ErrorKind::ConnectionAborted,
            ErrorKind::Misbehaved => std::io::ErrorKind::InvalidData,
            ErrorKind::TimedOut => std::io::ErrorKind::TimedOut,
            ErrorKind::Unreachable => std::io::ErrorKind::NetworkUnreachable,
            ErrorKind::Unsupported => std::io::ErrorKind::Unsupported,
            ErrorKind::Untrusted => std::io::ErrorKind::PermissionDenied,
        };
        Self::new(kind, error)
    }
}
