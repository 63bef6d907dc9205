//! Every bound of the server, by name.

use std::time::Duration;

/// Streams of one connection whose command or first message has not come yet. A peer that opens more
/// waits until some of these have come, or have run out of time.
pub const MAX_OPENING_STREAMS: usize = 128;

/// Streams for `stderr` that wait for their session.
pub const MAX_WAITING_STDERRS: usize = 64;

/// Forwarded connections of one client, those included that are being made: what a browser behind a
/// forwarded proxy opens, several times over. With the transport's window for one stream it bounds the
/// bytes that forwards can hold in memory.
pub const MAX_FORWARDS: usize = 256;

/// How long a forwarded connection may take to be made when the client names no time, and at most.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(60);

/// Sessions of one process, whatever sshd_config permits.
pub const MAX_SESSIONS: usize = 512;

/// Commands that wait for the keeper.
pub const KEEPER_ROOM: usize = 32;

/// Bytes read at once from a pipe of a child: what Linux keeps in one.
pub const PIPE_CHUNK: usize = 64 * 1024;

/// Bytes read at once from a terminal, and from a client: a terminal never gives more.
pub const TERMINAL_CHUNK: usize = 4 * 1024;

/// Bytes of input that were dropped before a marker and are reported back to the client.
pub const MAX_REPORTED_INPUT: usize = 16 * 1024;

/// Markers that a session without a terminal looks for: one for each change of path within a round trip or so.
pub const MAX_MARKERS: usize = 8;

/// A start message's terminal is at most so wide and high: what a terminal's size can say.
pub const MAX_TERMINAL_SIDE: u16 = u16::MAX - 1;

/// How long a session that was told to end may take for its last words.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long the client may take for its `close` after the server's `quit`.
pub const QUIT_GRACE: Duration = Duration::from_secs(1);

/// Lines of the log that wait for the client.
pub const LOG_ROOM: usize = 64;
