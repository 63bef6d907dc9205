//! Where packets go and which sources are believed: the decision that the data path reads.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::transport::Link;

/// Names a link for its life; never used again within a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The link that received it.
    pub link: LinkId,
    /// The address that sent it.
    pub addr: SocketAddr,
}

/// A way to the peer.
#[derive(Clone, Debug)]
pub struct Route {
    /// The name of [`Route::link`].
    pub id: LinkId,
    /// The link to send on.
    pub link: Arc<dyn Link>,
    /// The peer's address on that link.
    pub peer: SocketAddr,
}

impl Route {
    /// The source of what comes back along this route.
    pub fn source(&self) -> Source {
        Source {
            link: self.id,
            addr: self.peer,
        }
    }
}

/// What the proxy has decided. Published as a whole, read by every packet.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The links that are read, at most [`MAX_LINKS`].
    pub links: Vec<(LinkId, Arc<dyn Link>)>,
    /// Packets go along all of these: none while there is no path, several while a path that no longer
    /// answers is being replaced. At most [`MAX_ROUTES`].
    pub send: Vec<Route>,
    /// Packets from here are handed to the transport without further question.
    pub believed: Vec<Source>,
    /// The path is known to be dead: packets are held, and sent again behind each authentication
    /// packet. A route that is being tried has them at once too.
    pub dark: bool,
}

impl Table {
    /// Whether packets from `source` go straight to the transport.
    pub fn believes(&self, source: Source) -> bool {
        self.believed.contains(&source)
    }

    /// The routes that may lose a packet. In the dark there is none: what is sent then is held, and
    /// goes out when it ends.
    pub fn lossy(&self) -> impl Iterator<Item = &Route> {
        let lossy = |route: &&Route| !self.dark && !route.link.is_stream();
        self.send.iter().filter(lossy)
    }
}

/// A server listens on every address of every interface at most, a client on a few candidates.
pub const MAX_LINKS: usize = 64;

/// The former path and those that may replace it.
pub const MAX_ROUTES: usize = 5;

/// The largest packets in bytes that a path may be made for: QUIC needs 1200 (RFC 9000, section 14),
/// and no network passes more than a jumbo frame.
pub const MTU_RANGE: std::ops::RangeInclusive<u16> = 1200..=9000;
