//! What lies between two peers, and its weather.
//!
//! | want to change…                                | look in      |
//! |------------------------------------------------|--------------|
//! | packets that fly by themselves, as over UDP    | `air.rs`     |
//! | bytes in order, as over TCP or a child's pipes | `tube.rs`    |
//! | packets over such bytes                        | `framed.rs`  |
//! | two pipes over tubes, and their replacement    | `wire.rs`    |
//! | links that allocate nothing                    | `ring.rs`    |
//! | a client that moves, behind a translator       | `network.rs`, `network/` |
//!
//! Not here: what happens to a packet on its way (`weather.rs`).

mod air;
mod framed;
mod network;
mod ring;
mod tube;
mod wire;

use std::fmt;

use tssh_core::proxy::PacketPipe;

use crate::weather::Weather;

pub use air::{Air, AirLink};
pub use framed::framed;
pub use network::Network;
pub use ring::{RingLink, ring};
pub(crate) use tube::{Lanes, with_lanes};
pub use tube::{Tube, tubes};
pub use wire::{Framing, Wire};

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the far link to the near one.
    Back,
    /// From the near link to the far one.
    There,
}

/// What the packets of a connection are carried by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Over {
    /// Nothing: the transport brings its own way, and can only be cut off.
    Nothing,
    /// Bytes through the pipes of a child process: in order, whole, torn anywhere; no address.
    Process,
    /// Bytes in order and whole, framed; another connection after each outage.
    Tcp,
    /// Packets, each by itself: lost, doubled, reordered.
    Udp,
}

/// A way between two peers that can be cut off.
pub trait Medium: Send + Sync + 'static {
    /// The pipes of the client and of the server. Called once.
    fn pipes(&self, mtu: u16) -> (PacketPipe, PacketPipe);

    /// Cuts the peers off from each other, or joins them again. What was on its way is lost where the
    /// way has no memory of it.
    fn set_dark(&self, dark: bool);

    /// Changes the weather of one direction; does nothing where there is none.
    fn change(&self, direction: Direction, change: &dyn Fn(&mut Weather));

    /// The air, where packets fly by themselves and can be seen and forged.
    fn air(&self) -> Option<&Air> {
        None
    }
}

impl Over {
    /// Its name in a table and in a test's path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Process => "process",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Over {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
