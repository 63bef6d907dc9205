//! The near end of a forwarded connection.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A connected socket, whose directions end one by one: `shutdown` of the writer ends one of them.
pub trait Socket: Send {
    /// Its two directions.
    fn halves(
        &mut self,
    ) -> (
        impl AsyncRead + Send + Unpin,
        impl AsyncWrite + Send + Unpin,
    );

    /// Closes it in a way that its peer cannot take for an ordinary end, where there is such a way.
    fn reset(self);
}

impl Socket for TcpStream {
    fn halves(
        &mut self,
    ) -> (
        impl AsyncRead + Send + Unpin,
        impl AsyncWrite + Send + Unpin,
    ) {
        self.split()
    }

    fn reset(self) {
        // RFC 9293, section 3.10.4: closing without lingering sends a reset. A socket that cannot be set so is closed.
        let _ = socket2::SockRef::from(&self).set_linger(Some(Duration::ZERO));
    }
}

#[cfg(unix)]
impl Socket for UnixStream {
    fn halves(
        &mut self,
    ) -> (
        impl AsyncRead + Send + Unpin,
        impl AsyncWrite + Send + Unpin,
    ) {
        self.split()
    }

    /// A Unix socket knows no reset.
    fn reset(self) {}
}

/// For tests, and for programs that forward to themselves.
impl Socket for DuplexStream {
    fn halves(
        &mut self,
    ) -> (
        impl AsyncRead + Send + Unpin,
        impl AsyncWrite + Send + Unpin,
    ) {
        tokio::io::split(self)
    }

    /// Bytes in memory know no reset.
    fn reset(self) {}
}
