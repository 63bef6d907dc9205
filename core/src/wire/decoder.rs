//! The bus read piece by piece, for loops that wait for other things too.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::bus::BusEvent;
use super::codec;
use super::error::WireError;

/// Turns the bytes of a bus into events. Sans-IO; [`Self::read_event`] adds a stream.
///
/// Holds at most one message and what was pushed behind it.
#[derive(Debug, Default)]
pub struct BusDecoder {
    buffer: BytesMut,
    expect: Expect,
}

/// What the next byte belongs to.
#[derive(Debug, Default)]
enum Expect {
    #[default]
    Command,
    /// The length of the message of this event.
    Length(String),
    /// So many bytes of the message of this event.
    Message(String, usize),
    /// So many bytes of a message that nobody here understands.
    Skip(String, usize),
    /// Nothing: the peer's bytes have lost their meaning.
    Lost,
}

impl BusDecoder {
    /// A decoder at the start of an event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what came. Pull events until there is none before pushing more: that bounds the memory.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.expect, Expect::Lost) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole event, or `None` when more bytes are wanted.
    ///
    /// # Errors
    ///
    /// After an error that [is recoverable](WireError::is_recoverable) the next call goes on behind the
    /// message; after any other there is nothing but [`WireError::OutOfStep`].
    pub fn poll_event(&mut self) -> Result<Option<BusEvent>, WireError> {
        loop {
            match std::mem::replace(&mut self.expect, Expect::Lost) {
                Expect::Command => {
                    let Some(name) = self.pull_command()? else {
                        self.expect = Expect::Command;
                        return Ok(None);
                    };
                    if name == "close" {
                        self.expect = Expect::Command;
                        return Ok(Some(BusEvent::Close));
                    }
                    self.expect = Expect::Length(name);
                }
                Expect::Length(name) => {
                    let Some(prefix) = self.buffer.first_chunk::<4>().copied() else {
                        self.expect = Expect::Length(name);
                        return Ok(None);
                    };
                    self.buffer.advance(prefix.len());
                    let length = codec::decode_length(prefix)?;
                    self.expect = if BusEvent::is_known(&name) {
                        Expect::Message(name, length)
                    } else {
                        Expect::Skip(name, length)
                    };
                }
                Expect::Message(name, length) => {
                    if self.buffer.len() < length {
                        self.expect = Expect::Message(name, length);
                        return Ok(None);
                    }
                    self.expect = Expect::Command;
                    let message = self.buffer.split_to(length);
                    return BusEvent::decode(&name, &message).map(Some);
                }
                Expect::Skip(name, length) => {
                    let here = length.min(self.buffer.len());
                    self.buffer.advance(here);
                    if here < length {
                        self.expect = Expect::Skip(name, length - here);
                        return Ok(None);
                    }
                    self.expect = Expect::Command;
                    return Ok(Some(BusEvent::Unknown(name)));
                }
                Expect::Lost => return Err(WireError::OutOfStep),
            }
        }
    }

    /// Waits for the next event; `None` when the peer ended its direction between two events.
    ///
    /// Cancel safe: bytes already read stay in the decoder.
    ///
    /// # Errors
    ///
    /// As [`Self::poll_event`], and [`WireError::Io`] with `UnexpectedEof` for an end inside an event.
    pub async fn read_event<R>(&mut self, from: &mut R) -> Result<Option<BusEvent>, WireError>
    where
        R: AsyncRead + Unpin,
    {
        loop {
            if let Some(event) = self.poll_event()? {
                return Ok(Some(event));
            }
            self.buffer.reserve(READ_AT_ONCE);
            if from.read_buf(&mut self.buffer).await? > 0 {
                continue;
            }
            if matches!(self.expect, Expect::Command) && self.buffer.is_empty() {
                return Ok(None);
            }
            return Err(WireError::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
    }

    fn pull_command(&mut self) -> Result<Option<String>, WireError> {
        let Some(&length) = self.buffer.first() else {
            return Ok(None);
        };
        let end = 1 + usize::from(length);
        if self.buffer.len() < end {
            return Ok(None);
        }
        let name = self.buffer.split_to(end);
        codec::decode_command(&name[1..]).map(Some)
    }
}

/// Events are a hundred bytes or so; a larger read would only hold memory.
const READ_AT_ONCE: usize = 4096;
