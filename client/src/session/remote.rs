//! The far side of a session, over plain SSH or over a roaming connection.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tssh_core::connection::{Client, RemoteSession};
use tssh_core::transport::{ReadHalf, WriteHalf};
use tssh_core::wire::{Exit, Resize};

use crate::login::{ChannelReader, ChannelWriter, Event, LoginError, Size};

/// What a session's program is told.
pub enum RemoteInput {
    /// A channel of the login.
    Plain(Arc<ChannelWriter>),
    /// A stream of a roaming connection.
    Roaming {
        /// The program's standard input.
        stdin: Box<dyn WriteHalf>,
    },
}

/// What a session's program says.
pub enum RemoteOutput {
    /// A channel of the login.
    Plain(ChannelReader),
    /// Streams of a roaming connection.
    Roaming(Roaming),
}

/// Tells the far side the size of the terminal.
#[derive(Clone)]
pub enum Control {
    /// Over the roaming connection.
    Roaming {
        /// The connection.
        client: Client,
        /// The session.
        id: u64,
    },
    /// Over the channel of the login.
    Plain(Arc<ChannelWriter>),
}

/// The output streams of a roaming session.
pub struct Roaming {
    stdout: Option<Box<dyn ReadHalf>>,
    stderr: Option<Box<dyn ReadHalf>>,
    exit: Option<oneshot::Receiver<Exit>>,
    out: BytesMut,
    err: BytesMut,
    finished: bool,
}

/// Why a session broke off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// The login ended.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// This side's output.
    #[error("writing to standard output or standard error")]
    Output(#[source] io::Error),
    /// The roaming connection ended.
    #[error("the connection to the server has ended")]
    Ended,
    /// A stream of it did.
    #[error("the connection to the server has ended: {0}")]
    Stream(#[from] io::Error),
}

impl RemoteInput {
    /// Sends keys or bytes, waiting while the program does not take them. Not cancel safe.
    ///
    /// # Errors
    ///
    /// When the program reads no more, or the connection has ended.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Broken> {
        match self {
            Self::Plain(writer) => Ok(writer.write(bytes).await?),
            Self::Roaming { stdin } => Ok(stdin.write_all(&bytes).await?),
        }
    }

    /// Ends the program's input.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub async fn finish(&mut self) -> Result<(), Broken> {
        match self {
            Self::Plain(writer) => Ok(writer.finish().await?),
            Self::Roaming { stdin } => Ok(stdin.shutdown().await?),
        }
    }
}

impl Control {
    /// Tells the size; `redraw` asks for a repaint even when it is the same.
    pub async fn resize(&self, size: Size, redraw: bool) {
        match self {
            Self::Plain(writer) => {
                // A login that has ended needs no size.
                let _ = writer.resize(size).await;
            }
            Self::Roaming { client, id } => {
                let (cols, rows) = (size.columns, size.rows);
                let resize = Resize {
                    id: *id,
                    cols,
                    rows,
                    redraw,
                    ..Resize::default()
                };
                client.resize(resize).await;
            }
        }
    }
}

impl RemoteOutput {
    /// The next thing the program says; `None` when it has ended and all is said. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the connection ended before the program did.
    pub async fn next(&mut self) -> Result<Option<Event>, Broken> {
        match self {
            Self::Plain(reader) => Ok(reader.next().await?),
            Self::Roaming(session) => session.next().await,
        }
    }
}

impl Roaming {
    /// The output half of `session`, and its input.
    pub fn split(session: RemoteSession) -> (Self, RemoteInput) {
        let output = Self {
            stdout: Some(session.stdout),
            stderr: session.stderr,
            exit: Some(session.exit),
            out: BytesMut::new(),
            err: BytesMut::new(),
            finished: false,
        };
        (
            output,
            RemoteInput::Roaming {
                stdin: session.stdin,
            },
        )
    }

    async fn next(&mut self) -> Result<Option<Event>, Broken> {
        // PROTOCOL.md, "Sessions": over when `exit` and both ends of output have come, in any order.
        loop {
            if self.stdout.is_none() && self.stderr.is_none() {
                if !std::mem::replace(&mut self.finished, true) {
                    return Ok(Some(Event::Finished));
                }
                if self.exit.is_none() {
                    return Ok(None);
                }
            }
            tokio::select! {
                biased; // What the program said comes before how it ended.
                read = read(&mut self.stdout, &mut self.out) => {
                    if let Some(bytes) = read? {
                        return Ok(Some(Event::Stdout(bytes)));
                    }
                    self.stdout = None;
                }
                read = read(&mut self.stderr, &mut self.err) => {
                    if let Some(bytes) = read? {
                        return Ok(Some(Event::Stderr(bytes)));
                    }
                    self.stderr = None;
                }
                exit = ended(&mut self.exit) => {
                    self.exit = None;
                    return Ok(Some(status(exit?)));
                }
            }
        }
    }
}

/// Reads what is there; `None` at the end. For ever where there is no stream. Cancel safe.
async fn read(
    stream: &mut Option<Box<dyn ReadHalf>>,
    buffer: &mut BytesMut,
) -> io::Result<Option<Bytes>> {
    match stream {
        Some(stream) => {
            buffer.reserve(READ_SIZE);
            let length = stream.read_buf(buffer).await?;
            Ok((length > 0).then(|| buffer.split().freeze()))
        }
        None => std::future::pending().await,
    }
}

async fn ended(exit: &mut Option<oneshot::Receiver<Exit>>) -> Result<Exit, Broken> {
    match exit {
        Some(exit) => exit.await.map_err(|_| Broken::Ended),
        None => std::future::pending().await,
    }
}

fn status(exit: Exit) -> Event {
    if exit.code == Exit::BY_SIGNAL || !exit.signal.is_empty() {
        let signal = if exit.signal.is_empty() {
            "KILL".to_owned()
        } else {
            exit.signal
        };
        return Event::ExitSignal {
            signal,
            core_dumped: false,
            message: String::new(),
        };
    }
    // The status of a process is a byte; a server that sends more is cut as a shell would.
    Event::ExitStatus(u32::try_from(exit.code & 0xff).unwrap_or(255))
}

/// Large enough that bulk costs few system calls.
const READ_SIZE: usize = 64 * 1024;

impl fmt::Debug for RemoteInput {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RemoteInput")
    }
}

impl fmt::Debug for RemoteOutput {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RemoteOutput")
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Control")
    }
}

impl fmt::Debug for Roaming {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Roaming")
    }
}
