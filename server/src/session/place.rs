//! A place among the sessions that MaxSessions permits.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

/// Kept until the last clone is dropped.
///
/// Whoever tells the client of a part of a session's end, its exit or the end of an output, drops its
/// clone before: a client that knows of all parts may start the next session at once.
#[derive(Clone, Debug)]
pub struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Place {
    /// The place that `permit` stands for.
    pub fn new(permit: OwnedSemaphorePermit) -> Self {
        Self {
            _permit: Arc::new(permit),
        }
    }
}
