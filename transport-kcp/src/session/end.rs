//! How a connection ends.

use tssh_core::transport::{ErrorKind, TransportError};

use crate::smux::Ended;

/// Why a connection is no more. Told to whoever asks, as often as they ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// This side closed it, or let go of it.
    Local,
    /// The peer closed it.
    Peer,
    /// The peer did what the protocol does not permit.
    Misbehaved(&'static str),
    /// Nobody answered the first packets.
    Unanswered,
    /// The machine fails us.
    NoRandomness,
}

impl End {
    pub(crate) fn error(self) -> TransportError {
        let (kind, message) = match self {
            Self::Local => (ErrorKind::Closed, "the connection was closed".into()),
            Self::Peer => (ErrorKind::Closed, "the peer closed the connection".into()),
            Self::Misbehaved(what) => (
                ErrorKind::Misbehaved,
                format!("the peer broke the KCP protocol: {what}"),
            ),
            Self::Unanswered => (
                ErrorKind::TimedOut,
                format!(
                    "the peer did not answer within {} s",
                    super::state::ANSWER_TIMEOUT.as_secs()
                ),
            ),
            Self::NoRandomness => (
                ErrorKind::Unsupported,
                "the system gives no randomness for a packet".into(),
            ),
        };
        let message: String = message;
        TransportError::new(kind, message)
    }
}

impl From<Ended> for End {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Farewell => Self::Peer,
            Ended::Misbehaved(what) => Self::Misbehaved(what),
        }
    }
}
