//! A connection without a session (`-N`).

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tssh_core::connection::ClientEvent;
use tssh_core::proxy::client::PathStatus;

use super::pump::Outcome;
use super::remote::Broken;
use super::watch::watch as follow;
use crate::login::Login;
use crate::terminal::Signals;

/// What a connection without a session waits on.
#[derive(Debug)]
pub enum Idle<'a> {
    /// A login.
    Plain(&'a Login),
    /// A roaming connection.
    Roaming {
        /// What its server tells.
        events: &'a mut mpsc::Receiver<ClientEvent>,
        /// The state of its path.
        path: watch::Receiver<PathStatus>,
        /// How long it is lost before the log tells.
        after: Duration,
    },
}

/// Waits for a signal, or for a server that is gone.
///
/// # Errors
///
/// When the connection ends before.
pub async fn idle(mut signals: Signals, on: Idle<'_>) -> Result<Outcome, Broken> {
    tokio::select! {
        biased; // How it ended is more than that somebody wants it to.
        ended = ended(on) => ended,
        Ok(ending) = signals.ending.wait_for(Option::is_some) => match *ending {
            Some(ending) => Ok(Outcome::Signalled(ending)),
            None => Err(Broken::Ended),
        },
    }
}

async fn ended(on: Idle<'_>) -> Result<Outcome, Broken> {
    match on {
        Idle::Plain(login) => Err(login.closed().await.into()),
        Idle::Roaming {
            events,
            path,
            after,
        } => {
            tokio::select! {
                biased; // What the server says of its end is more than what is found out.
                told = farewell(events) => told,
                gone = follow(path, after) => Ok(gone),
            }
        }
    }
}

async fn farewell(events: &mut mpsc::Receiver<ClientEvent>) -> Result<Outcome, Broken> {
    let mut quit = None;
    while let Some(event) = events.recv().await {
        match event {
            ClientEvent::Quit(reason) => quit = Some(reason.as_str().to_owned()),
            ClientEvent::Warning(text) => tracing::warn!("the server says: {text}"),
            ClientEvent::Debug(text) => tracing::debug!(%text, "the server's log"),
            // Without a session there is nothing to forward and nothing to drop.
            ClientEvent::Channel(_) | ClientEvent::Discard(_) | _ => {}
        }
    }
    quit.map(Outcome::Quit).ok_or(Broken::Ended)
}
