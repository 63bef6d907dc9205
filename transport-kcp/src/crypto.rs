//! Sealing and opening packets: AES-256-GCM under keys that HKDF makes of a secret.
//!
//! PROTOCOL.md, "KCP mode". Everything happens in place; nothing is allocated per packet.

use std::hash::{BuildHasher, RandomState};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA384, KeyType, Salt};
use aws_lc_rs::rand;
use tssh_core::transport::{ErrorKind, TransportError};
use zeroize::Zeroizing;

/// What a packet has on top of its body: the nonce before it and the tag behind it, in bytes.
pub(crate) const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

pub(crate) const NONCE_LEN: usize = 12;
pub(crate) const TAG_LEN: usize = 16;

/// One traffic key. Its bytes are wiped once the cipher holds them, and the cipher wipes its own.
pub(crate) struct Key(LessSafeKey);

impl Key {
    /// The key of `secret`, one of a connection whose salt is `salt`.
    ///
    /// # Errors
    ///
    /// When the cryptography fails, which it has no reason to.
    pub(crate) fn derive(secret: &[u8], salt: &[u8]) -> Result<Self, TransportError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        Salt::new(HKDF_SHA384, salt)
            .extract(secret)
            .expand(&[], KeyBytes)
            .and_then(|material| material.fill(&mut *bytes))
            .map_err(no_key)?;
        let key = UnboundKey::new(&AES_256_GCM, &*bytes).map_err(no_key)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals the body in `packet[from..]`, whose first [`NONCE_LEN`] bytes are left for the nonce, and
    /// appends the tag.
    ///
    /// # Errors
    ///
    /// When the cipher fails; the packet must not be sent then.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        packet: &mut Vec<u8>,
        from: usize,
    ) -> Result<(), Unspecified> {
        let (head, body) = packet[from..].split_at_mut(NONCE_LEN);
        head.copy_from_slice(&nonce);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::empty(), body)?;
        packet.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens `packet` in place and returns its body. A packet that does not open is destroyed.
    ///
    /// # Errors
    ///
    /// When it is not the peer's, or another key's.
    pub(crate) fn open<'a>(&self, packet: &'a mut [u8]) -> Result<&'a mut [u8], Unspecified> {
        let (nonce, sealed) = packet.split_at_mut_checked(NONCE_LEN).ok_or(Unspecified)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        self.0.open_in_place(nonce, Aad::empty(), sealed)
    }

    /// Opens `packet` into `body` and leaves it as it is. Returns the body's length.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub(crate) fn open_apart(&self, packet: &[u8], body: &mut Vec<u8>) -> Result<(), Unspecified> {
        let (nonce, sealed) = packet.split_at_checked(NONCE_LEN).ok_or(Unspecified)?;
        let len = sealed.len().checked_sub(TAG_LEN).ok_or(Unspecified)?;
        let (sealed, tag) = sealed.split_at(len);
        body.resize(len, 0);
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        self.0
            .open_separate_gather(nonce, Aad::empty(), sealed, tag, body)
    }
}

/// This side's nonces. Both sides seal with the same key: whoever sends a packet back to its sender must not
/// be believed, so a nonce is made such that its maker knows it again, and nobody else sees anything in it.
///
/// The first eight bytes are drawn anew for each packet, so that no copy of this process (a fork, a machine that is
/// restored twice from one snapshot) repeats them; the others are a keyed hash of them. A peer's random nonce looks
/// like ours once in four thousand million packets, and such a packet is lost.
#[derive(Clone, Default)]
pub(crate) struct Nonces {
    mark: RandomState,
}

impl Nonces {
    /// The next nonce.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub(crate) fn draw(&self) -> Result<[u8; NONCE_LEN], Unspecified> {
        let mut number = [0; 8];
        rand::fill(&mut number)?;
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&number);
        nonce[8..].copy_from_slice(&self.marked(u64::from_le_bytes(number)));
        Ok(nonce)
    }

    /// Whether [`Self::draw`] made it.
    pub(crate) fn are_own(&self, nonce: [u8; NONCE_LEN]) -> bool {
        let [number @ .., a, b, c, d] = nonce;
        self.marked(u64::from_le_bytes(number)) == [a, b, c, d]
    }

    fn marked(&self, number: u64) -> [u8; 4] {
        let [a, b, c, d, ..] = self.mark.hash_one(number).to_le_bytes();
        [a, b, c, d]
    }
}

/// Random bytes.
///
/// # Errors
///
/// When the system gives none.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, TransportError> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(&mut *bytes).map_err(no_key)?;
    Ok(bytes)
}

struct KeyBytes;

impl KeyType for KeyBytes {
    fn len(&self) -> usize {
        KEY_LEN
    }
}

pub(crate) fn no_key(_: Unspecified) -> TransportError {
    TransportError::new(
        ErrorKind::Unsupported,
        "no key for this session can be made",
    )
}

const KEY_LEN: usize = 32;
