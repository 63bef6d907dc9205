//! How the keys of a connection change: what the bus carries between both sides.

use std::future::poll_fn;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::select;
use tssh_core::transport::{Rekey, TransportError};

use crate::shared::Shared;

/// One connection's exchange of keys.
#[derive(Debug)]
pub(crate) struct Exchange(pub(crate) Arc<Shared>);

#[async_trait]
impl Rekey for Exchange {
    async fn due(&self) -> Result<Vec<u8>, TransportError> {
        let shared = &self.0;
        loop {
            // Before the look, so that no change falls between.
            let used_up = shared.key_due.notified();
            if let Some(end) = shared.session().end() {
                return Err(end.error());
            }
            let (asking, due_at) = {
                let mut keys = shared.keys();
                if keys.is_due(shared.clock.now()) {
                    return keys.ask();
                }
                (keys.is_asking(), keys.due_at())
            };
            if asking {
                used_up.await;
                continue;
            }
            let mut timer = shared.clock.timer(due_at);
            select! {
                biased; // Either is a reason for a new key.
                () = used_up => {}
                () = poll_fn(|cx| timer.poll_elapsed(cx)) => {}
            }
        }
    }

    fn answer(&self, half: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.0.keys().handle_ask(half, self.0.clock.now())
    }

    fn finish(&self, half: &[u8]) -> Result<(), TransportError> {
        let finished = self.0.keys().handle_answer(half, self.0.clock.now());
        self.0.key_due.notify_waiters();
        finished
    }
}
