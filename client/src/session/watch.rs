//! Follows a lost connection where there is no screen to draw on: what a script reads stays clean,
//! so only the log tells, and only a server that is gone ends the session.

use std::time::Duration;

use tokio::sync::watch::Receiver;
use tssh_core::clock::until;
use tssh_core::proxy::client::PathStatus;

use super::pump::Outcome;

/// Says once per outage that the connection is lost, after `after`, and once that it is back; ends
/// when the host has answered for a minute, or five times `after`, that nothing listens there any more.
pub async fn watch(mut path: Receiver<PathStatus>, after: Duration) -> Outcome {
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
            biased; // What is over needs not be told.
            () = back(&mut path) => continue,
            () = until(due) => {}
        }
        tracing::info!("the connection is lost; trying to reconnect");
        let refusals = path.clone();
        tokio::select! {
            biased; // A server that answers is not gone.
            () = back(&mut path) => {}
            () = gone(refusals, gone_after(after)) => return Outcome::Quit(GONE.to_owned()),
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
async fn gone(mut path: Receiver<PathStatus>, after: Duration) {
    loop {
        if path.wait_for(is_refused).await.is_err() {
            return std::future::pending().await;
        }
        let taken_back = path.wait_for(|status| !is_refused(status));
        let Ok(taken_back) = tokio::time::timeout(after, taken_back)
            .await
            .map(|it| it.is_ok())
        else {
            return;
        };
        if !taken_back {
            return std::future::pending().await;
        }
    }
}

fn is_refused(status: &PathStatus) -> bool {
    status.refused && status.dark
}

const GONE: &str = "nothing listens there any more, so tsshd was ended or the machine restarted";

/// How long a host refuses before a script is not kept waiting any longer. A user who wants to be
/// told of an outage sooner waits less here too.
fn gone_after(told_after: Duration) -> Duration {
    (told_after * 5).min(GONE_FOR)
}

/// A machine that restarts has lost the session anyway.
const GONE_FOR: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::watch;
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, sleep};
    use tssh_core::clock::now;
    use tssh_core::proxy::client::PathStatus;

    use super::{GONE, Outcome};

    const S: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_host_that_refuses_for_a_minute_once_the_outage_was_told_ends_the_session() {
        let (path, watching) = watching(14 * S);
        let since = Instant::now();
        path.send_replace(lost(false));
        sleep(5 * S).await;
        path.send_replace(lost(true));
        assert_eq!(watching.await.unwrap(), Outcome::Quit(GONE.to_owned()));
        assert_eq!(since.elapsed(), 14 * S + 60 * S);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_told_sooner_waits_less() {
        let (path, watching) = watching(2 * S);
        let since = Instant::now();
        path.send_replace(lost(true));
        assert_eq!(watching.await.unwrap(), Outcome::Quit(GONE.to_owned()));
        assert_eq!(since.elapsed(), 2 * S + 10 * S);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_is_taken_back_begins_again() {
        let (path, watching) = watching(14 * S);
        for _ in 0..5 {
            path.send_replace(lost(true));
            sleep(50 * S).await;
            path.send_replace(lost(false));
            sleep(S).await;
        }
        assert!(!watching.is_finished());
        path.send_replace(lost(true));
        sleep(61 * S).await;
        assert!(watching.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_says_nothing_is_waited_for_as_long_as_it_takes() {
        let (path, watching) = watching(14 * S);
        path.send_replace(lost(false));
        sleep(3600 * S).await;
        path.send_replace(PathStatus::default());
        sleep(S).await;
        assert!(!watching.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_while_the_path_still_serves_are_no_end() {
        let (path, watching) = watching(14 * S);
        let status = PathStatus {
            dark: false,
            ..lost(true)
        };
        path.send_replace(status);
        sleep(3600 * S).await;
        assert!(!watching.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_connection_is_told_by_somebody_else() {
        let (path, watching) = watching(14 * S);
        path.send_replace(lost(true));
        sleep(20 * S).await;
        drop(path);
        sleep(3600 * S).await;
        assert!(!watching.is_finished());
    }

    fn watching(after: Duration) -> (watch::Sender<PathStatus>, JoinHandle<Outcome>) {
        let (path, seen) = watch::channel(PathStatus::default());
        (path, tokio::spawn(super::watch(seen, after)))
    }

    fn lost(refused: bool) -> PathStatus {
        PathStatus {
            lost_at: Some(now()),
            dark: true,
            refused,
            ..PathStatus::default()
        }
    }
}
