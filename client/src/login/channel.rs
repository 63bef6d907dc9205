//! One shell, command or subsystem on the server.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};

use super::connect::Server;
use super::error::LoginError;
use super::handler::Peer;

/// What to run, and how (RFC 4254 section 6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The program.
    pub program: Program,
    /// The terminal to run it on; without one it has pipes, and stderr is apart.
    pub pty: Option<Pty>,
    /// Variables to set, as far as the server allows.
    pub env: Vec<(String, String)>,
}

/// What to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// A command line for the user's shell.
    Command(Vec<u8>),
    /// The user's login shell.
    #[default]
    Shell,
    /// A subsystem such as `sftp`.
    Subsystem(String),
}

/// A terminal to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pty {
    /// The kind of terminal, as in `TERM`.
    pub term: String,
    /// Its size.
    pub size: Size,
    /// Modes as pairs of opcode and value (RFC 4254 section 8); unknown opcodes are left out.
    pub modes: Vec<(u8, u32)>,
}

/// The size of a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: u32,
    /// Lines.
    pub rows: u32,
    /// Width in pixels, 0 if not known.
    pub pixel_width: u32,
    /// Height in pixels, 0 if not known.
    pub pixel_height: u32,
}

/// What a channel brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The program ended by a signal.
    ExitSignal {
        /// Its name without `SIG`.
        signal: String,
        /// Whether a core was dumped.
        core_dumped: bool,
        /// What the server adds.
        message: String,
    },
    /// The program ended with this status.
    ExitStatus(u32),
    /// Neither stdout nor stderr will bring more; a status may follow.
    Finished,
    /// Bytes of stderr.
    Stderr(Bytes),
    /// Bytes of stdout.
    Stdout(Bytes),
}

/// A running program: its two halves, to be used from two tasks or from one `select!`.
#[derive(Debug)]
pub struct Channel {
    /// What it says.
    pub reader: ChannelReader,
    /// What it is told.
    pub writer: ChannelWriter,
    /// Whether it has the terminal that was asked for.
    pub has_pty: bool,
}

/// The output of a program.
///
/// Output that nobody takes stops the whole login once a window of it is waiting, with what is
/// written to the program: keep reading.
pub struct ChannelReader {
    half: ChannelReadHalf,
    /// What came before the answers to the first requests.
    early: VecDeque<Event>,
    closed: bool,
    peer: Arc<Peer>,
}

/// The input of a program.
pub struct ChannelWriter {
    half: ChannelWriteHalf<Msg>,
    peer: Arc<Peer>,
}

impl Channel {
    pub(super) async fn open(server: &Server, request: &Request) -> Result<Self, LoginError> {
        let peer = server.peer.clone();
        let opened = server.handle.channel_open_session().await;
        let channel = opened.map_err(|error| peer.refused("a session", &error))?;
        let (read, write) = channel.split();
        let reader = ChannelReader {
            half: read,
            early: VecDeque::new(),
            closed: false,
            peer: peer.clone(),
        };
        let writer = ChannelWriter { half: write, peer };
        let mut channel = Self {
            reader,
            writer,
            has_pty: false,
        };
        // All requests leave in one flight; their answers come in the same order.
        channel.writer.send_requests(request).await?;
        if request.pty.is_some() {
            channel.has_pty = channel.reader.answer().await?;
        }
        if !channel.reader.answer().await? {
            let host = channel.writer.peer.host.clone();
            return Err(LoginError::ChannelRefused {
                host,
                what: request.program.to_string(),
            });
        }
        Ok(channel)
    }

    /// The two halves, for two tasks.
    pub fn split(self) -> (ChannelReader, ChannelWriter) {
        (self.reader, self.writer)
    }
}

impl ChannelReader {
    /// The next thing the program says; `None` once the server has closed the channel, which it
    /// does after everything else was said.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// [`LoginError::Disconnected`]: the connection ended before the channel did.
    pub async fn next(&mut self) -> Result<Option<Event>, LoginError> {
        if let Some(event) = self.early.pop_front() {
            return Ok(Some(event));
        }
        while !self.closed {
            match self.half.wait().await {
                None => return Err(self.peer.disconnected()),
                Some(ChannelMsg::Close) => self.closed = true,
                Some(message) => {
                    if let Some(event) = Event::parse(message) {
                        return Ok(Some(event));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Waits for the answer to a request: whether the server agreed.
    async fn answer(&mut self) -> Result<bool, LoginError> {
        loop {
            match self.half.wait().await {
                None => return Err(self.peer.disconnected()),
                Some(ChannelMsg::Success) => return Ok(true),
                Some(ChannelMsg::Failure) => return Ok(false),
                Some(ChannelMsg::Close) => {
                    self.closed = true;
                    return Ok(false);
                }
                Some(message) => {
                    if self.early.len() >= MAX_EARLY {
                        return Err(self.peer.disconnected());
                    }
                    self.early.extend(Event::parse(message));
                }
            }
        }
    }
}

impl ChannelWriter {
    /// Sends `data` to the program's stdin, waiting while the program does not take it.
    ///
    /// Not cancel safe: how much was sent is not known then.
    ///
    /// # Errors
    ///
    /// [`LoginError::Disconnected`].
    pub async fn write(&self, data: Bytes) -> Result<(), LoginError> {
        self.sent(self.half.data_bytes(data).await)
    }

    /// Ends the program's stdin.
    ///
    /// # Errors
    ///
    /// [`LoginError::Disconnected`].
    pub async fn finish(&self) -> Result<(), LoginError> {
        self.sent(self.half.eof().await)
    }

    /// Tells the program that its terminal has another size.
    ///
    /// # Errors
    ///
    /// [`LoginError::Disconnected`].
    pub async fn resize(&self, size: Size) -> Result<(), LoginError> {
        let Size {
            columns,
            rows,
            pixel_width,
            pixel_height,
        } = size;
        self.sent(
            self.half
                .window_change(columns, rows, pixel_width, pixel_height)
                .await,
        )
    }

    /// Sends a signal to the program; `name` is without `SIG` (RFC 4254 section 6.9).
    ///
    /// # Errors
    ///
    /// [`LoginError::Disconnected`].
    pub async fn signal(&self, name: &str) -> Result<(), LoginError> {
        self.sent(self.half.signal(Sig::Custom(name.to_owned())).await)
    }

    /// Closes the channel without waiting for the program to end.
    ///
    /// # Errors
    ///
    /// [`LoginError::Disconnected`].
    pub async fn close(&self) -> Result<(), LoginError> {
        self.sent(self.half.close().await)
    }

    async fn send_requests(&self, request: &Request) -> Result<(), LoginError> {
        for (name, value) in &request.env {
            // Servers refuse most variables, and nobody wants to hear of it.
            self.sent(self.half.set_env(false, name, value).await)?;
        }
        if let Some(Pty { term, size, modes }) = &request.pty {
            let known = |&(code, value): &(u8, u32)| Some((russh::Pty::from_u8(code)?, value));
            let modes: Vec<_> = modes.iter().filter_map(known).collect();
            let Size {
                columns,
                rows,
                pixel_width,
                pixel_height,
            } = *size;
            let asked = self
                .half
                .request_pty(true, term, columns, rows, pixel_width, pixel_height, &modes)
                .await;
            self.sent(asked)?;
        }
        self.sent(match &request.program {
            Program::Command(line) => self.half.exec(true, line.clone()).await,
            Program::Shell => self.half.request_shell(true).await,
            Program::Subsystem(name) => self.half.request_subsystem(true, name.clone()).await,
        })
    }

    fn sent(&self, result: Result<(), russh::Error>) -> Result<(), LoginError> {
        result.map_err(|_| self.peer.disconnected())
    }
}

impl Event {
    fn parse(message: ChannelMsg) -> Option<Self> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the library adds variants at will"
        )]
        match message {
            ChannelMsg::Data { data } => Some(Self::Stdout(data)),
            // RFC 4254 section 5.2 knows no other kind of extended data.
            ChannelMsg::ExtendedData { data, ext: STDERR } => Some(Self::Stderr(data)),
            ChannelMsg::Eof => Some(Self::Finished),
            ChannelMsg::ExitStatus { exit_status } => Some(Self::ExitStatus(exit_status)),
            ChannelMsg::ExitSignal {
                signal_name,
                core_dumped,
                error_message,
                ..
            } => Some(Self::ExitSignal {
                signal: signal_word(&signal_name),
                core_dumped,
                message: error_message,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(_) => f.write_str("to run a command"),
            Self::Shell => f.write_str("to start a shell"),
            Self::Subsystem(name) => write!(f, "the subsystem {name}"),
        }
    }
}

impl fmt::Debug for ChannelReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelReader")
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ChannelWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelWriter").finish_non_exhaustive()
    }
}

fn signal_word(signal: &Sig) -> String {
    match signal {
        Sig::ABRT => "ABRT",
        Sig::ALRM => "ALRM",
        Sig::FPE => "FPE",
        Sig::HUP => "HUP",
        Sig::ILL => "ILL",
        Sig::INT => "INT",
        Sig::KILL => "KILL",
        Sig::PIPE => "PIPE",
        Sig::QUIT => "QUIT",
        Sig::SEGV => "SEGV",
        Sig::TERM => "TERM",
        Sig::USR1 => "USR1",
        Sig::Custom(name) => name,
    }
    .to_owned()
}

/// SSH_EXTENDED_DATA_STDERR.
const STDERR: u32 = 1;

/// A server answers a request before the program it starts can say much.
const MAX_EARLY: usize = 64;
