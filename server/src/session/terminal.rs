//! The output of a session with a terminal.

use tokio::sync::watch;
use tssh_core::transport::WriteHalf;

use super::pipes;
use super::wishes::Wishes;
use crate::child::{Control, Output};
use crate::keeper::Client;

/// Copies to the end, and sizes the terminal as the client wishes.
pub(super) async fn pump(
    from: Output,
    to: Box<dyn WriteHalf>,
    control: Control,
    mut wishes: watch::Receiver<Wishes>,
    _client: Client,
) {
    let sizes = async {
        while wishes.changed().await.is_ok() {
            let wished = wishes.borrow_and_update().clone();
            if let Err(error) = control.redraw(wished.cols, wished.rows).await {
                tracing::debug!(%error, "a terminal keeps its size");
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = pipes::pump(from, to) => {}
        () = sizes => {}
    }
}
