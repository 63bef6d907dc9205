//! Connects to a host by whichever of its addresses answers first.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Why nothing was connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// No address answered, or each refused.
    #[error("connect to {host} port {port}: {source}")]
    Connect {
        /// As it was asked for.
        host: String,
        /// TCP port.
        port: u16,
        /// Of the address that failed last.
        source: io::Error,
    },
    /// A name without an address of the wanted family.
    #[error("{host} has no {wanted} address")]
    NoAddress {
        /// As it was asked for.
        host: String,
        /// `IP`, `IPv4` or `IPv6`.
        wanted: &'static str,
    },
    /// The resolver does not know the name.
    #[error("the name {host} is not known here: {source}")]
    Resolve {
        /// As it was asked for.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// Neither yes nor no.
    #[error("{host} port {port} did not answer within {} s", waited.as_secs_f32())]
    TimedOut {
        /// As it was asked for.
        host: String,
        /// TCP port.
        port: u16,
        /// For how long.
        waited: Duration,
    },
}

/// Which addresses of a name are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// All.
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    fn admits(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// Connects to `host`, a name or an address without brackets, within `limit`.
///
/// Addresses are tried as RFC 8305 says: families take turns, the next address starts a moment after
/// the one before or as soon as that one has failed, and the first that answers wins. Cancel safe:
/// dropping the future abandons every attempt.
///
/// # Errors
///
/// See [`DialError`].
pub async fn dial_tcp(
    host: &str,
    port: u16,
    family: Family,
    limit: Duration,
) -> Result<TcpStream, DialError> {
    let attempt = async {
        let found = lookup_host((host, port)).await;
        let found = found.map_err(|source| DialError::Resolve {
            host: host.to_owned(),
            source,
        })?;
        let addresses = in_turns(found.filter(|address| family.admits(address)).collect());
        let connected = race(addresses, TcpStream::connect).await;
        match connected {
            Ok(Some(socket)) => Ok(socket),
            Ok(None) => Err(DialError::NoAddress {
                host: host.to_owned(),
                wanted: family.name(),
            }),
            Err(source) => Err(DialError::Connect {
                host: host.to_owned(),
                port,
                source,
            }),
        }
    };
    match timeout(limit, attempt).await {
        Ok(result) => result,
        Err(_) => Err(DialError::TimedOut {
            host: host.to_owned(),
            port,
            waited: limit,
        }),
    }
}

/// RFC 8305, section 4: the resolver's order, but the families take turns. [`MAX_ADDRESSES`] at most.
pub(super) fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == first_is_v4);
    let mut second = second.into_iter();
    let mut ordered = Vec::new();
    for address in first {
        ordered.push(address);
        ordered.extend(second.next());
    }
    ordered.extend(second);
    ordered.truncate(MAX_ADDRESSES);
    ordered
}

/// The first connection that is made; `None` when there is no address; the last error when all failed.
pub(super) async fn race<T, C, F>(addresses: Vec<SocketAddr>, connect: C) -> io::Result<Option<T>>
where
    T: Send + 'static,
    C: Fn(SocketAddr) -> F,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut waiting = addresses.into_iter();
    let mut running = JoinSet::new();
    let mut last = None;
    loop {
        let more = match waiting.next() {
            Some(address) => {
                running.spawn(connect(address));
                true
            }
            None => false,
        };
        // Until the next attempt is due.
        let ended = tokio::select! {
            biased; // Who has answered needs no rival.
            ended = running.join_next() => ended,
            () = sleep(HEAD_START), if more => continue,
        };
        match ended {
            Some(Ok(Ok(connected))) => return Ok(Some(connected)),
            Some(Ok(Err(error))) => last = Some(error),
            Some(Err(error)) => last = Some(io::Error::other(error)),
            None => return last.map_or(Ok(None), Err),
        }
    }
}

/// RFC 8305, section 8: Connection Attempt Delay.
const HEAD_START: Duration = Duration::from_millis(250);

/// A name may have any number; each attempt costs a socket.
const MAX_ADDRESSES: usize = 16;
