//! What is logged while a test runs: a line that a peer can repeat for ever would fill somebody's disk.

use std::fmt::{self, Debug, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Event, Metadata, Subscriber};

/// Hears what this thread logs, at all levels, until it is dropped.
#[derive(Debug)]
pub struct Log {
    lines: Arc<Lines>,
    _guard: DefaultGuard,
}

#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl Log {
    /// Begins to listen.
    pub fn listen() -> Self {
        let lines = Arc::new(Lines::default());
        let guard = set_default(Ear(lines.clone()));
        Self {
            lines,
            _guard: guard,
        }
    }

    /// The lines so far that contain `words`: the level, the message and the fields of each.
    pub fn lines_with(&self, words: &str) -> Vec<String> {
        let lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lines.iter().filter(|line| line.contains(words));
        found.cloned().collect()
    }
}

struct Ear(Arc<Lines>);

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("tssh")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        let mut lines = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written: fmt::Result = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        // Writing to a string does not fail.
        let _ = written;
    }
}
