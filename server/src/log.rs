//! The log: lines on standard error with `--debug`, and on the bus for the client.

use std::fmt::{self, Write as _};
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tssh_core::wire::{BusEvent, DebugLine, ErrorLine};

use crate::limits::LOG_ROOM;

/// Starts the log of this process, and returns the events that tell the client of it: warnings, and with `debug` what is
/// decided too. A second call, in a test, leaves the first log in place.
pub fn start(debug: bool) -> mpsc::Receiver<BusEvent> {
    let (to_client, lines) = mpsc::channel(LOG_ROOM);
    let client = ToClient { to_client };
    let level = if debug {
        LevelFilter::DEBUG
    } else {
        LevelFilter::WARN
    };
    let stderr = debug.then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            // A line that cannot be written would be complained of where nobody reads: that panics.
            .log_internal_errors(false)
            .with_ansi(false)
    });
    let _ = tracing_subscriber::registry()
        .with(level)
        .with(stderr)
        .with(client)
        .try_init();
    lines
}

/// Hands lines of this project on. A library's own lines would be answered by more of them for each line that is sent.
struct ToClient {
    to_client: mpsc::Sender<BusEvent>,
}

impl<S: Subscriber> Layer<S> for ToClient {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        if !meta.target().starts_with("tssh") {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        // A line that finds no room is lost: the log never holds anything back.
        let _ = self.to_client.try_send(line.event(*meta.level()));
    }
}

/// One line: the message, then the fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Line {
    fn event(self, level: Level) -> BusEvent {
        let mut text = self.message + &self.fields;
        if let Some((end, _)) = text.char_indices().nth(MAX_LINE) {
            text.truncate(end);
        }
        if level <= Level::WARN {
            return BusEvent::Error(ErrorLine { code: 0, text });
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the client's log shows the time of day"
        )]
        let now = SystemTime::now();
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        BusEvent::Debug(DebugLine { text, time_ms })
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// Characters of a line that the client is sent.
const MAX_LINE: usize = 1000;
