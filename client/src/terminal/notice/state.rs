//! When the notice shows, what it says then, and when it goes.
//!
//! Nothing here reads a clock or writes to a terminal.

use std::time::{Duration, Instant};

use super::draw::{Place, draw, erase, line};
use super::text::{Detail, Dropped, Facts, dropped, next_change, outage};
use crate::terminal::escape::EscapeChar;
use crate::terminal::restore::Surface;
use crate::terminal::signals::Size;
use crate::terminal::typeahead::Pushed;

/// How the user wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `ShowNotificationOnTop`.
    pub place: Place,
    /// `ShowFullNotifications`.
    pub detail: Detail,
    /// `UdpReconnectTimeout`: how long the path is silent before the notice shows.
    pub after: Duration,
    /// `EscapeChar`: the key of the way out.
    pub escape: EscapeChar,
}

/// What the terminal, or whoever speaks to the server, has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes as a drawing of our own.
    Draw(Vec<u8>),
    /// Ask the remote program to draw its screen again: what the notice covered is unknown here.
    RequestRedraw,
}

/// What became of a Ctrl-C typed while the path is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// End the session, as `~.` does.
    Leave,
    /// Go on. The next key counts as the first of a line.
    Stay,
}

/// Keys that wait for the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub keys: usize,
    /// No more are read.
    pub full: bool,
}

/// Within this time a second Ctrl-C leaves, where no escape key exists. Long enough to read the
/// line that says so.
pub const ARMED: Duration = Duration::from_secs(4);

/// How long a full-screen program is covered by what was dropped. Long enough to read it.
pub const BACK_SHOWN: Duration = Duration::from_secs(5);

/// How long the notice stays away from output that comes while the path counts as lost.
const HIDDEN: Duration = Duration::from_secs(1);

/// Decides when the notice is drawn and erased.
///
/// Call a `handle_…`, then [`Self::poll_output`] until `None`, then wait for
/// [`Self::poll_timeout`]: no timer runs while the path is fine.
#[derive(Clone, Debug)]
pub struct Notice {
    settings: Settings,
    columns: u16,
    surface: Surface,
    lost: Option<Lost>,
    waiting: Waiting,
    /// A Ctrl-C asked how to leave; until when that is answered.
    hint_until: Option<Instant>,
    /// To be told once the path is back.
    dropped: Option<Dropped>,
    /// Told over a full-screen program, until then.
    telling: Option<(String, Instant)>,
    shown: Option<String>,
    /// Output has come meanwhile: nothing shows until then.
    hidden_until: Option<Instant>,
    refresh_at: Option<Instant>,
    redraw: bool,
}

#[derive(Clone, Copy, Debug)]
struct Lost {
    since: Instant,
    server_gone: bool,
}

impl Notice {
    /// Starts with a path that is fine.
    pub fn new(settings: Settings, size: Size) -> Self {
        Self {
            settings,
            columns: size.columns,
            surface: Surface::default(),
            lost: None,
            waiting: Waiting::default(),
            hint_until: None,
            dropped: None,
            telling: None,
            shown: None,
            hidden_until: None,
            refresh_at: None,
            redraw: false,
        }
    }

    /// The path has been silent since `since`. Repeating it changes nothing.
    pub fn handle_path_lost(&mut self, since: Instant, surface: Surface) {
        if self.lost.is_none() {
            self.surface = surface;
            self.lost = Some(Lost {
                since,
                server_gone: false,
            });
            self.refresh_at = Some(since + self.settings.after);
        }
    }

    /// The host answers that nothing listens there any more, after the path has been silent since
    /// `since`. Shown at once; only a path that is back takes it back.
    pub fn handle_server_gone(&mut self, since: Instant, surface: Surface) {
        self.handle_path_lost(since, surface);
        if let Some(lost) = &mut self.lost {
            lost.server_gone = true;
        }
    }

    /// Whether something is drawn.
    pub fn is_shown(&self) -> bool {
        self.shown.is_some()
    }

    /// Output of the remote program is about to be shown: it may come before the path counts as back, and would scroll
    /// the notice away, so that what is erased later would be a line of its own. Returns what to draw first.
    pub fn handle_output(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.lost.is_none() || self.shown.take().is_none() {
            return None;
        }
        self.redraw = true;
        self.hidden_until = Some(now + HIDDEN);
        Some(erase(self.place(), self.surface))
    }

    /// The path is fine again.
    pub fn handle_path_back(&mut self) {
        self.lost = None;
        self.hidden_until = None;
        self.hint_until = None;
        self.waiting = Waiting::default();
    }

    /// The number of keys that wait has changed.
    pub fn handle_waiting(&mut self, waiting: Waiting) {
        self.waiting = waiting;
    }

    /// Keys were typed while the path is down, with what that did to those that waited.
    pub fn handle_typed(&mut self, pushed: Pushed, waiting: Waiting, now: Instant) -> Decision {
        self.waiting = waiting;
        if self.lost.is_none() || pushed.interrupts == 0 {
            return Decision::Stay;
        }
        let asked = self.hint_until.is_some_and(|until| now < until);
        let nothing_dropped = pushed.dropped == 0;
        if nothing_dropped && self.is_visible(now) {
            if asked && self.settings.escape == EscapeChar::Off {
                return Decision::Leave;
            }
            self.hint_until = Some(now + ARMED);
        }
        Decision::Stay
    }

    /// The terminal has another size.
    pub fn handle_size(&mut self, size: Size) {
        if self.columns != size.columns {
            self.columns = size.columns;
            // The old drawing may be anywhere after the terminal has wrapped its lines anew.
            self.redraw |= self.shown.take().is_some();
        }
    }

    /// The server has dropped something; told once the path is back. Adds up.
    pub fn handle_dropped(&mut self, more: Dropped, surface: Surface) {
        if more == Dropped::default() {
            return;
        }
        self.surface = surface;
        let sum = self.dropped.get_or_insert_default();
        sum.input_bytes = sum.input_bytes.saturating_add(more.input_bytes);
        sum.output_lines = sum.output_lines.saturating_add(more.output_lines);
        sum.output_bytes = sum.output_bytes.saturating_add(more.output_bytes);
    }

    /// The next thing to do at `now`.
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        let wanted = self.wanted(now);
        if wanted != self.shown {
            let place = self.place();
            let drawing = match &wanted {
                Some(text) => draw(place, text, self.columns, self.surface),
                None => {
                    self.redraw = true;
                    erase(place, self.surface)
                }
            };
            self.shown = wanted;
            return Some(Output::Draw(drawing));
        }
        if let Some(dropped_all) = self.dropped.filter(|_| self.lost.is_none()) {
            self.dropped = None;
            let text = dropped(&dropped_all, self.columns);
            if self.surface.alternate {
                self.telling = Some((text, now + BACK_SHOWN));
                return self.poll_output(now);
            }
            self.redraw = true;
            return Some(Output::Draw(line(&text)));
        }
        // While the path is down nobody can be asked.
        if self.redraw && self.lost.is_none() {
            self.redraw = false;
            return Some(Output::RequestRedraw);
        }
        None
    }

    /// When to call [`Self::poll_output`] again; `None` while no notice is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.telling {
            _ if self.lost.is_some() => self.refresh_at,
            Some((_, until)) => Some(*until),
            None => None,
        }
    }

    /// In a pane of tmux, whose size is not known here, a line at the top might become two.
    fn place(&self) -> Place {
        match self.surface.control {
            true => Place::CursorLine,
            false => self.settings.place,
        }
    }

    fn is_visible(&self, now: Instant) -> bool {
        self.shows_at().is_some_and(|at| now >= at)
    }

    /// From when on the notice is on the screen.
    fn shows_at(&self) -> Option<Instant> {
        let lost = self.lost?;
        let due = match lost.server_gone {
            true => lost.since,
            false => lost.since + self.settings.after,
        };
        Some(self.hidden_until.map_or(due, |until| until.max(due)))
    }

    /// The text that should be on the screen at `now`.
    fn wanted(&mut self, now: Instant) -> Option<String> {
        self.telling.take_if(|(_, until)| now >= *until);
        let Some(lost) = self.lost else {
            return self.telling.as_ref().map(|(text, _)| text.clone());
        };
        if !self.is_visible(now) {
            self.refresh_at = self.shows_at();
            return None;
        }
        self.telling = None;
        let lost_for = now.saturating_duration_since(lost.since);
        self.hint_until.take_if(|until| now >= *until);
        // A server that is gone is no matter of seconds; only the hint still changes.
        let ticks = (!lost.server_gone).then(|| now + next_change(lost_for));
        self.refresh_at = [ticks, self.hint_until].into_iter().flatten().min();
        let facts = Facts {
            lost_for,
            server_gone: lost.server_gone,
            waiting: self.waiting,
            hinting: self.hint_until.is_some(),
            escape: self.settings.escape,
        };
        Some(outage(&facts, self.settings.detail, self.columns))
    }
}
