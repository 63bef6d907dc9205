//! The bytes of an authentication packet.

use std::fmt;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use zeroize::Zeroizing;

/// The length in bytes of every authentication packet: nonce 12, two integers 16, tag 16.
pub const AUTH_LEN: usize = 44;

const NONCE_LEN: usize = 12;
const PLAIN_LEN: usize = 16;

/// What an authentication packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who sends it: the `ClientID`, or in an acknowledgement the `ServerID`.
    pub id: u64,
    /// Which attempt it is; grows with every new path of a client.
    pub serial: u64,
}

/// An acknowledgement as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// What it says.
    pub claim: Claim,
    /// What nobody can know who did not receive it: the first eight bytes of its nonce.
    pub stamp: u64,
}

impl Ack {
    /// The stamp of a sealed packet.
    pub fn stamp_of(packet: &[u8; AUTH_LEN]) -> u64 {
        packet[..8]
            .iter()
            .fold(0, |stamp, byte| stamp << 8 | u64::from(*byte))
    }
}

/// Seals and opens authentication packets. Its key schedule is wiped on drop.
#[derive(Clone)]
pub struct ProxyKey {
    cipher: Aes256Gcm,
}

impl ProxyKey {
    /// The key of one issued client, as handed over at login (`ProxyKey`).
    pub fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: Aes256Gcm::new(key.into()),
        }
    }

    /// A fresh key, and its bytes for the server info.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn generate() -> Result<(Self, Zeroizing<[u8; 32]>), getrandom::Error> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key)?;
        Ok((Self::new(&key), key))
    }

    /// Seals `claim` under a random nonce.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn seal(&self, claim: Claim) -> Result<[u8; AUTH_LEN], getrandom::Error> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        Ok(self.seal_with(nonce, claim))
    }

    /// Opens a packet; `None` when it is not one of ours.
    pub fn open(&self, packet: &[u8]) -> Option<Claim> {
        let packet: &[u8; AUTH_LEN] = packet.try_into().ok()?;
        let (nonce, rest) = packet.split_first_chunk::<NONCE_LEN>()?;
        let (sealed, tag) = rest.split_first_chunk::<PLAIN_LEN>()?;
        let tag: &[u8; 16] = tag.try_into().ok()?;
        // A failed opening spoils its buffer, and the caller still needs the packet.
        let mut plain = *sealed;
        self.cipher
            .decrypt_inout_detached(
                &Nonce::from(*nonce),
                b"",
                plain.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .ok()?;
        let (id, serial) = plain.split_first_chunk::<8>()?;
        Some(Claim {
            id: u64::from_be_bytes(*id),
            serial: u64::from_be_bytes(serial.try_into().ok()?),
        })
    }

    /// Opens a packet as an acknowledgement; `None` when it is not one of ours.
    pub fn open_ack(&self, packet: &[u8]) -> Option<Ack> {
        let claim = self.open(packet)?;
        let stamp = Ack::stamp_of(packet.try_into().ok()?);
        Some(Ack { claim, stamp })
    }

    pub(crate) fn seal_with(&self, nonce: [u8; NONCE_LEN], claim: Claim) -> [u8; AUTH_LEN] {
        let mut packet = [0; AUTH_LEN];
        packet[..NONCE_LEN].copy_from_slice(&nonce);
        packet[12..20].copy_from_slice(&claim.id.to_be_bytes());
        packet[20..28].copy_from_slice(&claim.serial.to_be_bytes());
        let tag = self
            .cipher
            .encrypt_inout_detached(&Nonce::from(nonce), b"", (&mut packet[12..28]).into())
            .expect("sixteen bytes are below the limit of AES-GCM");
        packet[28..].copy_from_slice(&tag);
        packet
    }
}

impl fmt::Debug for ProxyKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ProxyKey").finish_non_exhaustive()
    }
}
