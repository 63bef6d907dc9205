//! Connections that the client has its server make.

use super::client::Client;
use crate::transport::{Priority, Stream};
use crate::wire::{Command, DialReply, DialRequest, WireError, codec};

impl Client {
    /// Has the server connect somewhere, and returns the stream to it and what the server reached.
    ///
    /// While there is no path it waits. Cancel safe: dropping the future gives the attempt up.
    ///
    /// # Errors
    ///
    /// [`WireError::Refused`] when the server may not, or cannot; [`WireError::Io`] when the
    /// connection ends.
    pub async fn dial(&self, request: &DialRequest) -> Result<(Stream, DialReply), WireError> {
        let mut stream = self.connection.open().await.map_err(std::io::Error::from)?;
        stream.writer.set_priority(Priority::Bulk);
        codec::write_command_and_message(&mut stream, Command::Dial.as_str(), request).await?;
        codec::read_ack(&mut stream).await?;
        let reply = codec::read_reply(&mut stream).await?;
        Ok((stream, reply))
    }
}
