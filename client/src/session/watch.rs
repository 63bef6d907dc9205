//! Follows a lost connection where there is no terminal to draw on: what a script reads stays clean,
//! so only the log tells, and only a server that is gone ends the session.

use std::time::Duration;

use tokio::sync::watch::Receiver;
use tssh_core::clock::until;
use tssh_core::proxy::client::PathStatus;

use super::pump::Outcome;

/// Says once per outage that the connection is lost, after `after`, and once that it is back; ends
/// when the host has answered for [`GONE_FOR`] that nothing listens there any more.
pub(super) async fn watch(mut path: Receiver<PathStatus>, after: Duration) -> Outcome {
    loop {
        let Ok(lost) = path
            .wait_for(|status| status.lost_at.is_some())
            .await
            .map(|status| *status)
        else {
            // The connection has ended, which is told elsewhere.
            return std::future::pending().await;
        };
        let due = lost.lost_at.map(|since| since + after);
        tokio::select! {
            () = back(&mut path) => continue,
            () = until(due) => {}
        }
        tracing::info!("the connection is lost; trying to reconnect");
        let refusals = path.clone();
        tokio::select! {
            () = back(&mut path) => {}
            () = gone(refusals) => return Outcome::Quit(GONE.to_owned()),
        }
        tracing::info!("the connection is back");
    }
}

async fn back(path: &mut Receiver<PathStatus>) {
    if path
        .wait_for(|status| status.lost_at.is_none())
        .await
        .is_err()
    {
        std::future::pending().await
    }
}

/// Ends when the host has refused for long enough. One refusal is no proof: a router may say it.
async fn gone(mut path: Receiver<PathStatus>) {
    loop {
        if path.wait_for(is_refused).await.is_err() {
            return std::future::pending().await;
        }
        let taken_back = path.wait_for(|status| !is_refused(status));
        if tokio::time::timeout(GONE_FOR, taken_back).await.is_err() {
            return;
        }
    }
}

fn is_refused(status: &PathStatus) -> bool {
    status.refused && status.dark
}

const GONE: &str = "nothing listens there any more, so tsshd was ended or the machine restarted";

/// A script waits no longer for a server that is not there; a machine that restarts has lost the
/// session anyway.
const GONE_FOR: Duration = Duration::from_secs(60);
