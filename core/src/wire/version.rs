//! Which versions may speak to each other. PROTOCOL.md, "Versions".

use super::bus::BusHello;
use super::error::Printable;
use super::info::ServerInfo;

/// The newest protocol that we speak. Two peers speak the lower of theirs.
pub const PROTOCOL: u32 = 1;

/// What we say where a peer wants the version of the original programs: those that we equal on the wire.
pub const SERVER_VERSION: &str = "0.1.8";

/// Why two versions cannot speak to each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// The version is no version.
    #[error("version {0} is not three numbers with dots, such as {SERVER_VERSION}")]
    Malformed(Printable),
    /// Too old for us.
    #[error(
        "version {0} is too old, 0.1.6 or newer is wanted: upgrade the program on the other side"
    )]
    TooOld(Printable),
}

impl BusHello {
    /// The protocol that both sides speak.
    ///
    /// # Errors
    ///
    /// [`VersionError`] for a client that names no protocol and is older than 0.1.6.
    pub fn common_protocol(&self) -> Result<u32, VersionError> {
        common(self.protocol, &self.client_version)
    }
}

impl ServerInfo {
    /// The protocol that both sides speak.
    ///
    /// # Errors
    ///
    /// [`VersionError`] for a server that names no protocol and is older than 0.1.6.
    pub fn common_protocol(&self) -> Result<u32, VersionError> {
        common(self.protocol, &self.server_version)
    }
}

fn common(protocol: u32, version: &str) -> Result<u32, VersionError> {
    if protocol == 0 && parse(version)? < OLDEST {
        return Err(VersionError::TooOld(Printable::new(version)));
    }
    Ok(protocol.min(PROTOCOL))
}

fn parse(version: &str) -> Result<[u32; 3], VersionError> {
    let malformed = || VersionError::Malformed(Printable::new(version));
    if version.is_empty() {
        return Ok([0; 3]);
    }
    let numbers: Vec<u32> = version
        .split('.')
        .map(|part| part.parse().map_err(|_| malformed()))
        .collect::<Result<_, _>>()?;
    numbers.try_into().map_err(|_| malformed())
}

/// The first version with the proxy layer of this protocol.
const OLDEST: [u32; 3] = [0, 1, 6];
