//! Waits for hints and answers, and does what [`State`] says.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::config::Config;
use super::exchange::{Plan, Trigger};
use super::gate::{ClientGate, Note, Refusals};
use super::handle::Handle;
use super::routes::Routes;
use super::state::State;
use super::{Binder, PathStatus};
use crate::auth::{Ack, Challenger};
use crate::clock::{now, until};
use crate::heartbeat::{self, Verdict};
use crate::proxy::copies;
use crate::proxy::network::{self, NetworkEvents};
use crate::proxy::pipe::PacketPipe;
use crate::proxy::table::LinkId;

/// The client's proxy: a pipe for the transport, a handle, and the task to be spawned.
pub fn new(
    config: Config,
    binder: Arc<dyn Binder>,
    events: NetworkEvents,
    stop: CancellationToken,
) -> (
    PacketPipe,
    Handle,
    impl Future<Output = ()> + Send + 'static,
) {
    let (notes, inbox) = mpsc::channel(NOTES);
    let gate = ClientGate {
        key: config.key.clone(),
        notes,
    };
    let pipe = PacketPipe::new(config.mtu, Box::new(gate));
    let (status, status_seen) = watch::channel(PathStatus::default());
    let (verdict, verdicts) = watch::channel(None);
    let (rtt, rtts) = watch::channel(None);
    let (alive, handles) = mpsc::channel(1);
    let handle = Handle {
        status: status_seen,
        verdict: Arc::new(verdict),
        rtt: Arc::new(rtt),
        _alive: alive,
    };
    let (client, server) = (config.client_id, config.server_id);
    let challenger = match config.timing.race {
        true => Challenger::racing(client, server),
        false => Challenger::new(client, server),
    };
    let task = Task {
        state: State::new(challenger, config.timing, config.servers.len(), now()),
        config,
        routes: Routes::new(binder.clone()),
        binder,
        events,
        pipe: pipe.clone(),
        inbox,
        status,
        verdicts,
        verdict: None,
        rtts,
        handles,
        stop,
        plan: Plan::default(),
        refused: Refusals::default(),
        opened: 0,
        answers: Answers::default(),
        chosen: None,
    };
    (pipe.clone(), handle, copies::beside(pipe, task.run()))
}

pub(super) struct Task {
    pub(super) state: State,
    pub(super) config: Config,
    pub(super) binder: Arc<dyn Binder>,
    events: NetworkEvents,
    pub(super) pipe: PacketPipe,
    inbox: mpsc::Receiver<Note>,
    pub(super) status: watch::Sender<PathStatus>,
    verdicts: watch::Receiver<Option<watch::Receiver<Verdict>>>,
    verdict: Option<watch::Receiver<Verdict>>,
    rtts: watch::Receiver<Option<Duration>>,
    handles: mpsc::Receiver<()>,
    stop: CancellationToken,
    pub(super) routes: Routes,
    pub(super) plan: Plan,
    pub(super) refused: Refusals,
    /// How many opened packets were taken note of.
    opened: u64,
    answers: Answers,
    /// From where the system would go to the server, as it was at the latest event.
    chosen: Option<IpAddr>,
}

/// What ended a wait.
enum Event {
    Acted,
    Followed,
    Heard,
    Late,
    Network(network::Event),
    Note(Note),
    /// A stream stands, or came to nothing.
    Stands(LinkId, io::Result<()>),
    Stopped,
    Typed,
    Verdict(Verdict),
}

impl Task {
    async fn run(mut self) {
        loop {
            while let Some(output) = self.state.poll_output(now()) {
                self.act(output);
                self.apply();
            }
            self.apply();
            let event = self.wait().await;
            // What was heard while nobody looked was heard before this event.
            self.note_heard();
            match event {
                Event::Acted | Event::Heard => {}
                Event::Followed => self.verdict = self.verdicts.borrow_and_update().clone(),
                Event::Late => self.state.handle_trigger(Trigger::Woke, now()),
                Event::Network(event) => self.handle_network(event),
                Event::Note(note) => self.handle_note(note),
                Event::Stands(link, stands) => self.handle_stands(link, stands),
                Event::Stopped => return,
                Event::Typed => self.state.handle_typed(now()),
                Event::Verdict(verdict) => self.handle_verdict(verdict),
            }
            self.check_answers();
        }
    }

    /// Waits for whatever comes first. Cancel safe.
    async fn wait(&mut self) -> Event {
        let deadline = [self.state.poll_timeout(), self.answer_due()]
            .into_iter()
            .flatten()
            .min();
        let listening = self.listening();
        let activity = self.pipe.activity();
        tokio::select! {
            biased; // What is rare comes first: a flood of packets must not hide it.
            () = self.stop.cancelled() => Event::Stopped,
            None = self.handles.recv() => Event::Stopped,
            () = until(deadline) => match is_late(deadline) {
                true => Event::Late,
                false => Event::Acted,
            },
            Ok(()) = self.verdicts.changed() => Event::Followed,
            verdict = heartbeat::told(&mut self.verdict) => Event::Verdict(verdict),
            Ok(()) = self.rtts.changed() => {
                let rtt = *self.rtts.borrow_and_update();
                activity.handle_rtt(rtt.unwrap_or_default());
                self.state.handle_rtt(rtt);
                Event::Acted
            }
            event = self.events.next() => Event::Network(event),
            (link, stands) = poll_fn(|cx| self.routes.poll_stands(cx)) => Event::Stands(link, stands),
            () = activity.expecting() => Event::Typed,
            Some(note) = self.inbox.recv() => Event::Note(note),
            () = activity.heard_after(self.opened), if listening => Event::Heard,
        }
    }

    /// Whether the next sign of life changes anything.
    fn listening(&self) -> bool {
        let due = self.answer_due().is_some();
        due || self.state.lost_at().is_some() || !self.state.proved() || self.state.is_trying()
    }

    fn note_heard(&mut self) {
        let opened = self.pipe.activity().opened();
        self.state.handle_opened(opened, now());
        if opened == self.opened {
            return;
        }
        self.opened = opened;
        self.refused = Refusals::default();
        let link = self.pipe.activity().heard_on();
        let was_dark = self.plan.dark;
        if self.state.handle_heard(link, now()) {
            self.handle_new_path(link, was_dark);
        }
    }

    fn handle_note(&mut self, note: Note) {
        match note {
            Note::Ack(link, ack) => self.handle_ack(link, ack),
            Note::Answer(link, ack, large) => self.state.handle_answer(link, ack, large),
            Note::LinkFailed {
                link,
                refused: true,
            } if !self.state.is_rival(link) => {
                // Said by nobody who can be believed, and often only by a router on the way.
                self.refused.note(self.routes.is_stream(link));
                if self.routes.is_stream(link) {
                    self.state.handle_link_failed(link, now());
                } else if self.plan.send.first() == Some(&link) {
                    self.state.handle_trigger(Trigger::SendFailed, now());
                }
                self.state.handle_refused(link, now());
            }
            Note::LinkFailed { link, .. } => self.state.handle_link_failed(link, now()),
        }
    }

    fn handle_stands(&mut self, link: LinkId, stands: io::Result<()>) {
        match stands {
            Ok(()) => self.state.handle_stands(link),
            Err(error) => {
                tracing::debug!(%error, "a connection came to nothing");
                if error.kind() == io::ErrorKind::ConnectionRefused {
                    self.refused.note(true);
                }
                self.state.handle_link_failed(link, now());
            }
        }
    }

    fn handle_ack(&mut self, link: LinkId, ack: Ack) {
        let was_lost = self.state.lost_at().is_some();
        if self.state.handle_ack(link, ack, now()) {
            self.handle_new_path(link, was_lost);
        }
    }

    pub(super) fn handle_new_path(&mut self, link: LinkId, was_lost: bool) {
        let stream = self.routes.is_stream(link);
        let local = self.routes.local(link);
        tracing::info!(stream, "the path is up");
        tracing::debug!(?local, "it leaves from here");
        self.routes.handle_first_path(local.map(|local| local.ip()));
        self.refused = Refusals::default();
        self.answers.handle_new_path(now());
        let narrow = self.state.took_over_from_narrow();
        if narrow && !self.plan.dark {
            self.pipe
                .clock()
                .hurry(self.config.timing.heartbeat_timeout);
        }
        // What waits for an answer went the old way; the pipe itself sends what waits in the dark.
        if (was_lost || narrow)
            && !self.plan.dark
            && let Some(route) = self.routes.get(link)
        {
            self.pipe.send_held(route);
        }
    }

    fn handle_network(&mut self, event: network::Event) {
        let server = self.config.servers[self.state.address()];
        let chosen = self.binder.connect(server).ok();
        let chosen = chosen.and_then(|link| link.local_addr());
        let chosen = chosen.map(|chosen| chosen.ip());
        let newest = self.state.newest().and_then(|link| self.routes.local(link));
        // Over another interface than the system's, what it would choose is no news.
        let known = std::mem::replace(&mut self.chosen, chosen) == chosen;
        let calm = known && self.state.proved() && !self.state.is_suspect();
        let fits = calm || chosen == newest.map(|newest| newest.ip());
        let current = self
            .plan
            .links
            .first()
            .and_then(|link| self.routes.local(*link));
        let gone = current.is_some_and(|current| !self.binder.has_address(current.ip()));
        let trigger = match event {
            network::Event::Woke => Trigger::Woke,
            network::Event::Changed if gone => Trigger::AddressGone,
            network::Event::Changed if fits => Trigger::NetworkTouched,
            network::Event::Changed => Trigger::NetworkChanged,
        };
        tracing::debug!(?trigger, "a hint that the path may have changed");
        if !fits {
            self.state.handle_outdated(now());
        }
        self.state.handle_trigger(trigger, now());
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        if verdict == Verdict::Silent {
            self.state.handle_trigger(Trigger::Silent, now());
        }
    }

    fn answer_due(&self) -> Option<Instant> {
        let expecting = self.pipe.activity().expecting_since();
        let patience = self.state.patience(*self.rtts.borrow(), now());
        self.answers.due(expecting, patience)
    }

    fn check_answers(&mut self) {
        if self.answer_due().is_some_and(|due| now() >= due) {
            let rtt = *self.rtts.borrow();
            tracing::debug!(?rtt, "an answer is missing");
            let expecting = self.pipe.activity().expecting_since();
            self.answers.handle_reported(expecting);
            self.state.handle_trigger(Trigger::Unanswered, now());
        }
    }
}

/// A timer that fires late tells of a process or machine that stood still.
fn is_late(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|at| now().saturating_duration_since(at) > LATE)
}

/// Notes that wait for the task; the data path drops what does not fit.
const NOTES: usize = 64;

/// A runtime that is merely busy is not so late.
const LATE: Duration = Duration::from_millis(700);
