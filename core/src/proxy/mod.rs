//! Which path is alive: one connection's packets kept flowing while addresses change.
//!
//! | want to change…                                    | look in         |
//! |----------------------------------------------------|-----------------|
//! | how packets run between transport and sockets      | `pipe.rs`       |
//! | where packets go now                               | `table.rs`      |
//! | what is sent again behind an authentication packet | `held.rs`       |
//! | what is sent again while the path loses packets    | `copies/`       |
//! | who waits for the links, and looks again when      | `wake.rs`       |
//! | what a pipe asks client or server about a packet   | `gate.rs`       |
//! | how large a large question is                      | `question.rs`   |
//! | what the peer's signs of life are                  | `activity.rs`   |
//! | which link a packet came on that opened            | `arrivals.rs`   |
//! | when the client tries a new path                   | `client/`       |
//! | which address the server believes                  | `server/`       |
//! | the UDP socket                                     | `udp/`          |
//! | how a new network is noticed                       | `network/`      |
//!
//! Not here: whether an authentication packet is genuine (`auth`), and what the user is told.

mod activity;
mod arrivals;
pub mod client;
mod copies;
mod gate;
mod held;
pub mod network;
mod pipe;
mod question;
#[cfg(test)]
mod rig;
pub mod server;
mod table;
#[cfg(test)]
mod tests;
mod udp;
mod wake;

pub use activity::Activity;
pub use copies::{Copies, send_copies};
pub use gate::Gate;
pub use pipe::PacketPipe;
pub use table::{LinkId, MAX_LINKS, MAX_ROUTES, MTU_RANGE, Route, Source, Table};
pub use udp::UdpLink;
