//! What can be wrong with a configuration, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::tokens::TokenError;

/// Where a configuration line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The argument of a command-line option.
    CommandLine,
    /// A line of a file, counted from one.
    File {
        /// The file as it was opened.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
        }
    }
}

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No such keyword, and no `IgnoreUnknown` for it.
    #[error("bad configuration option: {0}; correct it or list it in IgnoreUnknown")]
    BadOption(String),
    /// A value that the keyword does not take.
    #[error("{keyword} has the value {found:?}, which is not {wanted}")]
    BadValue {
        /// The keyword, in lower case.
        keyword: String,
        /// The word that was found.
        found: String,
        /// What would have been right.
        wanted: &'static str,
    },
    /// An `Include` that leads to itself, or a very deep one.
    #[error("files include one another more than {limit} deep; an include may lead to itself")]
    IncludeTooDeep {
        /// The deepest nesting that is read.
        limit: usize,
    },
    /// An `Include` in a system file that names a home directory.
    #[error("include of {0:?} starts with ~, which a system-wide file cannot use")]
    IncludeOfHome(String),
    /// Words after the last one that the keyword takes.
    #[error("{keyword} is followed by {found:?}, one argument too many")]
    ExtraArgument {
        /// The keyword, in lower case.
        keyword: String,
        /// The first word too many.
        found: String,
    },
    /// A `Match` line that cannot be understood.
    #[error("bad Match condition: {0}")]
    Match(String),
    /// A keyword without its value.
    #[error("{0} has no argument")]
    MissingArgument(String),
    /// A word that must stand alone, with others.
    #[error("{keyword} has {word:?} among other arguments, and it must stand alone")]
    NotAlone {
        /// The keyword, in lower case.
        keyword: String,
        /// The word that must stand alone.
        word: String,
    },
    /// `Host`, `Match` or `Include` given with `-o`.
    #[error("{0} works only in a configuration file")]
    OnlyInFiles(String),
    /// A token or an environment variable that cannot be expanded.
    #[error("{keyword} cannot be expanded: {source}")]
    Token {
        /// The keyword, in lower case.
        keyword: String,
        /// Why not.
        source: TokenError,
    },
    /// More values than the keyword keeps.
    #[error("{keyword} has more than {limit} values")]
    TooMany {
        /// The keyword, in lower case.
        keyword: String,
        /// How many are kept.
        limit: usize,
    },
    /// A quotation mark without its partner.
    #[error("a quotation mark is never closed")]
    UnclosedQuote,
}

/// Why no settings could be made of the command line and the configuration files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// One line is wrong.
    #[error("{place}: {problem}")]
    Line {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A file that others could have written.
    #[error(
        "bad owner or permissions on {0}: it must belong to you or root and be writable by nobody else"
    )]
    Permissions(PathBuf),
    /// A file that is there but cannot be read, or that was named and is not there.
    #[error("configuration file {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file far larger than any configuration.
    #[error("configuration file {path} is over {limit} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest size that is read.
        limit: u64,
    },
    /// More files than any configuration has.
    #[error("the configuration includes more than {0} files")]
    TooManyFiles(usize),
    /// A command of `Match exec` that could not be run to its end.
    #[error("{place}: the shell {shell} did not run the Match exec command {command:?}")]
    Exec {
        /// Where the `Match` stands.
        place: Place,
        /// The shell that was asked.
        shell: String,
        /// The command after expansion.
        command: String,
        /// Why, when the shell could not be started.
        source: Option<io::Error>,
    },
    /// A setting that cannot be expanded.
    #[error("{keyword} cannot be expanded")]
    Token {
        /// The keyword as it is written in the manual.
        keyword: &'static str,
        /// Why not.
        source: TokenError,
    },
    /// Options that exclude one another, or lack something.
    #[error("{0}")]
    Conflict(&'static str),
    /// The destination is not `[user@]host` or `ssh://[user@]host[:port]`.
    #[error("{0:?} is not a destination; write [user@]host or ssh://[user@]host[:port]")]
    BadDestination(String),
    /// The user of the command line could pass for an option or shell code.
    #[error(
        "the remote user name {0:?} contains invalid characters; leave out quotes, $ and the like"
    )]
    BadUser(String),
    /// The last jump host is the destination itself.
    #[error("jump host loop: {0} would be reached through itself")]
    JumpLoop(String),
    /// Canonicalization found no address and may not fall back.
    #[error("host name {0:?} has no address in any of the canonical domains")]
    NotCanonical(String),
    /// `RefuseConnection` applies to this host.
    #[error("the configuration refuses this connection: {0}")]
    Refused(String),
    /// Who runs this cannot be found out.
    #[error("user {uid} is not in the password database")]
    NoUser {
        /// The user ID.
        uid: u32,
    },
    /// The name of this machine cannot be found out.
    #[error("the name of this machine cannot be read")]
    NoHostName(#[source] io::Error),
}
