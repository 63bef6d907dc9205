//! Which failure of QUIC is which kind of error, in one sentence.

use quinn::ConnectionError;
use tssh_core::transport::{ErrorKind, TransportError};

/// The cause of a connection's end.
pub(crate) fn connection_error(error: ConnectionError) -> TransportError {
    let (kind, message) = match &error {
        ConnectionError::VersionMismatch => (
            ErrorKind::Misbehaved,
            "the peer speaks no version of QUIC that is known here".into(),
        ),
        ConnectionError::TransportError(found) => match alert(found.code.into()) {
            Some(alert) if distrusts(alert) => (
                ErrorKind::Untrusted,
                "the peer's certificate is not the one that was agreed at login".into(),
            ),
            Some(_) | None => (
                ErrorKind::Misbehaved,
                format!("the peer broke the QUIC protocol: {}", found.reason),
            ),
        },
        ConnectionError::ConnectionClosed(frame) => match alert(frame.error_code.into()) {
            Some(alert) if distrusts(alert) => (
                ErrorKind::Untrusted,
                "the peer refused the certificate that was agreed at login".into(),
            ),
            Some(_) | None => (
                ErrorKind::Misbehaved,
                format!("the peer ended the connection: {}", frame.error_code),
            ),
        },
        ConnectionError::ApplicationClosed(_) => {
            (ErrorKind::Closed, "the peer closed the connection".into())
        }
        ConnectionError::Reset => (
            ErrorKind::Closed,
            "the peer knows nothing of this connection: it was started anew".into(),
        ),
        ConnectionError::TimedOut => (
            ErrorKind::TimedOut,
            "the peer was silent for longer than any session may be".into(),
        ),
        ConnectionError::LocallyClosed => (ErrorKind::Closed, "the connection was closed".into()),
        ConnectionError::CidsExhausted => (
            ErrorKind::Misbehaved,
            "no connection id is left for another connection".into(),
        ),
    };
    let message: String = message;
    TransportError::new(kind, message).because(error)
}

/// The TLS alert in a QUIC error code (RFC 9001, section 4.8).
fn alert(code: u64) -> Option<u8> {
    let alert = code.checked_sub(0x100)?;
    u8::try_from(alert).ok()
}

/// Whether a TLS alert (RFC 8446, section 6.2) says that a certificate is not believed.
fn distrusts(alert: u8) -> bool {
    matches!(alert, 42..=46 | 48 | 49 | 51 | 116)
}
