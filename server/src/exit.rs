//! How the program ends, as its exit code tells.

use std::process::ExitCode;

/// Why `tsshd` ended. PROTOCOL.md, "Server info".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// The client was heard no more for its alive timeout.
    AliveTimeout,
    /// The client said goodbye, or there was nothing to do.
    Done,
    /// The server could not start; the reason is on standard output.
    InitFailed,
    /// No client finished connecting within the connect timeout.
    NoClient,
    /// The process could not leave its terminal.
    NotDetached,
    /// An option was not understood.
    Options,
    /// The server info found no reader.
    OutputFailed,
    /// A signal of the operating system.
    Signalled,
}

impl Exit {
    /// The number that the operating system is told.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NotDetached => 91,
            Self::OutputFailed => 92,
            Self::InitFailed => 93,
            Self::NoClient => 94,
            Self::AliveTimeout => 95,
            Self::Signalled => 96,
            Self::Options => 97,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
