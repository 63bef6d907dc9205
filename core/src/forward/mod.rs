//! A forwarded connection: a socket here, a stream to the peer, and the bytes between them.
//!
//! | want to change…                                    | look in     |
//! |----------------------------------------------------|-------------|
//! | how bytes are carried, and how each direction ends | `pump.rs`   |
//! | what kinds of sockets there are, and their reset   | `socket.rs` |
//! | how a name's addresses are tried                   | `dial.rs`   |
//! | how a port is listened on                          | `listen.rs` |
//!
//! Not here: who may forward what (the server's `settings`), and who listens (the client).

mod dial;
mod listen;
mod pump;
mod socket;
#[cfg(test)]
mod tests;

pub use dial::{DialError, Family, dial_tcp};
pub use listen::listen_tcp;
pub use pump::{Carried, pump};
pub use socket::Socket;
