//! The output of a session with a terminal: what is shown, kept, dropped and painted again.

use std::sync::Weak;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tssh_core::clock::{now, until};
use tssh_core::session::{Back, Dropped, Replay, Window};
use tssh_core::transport::{Connection, WriteHalf};
use tssh_core::wire::{BusEvent, Discard};

use super::wishes::Wishes;
use crate::child::{Control, Output};
use crate::connection::ClientView;
use crate::keeper::Client;
use crate::limits::TERMINAL_CHUNK;

/// Copies to the end, which is left to be told, through [`Replay`], and sizes the terminal as the client wishes.
pub(super) async fn pump(
    from: Output,
    to: &mut dyn WriteHalf,
    control: Control,
    wishes: watch::Receiver<Wishes>,
    client: Client,
) {
    let shown = wishes.borrow().clone();
    let terminal = Terminal {
        replay: Replay::new(shown.rows),
        control,
        shown,
        wishes,
        speed: Speed::of(client.connection),
        view: client.view,
        bus: client.bus,
        repaint: None,
        away: false,
    };
    terminal.run(from, to).await;
}

struct Terminal {
    replay: Replay,
    control: Control,
    /// The wishes that were acted upon.
    shown: Wishes,
    wishes: watch::Receiver<Wishes>,
    view: watch::Receiver<ClientView>,
    bus: mpsc::Sender<BusEvent>,
    repaint: Option<Repaint>,
    speed: Speed,
    /// The client was away when it was last looked at.
    away: bool,
}

/// How far the output may run ahead of the path; as far as it likes where nobody counts.
struct Speed {
    connection: Weak<dyn Connection>,
    window: Option<Window>,
}

/// The terminal is one column too wide for a moment, which makes its program paint anew.
struct Repaint {
    until: Instant,
    marker: Option<Bytes>,
}

impl Terminal {
    async fn run(mut self, mut from: Output, to: &mut dyn WriteHalf) {
        let mut buffer = BytesMut::with_capacity(TERMINAL_CHUNK);
        let (mut viewing, mut wishing) = (true, true);
        let (mut reading, mut writing) = (true, true);
        self.view.mark_unchanged();
        self.note_view();
        while reading || (writing && !self.replay.is_empty()) {
            let deadline = self
                .repaint
                .as_ref()
                .map(|repaint| repaint.until.into_std());
            // What nobody takes is dropped: a terminal's program is not to hang because its client stopped reading.
            if !writing {
                self.replay.handle_written(self.replay.ready().len());
            }
            let room = self.speed.room().min(self.replay.ready().len());
            // Nothing is sent to a client that is away: looking for it would be a clock that ticks for nobody.
            let look = (!self.replay.ready().is_empty() && !self.view.borrow().away)
                .then(|| self.speed.poll_timeout())
                .flatten();
            tokio::select! {
                biased;
                changed = self.view.changed(), if viewing => {
                    viewing = changed.is_ok();
                    self.note_view();
                }
                changed = self.wishes.changed(), if wishing => {
                    wishing = changed.is_ok();
                    self.note_wishes();
                }
                () = until(deadline) => self.end_repaint(),
                () = until(look), if writing => self.speed.look(),
                written = to.write(&self.replay.ready()[..room]), if writing && room > 0 => {
                    match written {
                        Ok(count) if count > 0 => {
                            self.replay.handle_written(count);
                            self.speed.handle_written(count);
                        }
                        Ok(_) => writing = false,
                        Err(error) => {
                            tracing::debug!(%error, "the client reads no more");
                            writing = false;
                        }
                    }
                }
                read = from.read_buf(&mut buffer), if reading && self.replay.wants_more() => {
                    match read {
                        Ok(count) if count > 0 => self.replay.push(&buffer),
                        Ok(_) => reading = false,
                        Err(error) => {
                            tracing::debug!(%error, "a terminal broke");
                            reading = false;
                        }
                    }
                    buffer.clear();
                }
            }
        }
    }

    fn note_view(&mut self) {
        let (away, keep) = {
            let view = self.view.borrow_and_update();
            (view.away, view.keep_output)
        };
        if std::mem::replace(&mut self.away, away) && !away {
            // What was known of the speed is as old as the outage.
            self.speed = Speed::of(self.speed.connection.clone());
        }
        if away {
            self.replay.handle_away(keep);
            return;
        }
        let (back, dropped) = self.replay.handle_back();
        self.report(dropped);
        match back {
            Back::Complete => {}
            Back::Repaint => self.begin_repaint(NUDGE, None),
            Back::RepaintAlone => self.begin_repaint(NUDGE + SETTLE, None),
        }
    }

    fn note_wishes(&mut self) {
        let wished = self.wishes.borrow_and_update().clone();
        let shown = std::mem::replace(&mut self.shown, wished);
        let marker = match self.shown.marker == shown.marker {
            true => None,
            false => self.shown.marker.clone(),
        };
        self.replay.handle_resize(self.shown.rows);
        if (self.shown.cols, self.shown.rows) != (shown.cols, shown.rows) {
            // A new size makes the program paint without further prompting.
            self.repaint = Some(Repaint {
                until: Instant::now(),
                marker,
            });
            self.end_repaint();
        } else if marker.is_some() {
            self.begin_repaint(NUDGE + SETTLE, marker);
        } else if self.shown.redraws != shown.redraws {
            self.begin_repaint(NUDGE, None);
        }
    }

    fn begin_repaint(&mut self, time: Duration, marker: Option<Bytes>) {
        self.resize(self.shown.cols.saturating_add(1));
        // A repaint that is under way already is not cut short.
        let former = self.repaint.take();
        let until = Instant::now() + time;
        self.repaint = Some(Repaint {
            until: former
                .as_ref()
                .map_or(until, |former| former.until.max(until)),
            marker: marker.or_else(|| former.and_then(|former| former.marker)),
        });
    }

    fn end_repaint(&mut self) {
        let Some(repaint) = self.repaint.take() else {
            return;
        };
        let mut dropped = self.replay.end_discard();
        if let Some(marker) = repaint.marker {
            let held = self.replay.handle_marker(&marker);
            dropped.lines += held.lines;
            dropped.bytes += held.bytes;
        }
        self.report(dropped);
        self.resize(self.shown.cols);
        let (away, keep) = {
            let view = self.view.borrow();
            (view.away, view.keep_output)
        };
        if away {
            self.replay.handle_away(keep);
        }
    }

    fn resize(&self, cols: u16) {
        if let Err(error) = self.control.resize(cols, self.shown.rows) {
            tracing::debug!(%error, "a terminal keeps its size");
        }
    }

    fn report(&self, dropped: Dropped) {
        if dropped.bytes == 0 {
            return;
        }
        let discard = Discard {
            output_lines: dropped.lines,
            output_bytes: dropped.bytes,
            ..Discard::default()
        };
        // A report is not worth waiting for.
        let _ = self.bus.try_send(BusEvent::Discard(discard));
    }
}

impl Speed {
    fn of(connection: Weak<dyn Connection>) -> Self {
        let sent = connection
            .upgrade()
            .and_then(|connection| connection.sent());
        Self {
            connection,
            window: sent.map(|sent| Window::new(sent, now())),
        }
    }

    fn room(&self) -> usize {
        self.window.as_ref().map_or(usize::MAX, Window::room)
    }

    fn poll_timeout(&self) -> Option<std::time::Instant> {
        self.window.as_ref()?.poll_timeout()
    }

    fn handle_written(&mut self, count: usize) {
        if let Some(window) = &mut self.window {
            window.handle_written(count);
        }
    }

    fn look(&mut self) {
        let Some(connection) = self.connection.upgrade() else {
            self.window = None;
            return;
        };
        if let (Some(window), Some(sent)) = (&mut self.window, connection.sent()) {
            window.handle_sent(sent, connection.rtt().unwrap_or_default(), now());
        }
    }
}

/// PROTOCOL.md, "Behaviour while disconnected": long enough for a program to notice the wider terminal.
const NUDGE: Duration = Duration::from_millis(10);

/// As above: what a program paints for the wider terminal comes within this time, and is dropped.
const SETTLE: Duration = Duration::from_millis(50);
