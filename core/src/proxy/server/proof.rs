//! The proof that an address hears us: what it says came from our acknowledgement.

use crate::auth::{AUTH_LEN, Ack, Claim, ProxyKey};
use crate::proxy::Source;

/// The acknowledgement of the latest claim, and whether its arrival was proved.
///
/// A claim can be recorded before it arrives, and sent from a forged address later. What was sent
/// to that address cannot be read there.
#[derive(Debug)]
pub(super) struct Acknowledged {
    source: Source,
    serial: u64,
    packet: [u8; AUTH_LEN],
    stamp: u64,
    proved: bool,
}

impl Acknowledged {
    /// Seals the acknowledgement of `serial` to `source`. It is sent again as it is, so that a
    /// repeated claim does not change what proves it.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub(super) fn seal(
        key: &ProxyKey,
        server: u64,
        source: Source,
        serial: u64,
    ) -> Result<Self, getrandom::Error> {
        let packet = key.seal(Claim { id: server, serial })?;
        Ok(Self {
            source,
            serial,
            stamp: Ack::stamp_of(&packet),
            packet,
            proved: false,
        })
    }

    /// The packet, when it is the one that answers this claim of this source.
    pub(super) fn answers(&self, source: Source, serial: u64) -> Option<[u8; AUTH_LEN]> {
        (self.source == source && self.serial == serial).then_some(self.packet)
    }

    /// A packet with this `stamp` came from `source`. Returns whether it proves that the
    /// acknowledgement arrived there.
    pub(super) fn handle_confirmation(&mut self, source: Source, stamp: u64) -> bool {
        let proves = self.source == source && self.stamp == stamp;
        self.proved |= proves;
        proves
    }

    /// Whether `source` has proved that it hears us.
    pub(super) fn is_proved(&self, source: Source) -> bool {
        self.proved && self.source == source
    }
}
