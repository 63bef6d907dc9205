//! The server's side of the path: it follows where the client's claims come from.
//!
//! | want to change…                              | look in     |
//! |----------------------------------------------|-------------|
//! | which address is believed, and for how long  | `state.rs`  |
//! | which claims stand side by side              | `standing.rs` |
//! | which candidate a packet came from           | `trial.rs`  |
//! | how much an unproved address is sent         | `budget.rs` |
//! | what proves an address                       | `proof.rs`  |
//! | what the data path asks                      | `gate.rs`   |
//! | how a stream becomes a path, and ends        | `streams.rs` |
//! | what waits                                   | `actor.rs`  |

mod actor;
#[cfg(test)]
mod attacks;
mod budget;
mod gate;
mod proof;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod question_attacks;
#[cfg(test)]
mod race_attacks;
mod standing;
mod state;
mod streams;
#[cfg(test)]
mod tests;
mod trial;
#[cfg(test)]
mod victim;

pub use actor::{Config, Handle, new};
pub use budget::Budget;
pub use state::{Admission, Plan, State};
pub use streams::Streams;
