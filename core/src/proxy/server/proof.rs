//! The proof that an address hears us: what it says came from our acknowledgement.

use crate::auth::{AUTH_LEN, Ack, Claim, ProxyKey};
use crate::proxy::Source;

/// The acknowledgements of the claims that stand, and whether their arrival was proved.
///
/// A claim can be recorded before it arrives, and sent from a forged address later. What was sent
/// to that address cannot be read there.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements(Vec<Acknowledged>);

#[derive(Debug)]
struct Acknowledged {
    source: Source,
    serial: u64,
    packet: [u8; AUTH_LEN],
    stamp: u64,
    proved: bool,
}

impl Acknowledgements {
    /// What answers the claim `serial` of `source`, which stands. It is sent again as it is, so that a
    /// repeated claim does not change what proves it.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub(super) fn answer(
        &mut self,
        key: &ProxyKey,
        server: u64,
        source: Source,
        serial: u64,
    ) -> Result<[u8; AUTH_LEN], getrandom::Error> {
        let mut known = self.0.iter();
        if let Some(known) = known.find(|one| one.source == source && one.serial == serial) {
            return Ok(known.packet);
        }
        let packet = key.seal(Claim { id: server, serial })?;
        self.forget(source);
        self.0.push(Acknowledged {
            source,
            serial,
            packet,
            stamp: Ack::stamp_of(&packet),
            proved: false,
        });
        Ok(packet)
    }

    /// A packet with this `stamp` came from `source`. Returns whether it proves that the
    /// acknowledgement arrived there, which it does once: what is said again is no other choice.
    pub(super) fn handle_confirmation(&mut self, source: Source, stamp: u64) -> bool {
        let proves = |one: &&mut Acknowledged| one.source == source && one.stamp == stamp;
        let known = self.0.iter_mut().find(proves);
        known.is_some_and(|one| !std::mem::replace(&mut one.proved, true))
    }

    /// Whether `source` has proved that it hears us.
    pub(super) fn is_proved(&self, source: Source) -> bool {
        self.0.iter().any(|one| one.proved && one.source == source)
    }

    /// A new claim of `source` needs a new proof.
    pub(super) fn forget(&mut self, source: Source) {
        self.0.retain(|one| one.source != source);
    }

    /// Only these stand.
    pub(super) fn keep(&mut self, standing: &[Source]) {
        self.0.retain(|one| standing.contains(&one.source));
    }
}
