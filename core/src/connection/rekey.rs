//! New keys for a transport that has them exchanged over the bus. PROTOCOL.md, "Rekey".

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::transport::Rekey;
use crate::wire::{BusEvent, Rekey as Half};

/// The client's task: asks whenever it is time, until the connection ends.
pub(super) async fn ask(
    rekey: Arc<dyn Rekey>,
    bus: mpsc::Sender<BusEvent>,
    stop: CancellationToken,
) {
    let asking = async {
        loop {
            match rekey.due().await {
                Ok(public_key) => {
                    let half = BusEvent::Rekey(Half { public_key });
                    if bus.send(half).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "no more keys are asked for");
                    return stop.cancelled().await;
                }
            }
        }
    };
    tokio::select! {
        biased; // The stop first.
        () = stop.cancelled() => {}
        () = asking => {}
    }
}

/// Takes the server's answer.
pub(super) fn finish(rekey: Option<Arc<dyn Rekey>>, answer: &Half) {
    let Some(rekey) = rekey else {
        tracing::warn!("the server sent a key, which this transport has no use for");
        return;
    };
    match rekey.finish(&answer.public_key) {
        Ok(()) => tracing::debug!("a new key is in use"),
        Err(error) => tracing::warn!(%error, "the key is not renewed"),
    }
}

/// The server's answer to what a client asks; `None` when it cannot be given.
pub fn answer(rekey: Option<Arc<dyn Rekey>>, asked: &Half) -> Option<BusEvent> {
    let Some(rekey) = rekey else {
        tracing::warn!("the client sent a key, which this transport has no use for");
        return None;
    };
    match rekey.answer(&asked.public_key) {
        Ok(public_key) => Some(BusEvent::Rekey(Half { public_key })),
        Err(error) => {
            tracing::warn!(%error, "the key is not renewed");
            None
        }
    }
}
