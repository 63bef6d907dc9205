//! The path clock: the time a transport lives by, which stands still while its path is dead.
//!
//! | want to change…                      | look in    |
//! |--------------------------------------|------------|
//! | how time stops, runs on and jumps    | `state.rs` |
//! | how a waiting timer learns of it     | `timer.rs` |
//!
//! Not here: who decides that the path is dead (`proxy`, `heartbeat`).

mod state;
#[cfg(test)]
mod tests;
mod timer;

pub use timer::{PathClock, PathTimer};

use std::time::Instant;

/// Returns the runtime's monotonic time, which a paused test runtime controls.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Waits until `deadline`; for ever when there is none. Cancel safe.
pub async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
