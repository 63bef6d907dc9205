//! How much may be in flight: enough to fill the path, little enough to leave its queue short.
//!
//! | want to change…                                     | look in     |
//! |-----------------------------------------------------|-------------|
//! | the window                                          | `state.rs`  |
//! | when it follows which rule                          | `state/phase.rs` |
//! | how fast bytes arrive at the peer                   | `rate.rs`   |
//! | which share of the packets the path loses by chance | `losses.rs` |
//! | how a path is shared with traffic that fills queues | `cubic.rs`  |
//! | when a round trip begins and ends                   | `round.rs`  |
//! | largest and smallest values of late                 | `extreme.rs`|
//! | by how much round trips differ at random            | `jitter.rs` |
//!
//! A path that loses packets at random is no full path, so loss alone moves nothing. What is measured is the
//! delivery rate and the shortest round trip; their product, and a little more, is the window. Where the
//! round trip stays long although this side holds back, somebody else fills the queue: then, and only then,
//! this side takes part as TCP does, by CUBIC (RFC 9438).
//!
//! Round trips that differ at random hide all that: the shortest one is much shorter than what fills the path. So it is
//! measured by how much they differ, and as far as that goes, what remains of a round trip while this side holds back is
//! the path's own.
//!
//! Not here: acknowledgements, retransmission and timers, which are the transport's.

mod cubic;
mod extreme;
mod jitter;
mod losses;
mod rate;
mod round;
mod state;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

pub use state::Congestion;
