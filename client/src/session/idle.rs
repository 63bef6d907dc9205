//! A connection without a session (`-N`).

use tokio::sync::mpsc;
use tssh_core::connection::ClientEvent;

use super::pump::Outcome;
use super::remote::Broken;
use crate::login::Login;
use crate::terminal::Signals;

/// What a connection without a session waits on.
#[derive(Debug)]
pub enum Idle<'a> {
    /// A login.
    Plain(&'a Login),
    /// What the server of a roaming connection tells.
    Roaming(&'a mut mpsc::Receiver<ClientEvent>),
}

/// Waits for a signal.
///
/// # Errors
///
/// When the connection ends before.
pub async fn idle(mut signals: Signals, on: Idle<'_>) -> Result<Outcome, Broken> {
    tokio::select! {
        ended = ended(on) => ended,
        Ok(ending) = signals.ending.wait_for(Option::is_some) => match *ending {
            Some(ending) => Ok(Outcome::Signalled(ending)),
            None => Err(Broken::Ended),
        },
    }
}

async fn ended(on: Idle<'_>) -> Result<Outcome, Broken> {
    let events = match on {
        Idle::Plain(login) => return Err(login.closed().await.into()),
        Idle::Roaming(events) => events,
    };
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
