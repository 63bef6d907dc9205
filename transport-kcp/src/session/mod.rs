//! One connection between the pipe and its streams, without either: opened packets in, packets to be sealed out.
//!
//! | want to change…                              | look in    |
//! |----------------------------------------------|------------|
//! | what a packet does, what goes into the next  | `state.rs` |
//! | how it ends, and what is said of that        | `end.rs`   |
//! | datagrams that wait                          | `inbox.rs` |
//! | which arrivals tell of loss                  | `signs.rs` |
//!
//! Not here: keys and sockets (`driver.rs`), and how segments (`arq`) and frames (`smux`) work.

mod end;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod inbox;
mod signs;
mod state;

pub(crate) use end::End;
pub(crate) use state::Session;
