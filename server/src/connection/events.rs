//! Acts on what the bus, the heartbeat, the path and the process tell of a connection.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tssh_core::clock::until;
use tssh_core::connection::{Bus, answer_rekey};
use tssh_core::heartbeat::{self, Verdict};
use tssh_core::proxy::PacketPipe;
use tssh_core::session::marker::InputMarkers;
use tssh_core::transport::Connection;
use tssh_core::wire::{BusEvent, Discard, Printable, Quit, Setting, WireError};

use super::view::{ClientView, Marker};
use super::{Config, Outcome};
use crate::keeper;
use crate::limits::QUIT_GRACE;

/// The task of a connection that decides.
pub(super) struct Events {
    outgoing: mpsc::Sender<BusEvent>,
    incoming: mpsc::Receiver<Result<BusEvent, WireError>>,
    verdict: watch::Receiver<Verdict>,
    moves: watch::Receiver<u64>,
    view: watch::Sender<ClientView>,
    connection: Arc<dyn Connection>,
    pipe: PacketPipe,
    keeper: keeper::Handle,
    quit: watch::Receiver<Option<String>>,
    log: mpsc::Receiver<BusEvent>,
    /// When a client that was told to quit has had its time.
    quit_by: Option<Instant>,
    keep_input: bool,
    markers: InputMarkers,
    /// The answer to the latest key, while the bus has no room for it: nobody asks again before it came.
    owed: Option<BusEvent>,
}

impl Events {
    pub(super) fn new(
        bus: Bus,
        beat: heartbeat::Handle,
        mut moves: watch::Receiver<u64>,
        view: watch::Sender<ClientView>,
        connection: Arc<dyn Connection>,
        pipe: PacketPipe,
        config: Config,
    ) -> Self {
        // The path that brought the greeting is no move.
        moves.mark_unchanged();
        let events = Self {
            outgoing: bus.outgoing,
            incoming: bus.incoming,
            verdict: beat.verdict(),
            moves,
            view,
            connection,
            pipe,
            keeper: config.keeper,
            quit: config.quit,
            log: config.log,
            quit_by: None,
            keep_input: false,
            markers: InputMarkers::default(),
            owed: None,
        };
        events.note_round_trip();
        events
    }

    pub(super) async fn run(mut self, stop: CancellationToken) -> Outcome {
        let mut moving = true;
        let mut quitting = true;
        let mut logging = true;
        let bus = self.outgoing.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.stopped(),
                () = until(self.quit_by.map(Instant::into_std)) => return Outcome::Quit,
                reason = asked(&mut self.quit), if quitting => {
                    quitting = false;
                    if let Some(reason) = reason {
                        self.handle_quit(reason);
                    }
                }
                changed = self.verdict.changed() => {
                    // Without a heartbeat there is nobody who could tell that the client is gone.
                    let Ok(()) = changed else { return self.stopped() };
                    let verdict = *self.verdict.borrow_and_update();
                    if let Some(outcome) = self.handle_verdict(verdict) {
                        return outcome;
                    }
                }
                changed = self.moves.changed(), if moving => {
                    moving = changed.is_ok();
                    if moving {
                        self.handle_move().await;
                    }
                }
                Ok(room) = bus.reserve(), if self.owed.is_some() => {
                    if let Some(answer) = self.owed.take() {
                        room.send(answer);
                    }
                }
                event = self.incoming.recv() => match event {
                    Some(Ok(event)) => {
                        if let Some(outcome) = self.handle(event).await {
                            return outcome;
                        }
                    }
                    Some(Err(error)) => {
                        tracing::warn!(%error, "the bus cannot be understood");
                        return self.stopped_or(Outcome::Lost);
                    }
                    None => return self.stopped_or(Outcome::Closed),
                },
                line = self.log.recv(), if logging => match line {
                    // A bus that is full has better things to carry.
                    Some(line) => drop(self.outgoing.try_send(line)),
                    None => logging = false,
                },
                error = self.connection.closed() => {
                    tracing::debug!(%error, "the connection has ended");
                    return self.stopped_or(Outcome::Lost);
                }
            }
        }
    }

    /// Tells the path how long an answer takes: what is heard sooner was on its way before, and is none.
    fn note_round_trip(&self) {
        if let Some(rtt) = self.connection.rtt() {
            self.pipe.activity().handle_rtt(rtt);
        }
    }

    async fn handle(&mut self, event: BusEvent) -> Option<Outcome> {
        match event {
            BusEvent::Alive(alive) => {
                self.note_round_trip();
                // A bus without room has echoes enough in it.
                let _ = self.outgoing.try_send(BusEvent::Alive(alive));
            }
            BusEvent::Close => return Some(self.stopped_or(Outcome::Closed)),
            BusEvent::Exit(exit) => self.keeper.end(exit.id).await,
            BusEvent::Rekey(asked) => {
                if let Some(answer) = answer_rekey(self.connection.rekey(), &asked) {
                    self.owed = Some(answer);
                }
            }
            BusEvent::Resize(resize) => self.keeper.resize(resize).await,
            BusEvent::Setting(setting) => self.handle_setting(&setting),
            BusEvent::Unknown(name) => {
                let name = Printable::new(&name);
                tracing::warn!(%name, "an event that is unknown to this version is ignored");
            }
            BusEvent::Channel(_)
            | BusEvent::Debug(_)
            | BusEvent::Discard(_)
            | BusEvent::Error(_)
            | BusEvent::Quit(_) => {
                tracing::warn!("an event that a client has no reason to send is ignored");
            }
            _ => tracing::warn!("an event that this server does not know is ignored"),
        }
        None
    }

    fn handle_setting(&mut self, setting: &Setting) {
        if let Some(keep) = setting.keep_pending_input {
            self.keep_input = keep;
            if keep {
                // A client that keeps its input may know nothing of a marker that was asked of it before.
                self.view.send_modify(|view| view.markers.clear());
            }
        }
        if let Some(keep) = setting.keep_pending_output {
            self.view.send_modify(|view| view.keep_output = keep);
        }
    }

    fn handle_verdict(&mut self, verdict: Verdict) -> Option<Outcome> {
        match verdict {
            Verdict::Gone => return Some(self.stopped_or(Outcome::Gone)),
            Verdict::Heard => tracing::info!("the client is back"),
            Verdict::Silent => tracing::info!("the client is away"),
        }
        self.view
            .send_modify(|view| view.away = verdict == Verdict::Silent);
        None
    }

    /// PROTOCOL.md, "Behaviour while disconnected": input in flight is cut by a marker.
    async fn handle_move(&mut self) {
        if self.keep_input || !self.keeper.has_terminals().await {
            return;
        }
        let marker = self.markers.draw();
        let discard = Discard {
            marker: marker.bytes().to_vec(),
            ..Discard::default()
        };
        // A client that is not told of a marker would never write it, and its input would be dropped
        // for ever.
        if self.outgoing.try_send(BusEvent::Discard(discard)).is_ok() {
            let marker = Marker {
                number: marker.number(),
                bytes: Bytes::copy_from_slice(marker.bytes()),
            };
            self.view.send_modify(|view| view.add_marker(marker));
        }
    }

    fn handle_quit(&mut self, reason: String) {
        self.quit_by = Some(Instant::now() + QUIT_GRACE);
        // A client that cannot be told finds the connection closed.
        let _ = self.outgoing.try_send(BusEvent::Quit(Quit { reason }));
    }

    fn stopped(&self) -> Outcome {
        self.stopped_or(Outcome::Lost)
    }

    /// Whatever ends a connection that was told to quit is what it was told.
    fn stopped_or(&self, outcome: Outcome) -> Outcome {
        if self.quit_by.is_some() {
            Outcome::Quit
        } else {
            outcome
        }
    }
}

/// Waits until the process is asked to end, and returns why; `None` when nobody is left to ask. Cancel safe.
async fn asked(quit: &mut watch::Receiver<Option<String>>) -> Option<String> {
    quit.wait_for(Option::is_some).await.ok()?.clone()
}
