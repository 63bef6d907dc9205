//! KCP's own work: numbered segments, acknowledged and sent again. No clock, no socket.
//!
//! | want to change…                                | look in      |
//! |------------------------------------------------|--------------|
//! | bytes of a segment                             | `segment.rs` |
//! | what one packet holds; when to come back       | `state.rs`   |
//! | what is in flight, lost, and sent again        | `sender/`    |
//! | what waits for its turn or its acknowledgement | `receiver.rs`|
//! | round trip times and patience                  | `rtt.rs`     |
//! | how fast it goes out                           | `pace.rs`    |
//!
//! Not here: how much may be in flight (`tssh_core::congestion`).
//!
//! The wire is that of KCP (PROTOCOL.md, "KCP mode"); when to send is decided here. The original sends again
//! by one timer for each segment, which waits ever longer, and fills its window without regard to the path.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(any(test, fuzzing))]
pub(crate) mod oracle;
mod pace;
mod receiver;
#[cfg(test)]
pub(crate) mod recorded;
mod rtt;
mod segment;
mod sender;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use segment::begins;
pub(crate) use sender::Outcome;
pub(crate) use state::{Arq, Sink, Source};
