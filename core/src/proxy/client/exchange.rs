//! What the client's state machine is told, and what it tells.

use crate::auth::Claim;
use crate::proxy::LinkId;

/// What carries packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// A socket: packets may be lost and overtaken.
    #[default]
    Udp,
    /// A byte stream: TCP, or the pipes of a process.
    Stream,
}

/// A way to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Which of the server's addresses.
    pub address: usize,
    /// From which interface of this machine: 0 is the one that the system chooses, the others count as
    /// they were told by the latest survey.
    pub interface: usize,
}

/// Why the path in use may have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The address in use is gone.
    AddressGone,
    /// The system told of another address or route, and would use another address from here on.
    NetworkChanged,
    /// The system told of another address or route; the address that it would use is in use.
    NetworkTouched,
    /// The socket of the path refuses to send.
    SendFailed,
    /// The peer was silent for the heartbeat timeout.
    Silent,
    /// Something was sent, and no answer came in a round trip and a little more.
    Unanswered,
    /// A timer of our own fired late, or boot time ran ahead of monotonic time: the machine slept.
    Woke,
}

/// What the actor is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Bind a new local port under this name and answer with `handle_bound`.
    Bind {
        /// The name of the new link.
        link: LinkId,
        /// From where to where.
        way: Way,
        /// A socket, or a stream: then answer with `handle_stands` once it stands, too.
        carrier: Carrier,
    },
    /// Send this claim on that link; `early` data behind it lets the server switch at once.
    Claim {
        /// The link of the attempt.
        link: LinkId,
        /// What to say.
        claim: Claim,
        /// Whether the packets that wait for an answer follow.
        early: bool,
    },
    /// Send this question on that link twice, alone and followed by padding: see
    /// [`State::handle_answer`](super::State::handle_answer).
    Ask {
        /// The path in use.
        link: LinkId,
        /// What to say.
        claim: Claim,
    },
    /// Look which other interfaces there are, and answer with `handle_surveyed`.
    Survey,
    /// The path is this link by now: its acknowledgement had waited for a better one.
    Moved {
        /// The path in use.
        link: LinkId,
    },
    /// Send a dummy packet: the server believes the new path on the first packet that is no claim.
    Dummy {
        /// The path in use.
        link: LinkId,
    },
}

/// What the data path is to do, as names of links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The links to read; all others are closed, but for those of [`Plan::waiting`].
    pub links: Vec<LinkId>,
    /// Streams that are being made.
    pub waiting: Vec<LinkId>,
    /// Where packets go. While the path is dark these are held too.
    pub send: Vec<LinkId>,
    /// Whether the path is known to be dead, and the clock stands still.
    pub dark: bool,
}
