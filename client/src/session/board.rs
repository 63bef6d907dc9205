//! Keeps the lost-connection notice true: the path, the keys that wait, the size, the time.

use std::cell::RefCell;
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tssh_core::clock::{now, until};
use tssh_core::proxy::client::PathStatus;
use tssh_core::wire::Discard;

use super::pump::{Outcome, current_size};
use super::remote::Control;
use crate::terminal::Screen;
use crate::terminal::notice::{self, Decision, Dropped, Notice, Waiting};
use crate::terminal::typeahead::Pushed;
use crate::terminal::{Output, Size};

/// The notice of one session, and what it is drawn with.
pub(super) struct Board<'a> {
    notice: RefCell<Notice>,
    changed: Notify,
    /// Nothing is drawn into a pipe or a file.
    stdout: Option<&'a Output>,
    screen: Arc<Screen>,
    control: &'a Control,
}

impl<'a> Board<'a> {
    pub(super) fn new(
        settings: notice::Settings,
        stdout: &'a Output,
        screen: Arc<Screen>,
        control: &'a Control,
    ) -> Self {
        let size = Size::current().unwrap_or_default();
        Self {
            notice: RefCell::new(Notice::new(settings, size)),
            changed: Notify::new(),
            stdout: Some(stdout).filter(|stdout| stdout.is_screen()),
            screen,
            control,
        }
    }

    /// Keys were typed. Returns what a Ctrl-C among them means.
    pub(super) fn handle_typed(&self, pushed: Pushed, waiting: Waiting) -> Decision {
        let decision = self
            .notice
            .borrow_mut()
            .handle_typed(pushed, waiting, now());
        self.changed.notify_one();
        decision
    }

    /// Keys found no room: told when the path is back.
    pub(super) fn handle_lost(&self, bytes: u64) {
        let dropped = Dropped {
            input_bytes: bytes,
            ..Dropped::default()
        };
        let surface = self.screen.surface();
        self.notice.borrow_mut().handle_dropped(dropped, surface);
    }

    /// Output is about to be written: what is drawn makes way.
    pub(super) fn handle_output(&self) {
        let mut notice = self.notice.borrow_mut();
        if notice.is_shown()
            && let Some(erasing) = notice.handle_output(now())
        {
            self.draw(&erasing);
            self.changed.notify_one();
        }
    }

    /// The server dropped something.
    pub(super) fn handle_discard(&self, discard: &Discard) {
        let dropped = Dropped {
            input_bytes: discard.input.len() as u64,
            output_lines: discard.output_lines,
            output_bytes: discard.output_bytes,
        };
        self.notice
            .borrow_mut()
            .handle_dropped(dropped, self.screen.surface());
        self.changed.notify_one();
    }

    /// Draws and erases, for as long as the session lasts: never returns.
    pub(super) async fn run(
        &self,
        mut path: watch::Receiver<PathStatus>,
        mut sizes: watch::Receiver<Size>,
    ) -> Outcome {
        loop {
            self.show().await;
            let deadline = self.notice.borrow().poll_timeout();
            tokio::select! {
                biased; // What is rare comes first; deadlines are looked at on each lap.
                Ok(()) = path.changed() => self.handle_path(*path.borrow_and_update()),
                Ok(()) = sizes.changed() => {
                    self.notice.borrow_mut().handle_size(*sizes.borrow_and_update());
                }
                () = self.changed.notified() => {}
                () = until(deadline) => {}
            }
        }
    }

    /// Erases what is drawn, for good: the session ends. The program is not asked to repaint.
    pub(super) fn clear(&self) {
        let mut notice = self.notice.borrow_mut();
        notice.handle_path_back();
        while let Some(output) = notice.poll_output(now()) {
            if let notice::Output::Draw(bytes) = output {
                self.draw(&bytes);
            }
        }
    }

    fn handle_path(&self, status: PathStatus) {
        let mut notice = self.notice.borrow_mut();
        match status.lost_at {
            // Before the path is known to be dead a refusal may be one network's on the way.
            Some(since) if status.refused && status.dark => {
                notice.handle_server_gone(since, self.screen.surface());
            }
            Some(since) => notice.handle_path_lost(since, self.screen.surface()),
            None => notice.handle_path_back(),
        }
    }

    fn draw(&self, bytes: &[u8]) {
        if let Some(stdout) = self.stdout {
            stdout.draw(bytes);
        }
    }

    async fn show(&self) {
        loop {
            let output = self.notice.borrow_mut().poll_output(now());
            match output {
                Some(notice::Output::Draw(bytes)) => self.draw(&bytes),
                Some(notice::Output::RequestRedraw) => {
                    self.control.resize(current_size(), true).await;
                }
                None => return,
            }
        }
    }
}
