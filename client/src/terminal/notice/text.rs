//! The words of the notice. ASCII only: a character is a column wide, in every locale.

use std::time::Duration;

use super::state::Waiting;
use crate::terminal::escape::EscapeChar;

/// How much the notice says (`ShowFullNotifications`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Numbers only.
    Brief,
    /// Sentences, where they fit into the line.
    #[default]
    Full,
}

/// What did not survive an outage, as the server reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Bytes of typing.
    pub input_bytes: u64,
    /// Lines of output.
    pub output_lines: u64,
    /// Bytes of output.
    pub output_bytes: u64,
}

/// What is told while the path is down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) lost_for: Duration,
    pub(super) server_gone: bool,
    pub(super) waiting: Waiting,
    pub(super) hinting: bool,
    pub(super) escape: EscapeChar,
}

/// Says it in at most `columns` characters; the brief wording when the full one does not fit.
pub(super) fn outage(facts: &Facts, detail: Detail, columns: u16) -> String {
    let full = (detail == Detail::Full).then(|| full(facts));
    let brief = || brief(facts);
    fitted(
        full.filter(|text| text.len() <= usize::from(columns))
            .unwrap_or_else(brief),
        columns,
    )
}

/// Says what was dropped, in at most `columns` characters.
pub(super) fn dropped(dropped: &Dropped, columns: u16) -> String {
    let mut losses = Vec::new();
    if dropped.output_lines > 0 {
        losses.push(count(dropped.output_lines, "line", "of output"));
    } else if dropped.output_bytes > 0 {
        losses.push(count(dropped.output_bytes, "byte", "of output"));
    }
    if dropped.input_bytes > 0 {
        losses.push(count(dropped.input_bytes, "byte", "of typing"));
    }
    fitted(
        format!(
            "tssh: connected again; dropped meanwhile: {}",
            losses.join(", ")
        ),
        columns,
    )
}

/// How long after `elapsed` its wording changes.
pub(super) fn next_change(elapsed: Duration) -> Duration {
    let step = match elapsed.as_secs() {
        0..HOUR => 1,
        HOUR..DAY => MINUTE,
        DAY.. => HOUR,
    };
    Duration::from_secs((elapsed.as_secs() / step + 1) * step) - elapsed
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn full(facts: &Facts) -> String {
    let state = if facts.server_gone {
        "tssh: tsshd is gone from the server".to_owned()
    } else {
        format!("tssh: lost {} ago, reconnecting", ago(facts.lost_for))
    };
    let keys = match facts.waiting {
        Waiting { full: true, .. } => "; no room for more keys".to_owned(),
        Waiting { keys: 0, .. } if facts.hinting => "; no keys wait".to_owned(),
        Waiting { keys: 0, .. } => String::new(),
        Waiting { keys, .. } => format!("; {} (Ctrl-C drops)", keys_wait(keys)),
    };
    format!("{state}{keys}; {}", way_out(facts))
}

fn brief(facts: &Facts) -> String {
    let state = if facts.server_gone {
        "tssh: tsshd gone".to_owned()
    } else {
        format!("tssh: lost {}", ago(facts.lost_for))
    };
    let keys = match facts.waiting {
        Waiting { full: true, .. } => ", keys full".to_owned(),
        Waiting { keys: 0, .. } => String::new(),
        Waiting { keys, .. } => format!(", {}", keys_wait(keys)),
    };
    format!("{state}{keys}, {}", way_out(facts))
}

fn way_out(facts: &Facts) -> String {
    match facts.escape {
        EscapeChar::On(_) if facts.hinting => format!("type {}. to leave", facts.escape),
        EscapeChar::On(_) => format!("{}. leaves", facts.escape),
        EscapeChar::Off if facts.hinting => "Ctrl-C again leaves".to_owned(),
        EscapeChar::Off => "Ctrl-C twice leaves".to_owned(),
    }
}

fn keys_wait(keys: usize) -> String {
    if keys == 1 {
        "1 key waits".to_owned()
    } else {
        format!("{keys} keys wait")
    }
}

fn ago(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min {} s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        DAY.. => format!("{} d {} h", seconds / DAY, seconds % DAY / HOUR),
    }
}

fn count(number: u64, one: &str, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural} {of}")
}

fn fitted(mut text: String, columns: u16) -> String {
    text.truncate(usize::from(columns));
    text
}
