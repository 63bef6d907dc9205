//! The log: standard error or a file, said at the level of `-v`, `-q` and `LogLevel`.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::settings::LogLevel;

/// Starts the log of this process; `file` is that of `-E`.
///
/// # Errors
///
/// When the file cannot be opened.
pub fn start(level: LogLevel, file: Option<&Path>) -> io::Result<()> {
    let filter = match level {
        LogLevel::Quiet => LevelFilter::OFF,
        LogLevel::Fatal | LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Info => LevelFilter::WARN,
        LogLevel::Verbose => LevelFilter::INFO,
        LogLevel::Debug1 => LevelFilter::DEBUG,
        LogLevel::Debug2 | LogLevel::Debug3 => LevelFilter::TRACE,
    };
    let writer = match file {
        Some(path) => {
            let file = OpenOptions::new().append(true).create(true).open(path)?;
            Lines::File(Mutex::new(file))
        }
        None => Lines::Stderr,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(filter)
        // A line that cannot be written would be complained of where nobody reads: that panics.
        .log_internal_errors(false)
        .with_ansi(false)
        .event_format(Plain)
        .with_writer(writer)
        .finish();
    // A second call in one process keeps the first log.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// What a user reads is a sentence behind the program's name; details say where they come from.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match *event.metadata().level() {
            Level::ERROR | Level::WARN | Level::INFO => writer.write_str("tssh: ")?,
            Level::DEBUG => write!(writer, "debug1: {}: ", event.metadata().target())?,
            Level::TRACE => write!(writer, "debug2: {}: ", event.metadata().target())?,
        }
        context
            .field_format()
            .format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Where lines go.
enum Lines {
    File(Mutex<File>),
    Stderr,
}

/// One line on its way.
enum Line<'a> {
    File(MutexGuard<'a, File>),
    Stderr(io::Stderr),
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        match self {
            Self::File(file) => Line::File(file.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::Stderr => Line::Stderr(io::stderr()),
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stderr(stderr) => {
                // In raw mode the terminal does not return to the first column by itself; where it
                // does, once more is harmless.
                let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
                stderr.write_all(text.as_bytes())?;
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stderr(stderr) => stderr.flush(),
        }
    }
}
