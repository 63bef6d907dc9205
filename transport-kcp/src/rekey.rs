//! The keys of one connection, and how new ones come about while old ones are still in use.
//!
//! PROTOCOL.md, "Rekey".

use std::time::{Duration, Instant};

use aws_lc_rs::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use tssh_core::transport::{ErrorKind, TransportError};
use zeroize::Zeroizing;

use crate::crypto::{Key, Nonces, no_key};

/// When the client asks for another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thresholds {
    /// After so many bytes, sealed and opened, under one key.
    pub bytes: u64,
    /// After this time under one key, in path time.
    pub age: Duration,
    /// After so many packets, sealed and opened, under one key: that bounds how likely two of them have the same
    /// nonce, of which eight bytes are drawn at random.
    pub packets: u64,
}

impl Thresholds {
    /// The server never asks.
    pub(crate) const NEVER: Self = Self {
        bytes: u64::MAX,
        age: Duration::from_secs(100 * 365 * 24 * 3600),
        packets: u64::MAX,
    };

    /// Other thresholds than the defaults.
    pub fn new(bytes: u64, age: Duration) -> Self {
        Self {
            bytes,
            age,
            packets: MOST_PACKETS,
        }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            age: Duration::from_secs(3600),
            packets: MOST_PACKETS,
        }
    }
}

/// The keys of one connection: at most [`MAX_KEYS`] are alive.
pub(crate) struct Keys {
    salt: Zeroizing<Vec<u8>>,
    /// The oldest first. Packets are tried in this order: while two are alive most come under the old one.
    alive: Vec<Key>,
    /// Which of them seals.
    active: usize,
    nonces: Nonces,
    thresholds: Thresholds,
    /// Under the newest key.
    bytes: u64,
    packets: u64,
    born: Instant,
    /// The client's half of an exchange under way.
    asked: Option<EphemeralPrivateKey>,
    /// Whether any exchange was ever finished.
    renewed: bool,
    /// For packets that may be under another key.
    scratch: Vec<u8>,
}

impl Keys {
    /// Those of a new connection.
    ///
    /// # Errors
    ///
    /// See [`Key::derive`].
    pub(crate) fn new(
        pass: &[u8],
        salt: &[u8],
        thresholds: Thresholds,
        now: Instant,
    ) -> Result<Self, TransportError> {
        Ok(Self {
            alive: vec![Key::derive(pass, salt)?],
            salt: Zeroizing::new(salt.to_vec()),
            active: 0,
            nonces: Nonces::default(),
            thresholds,
            bytes: 0,
            packets: 0,
            born: now,
            asked: None,
            renewed: false,
            scratch: Vec::new(),
        })
    }

    /// Seals `packet[from..]`: see [`Key::seal`].
    ///
    /// # Errors
    ///
    /// When the packet must not be sent.
    pub(crate) fn seal(&mut self, packet: &mut Vec<u8>, from: usize) -> Result<(), Unspecified> {
        let nonce = self.nonces.draw()?;
        self.alive[self.active].seal(nonce, packet, from)?;
        self.wear((packet.len() - from) as u64);
        Ok(())
    }

    /// Opens `packet` in place under whichever key it is, and returns its body. The first packet under a
    /// newer key drops the older ones.
    ///
    /// # Errors
    ///
    /// When it opens under none, or is one of our own.
    pub(crate) fn open<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a mut [u8], Unspecified> {
        let len = packet.len() as u64;
        let nonce = packet.first_chunk().copied().ok_or(Unspecified)?;
        if self.nonces.are_own(nonce) {
            return Err(Unspecified);
        }
        let newest = self.alive.len() - 1;
        for older in 0..newest {
            let tried = self.alive[older].open_apart(packet, &mut self.scratch);
            if tried.is_ok() {
                let body = &mut packet[..self.scratch.len()];
                body.copy_from_slice(&self.scratch);
                self.promote(older);
                self.wear(len);
                return Ok(body);
            }
        }
        let body = self.alive[newest].open(packet)?;
        self.promote(newest);
        // Not by `wear`: the body lies in the packet, and outlives this borrow.
        self.bytes += len;
        self.packets += 1;
        Ok(body)
    }

    /// Begins an exchange and returns this side's public point, uncompressed.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub(crate) fn ask(&mut self) -> Result<Vec<u8>, TransportError> {
        let (private, public) = pair()?;
        self.asked = Some(private);
        Ok(public)
    }

    /// Finishes the exchange that [`Self::ask`] began: seals under the new key from here on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Misbehaved`] when nothing was asked, or the point is none of the curve.
    pub(crate) fn handle_answer(
        &mut self,
        peer: &[u8],
        now: Instant,
    ) -> Result<(), TransportError> {
        let Some(private) = self.asked.take() else {
            return Err(misbehaved("the peer sent a key that nobody asked for"));
        };
        // A server that answers nonsense is asked again when the next key is due, not at once.
        self.begin(now);
        let key = self.agreed(private, peer)?;
        self.install(key, now);
        self.active = self.alive.len() - 1;
        Ok(())
    }

    /// Answers the peer's half of an exchange with this side's, and accepts the new key at once. It
    /// seals once the peer has used it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Misbehaved`] when the point is none of the curve.
    pub(crate) fn handle_ask(
        &mut self,
        peer: &[u8],
        now: Instant,
    ) -> Result<Vec<u8>, TransportError> {
        let (private, public) = pair()?;
        let key = self.agreed(private, peer)?;
        self.install(key, now);
        Ok(public)
    }

    /// Whether so much came under the newest key that the client should ask now.
    pub(crate) fn is_used_up(&self) -> bool {
        let bytes = self.bytes >= self.thresholds.bytes;
        let packets = self.packets >= self.thresholds.packets;
        (bytes || packets) && self.asked.is_none()
    }

    /// Whether the client should ask now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.is_used_up() || (self.due_at() <= now && self.asked.is_none())
    }

    /// When the newest key is too old; the first one is from the start. An answer that does not come is
    /// waited for.
    pub(crate) fn due_at(&self) -> Instant {
        match self.renewed {
            true => self.born + self.thresholds.age,
            false => self.born,
        }
    }

    /// Whether an answer is awaited.
    pub(crate) fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// How many keys open packets.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn alive(&self) -> usize {
        self.alive.len()
    }

    fn agreed(&self, private: EphemeralPrivateKey, peer: &[u8]) -> Result<Key, TransportError> {
        let wrong = || misbehaved("the peer's key is not a point of the curve P-256");
        // The library would take other forms of a point too, and the protocol knows one.
        if peer.len() != POINT_LEN || peer.first() != Some(&UNCOMPRESSED) {
            return Err(wrong());
        }
        let peer = UnparsedPublicKey::new(&ECDH_P256, peer);
        agree_ephemeral(private, peer, wrong(), |secret| {
            Key::derive(secret, &self.salt)
        })
    }

    fn install(&mut self, key: Key, now: Instant) {
        if self.alive.len() == MAX_KEYS {
            // A peer that asks again before it used what it asked for does not need that one.
            let unused = if self.active + 1 == MAX_KEYS {
                0
            } else {
                MAX_KEYS - 1
            };
            self.alive.remove(unused);
            self.active = self.active.saturating_sub(usize::from(unused == 0));
        }
        self.alive.push(key);
        self.begin(now);
    }

    /// The newest key counts from here on.
    fn begin(&mut self, now: Instant) {
        (self.bytes, self.packets) = (0, 0);
        (self.born, self.renewed) = (now, true);
    }

    /// A packet of `len` bytes was sealed or opened.
    fn wear(&mut self, len: u64) {
        self.bytes += len;
        self.packets += 1;
    }

    fn promote(&mut self, at: usize) {
        if at > 0 {
            self.alive.drain(..at);
            self.active = self.active.saturating_sub(at);
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Keys")
            .field("alive", &self.alive.len())
            .finish_non_exhaustive()
    }
}

fn pair() -> Result<(EphemeralPrivateKey, Vec<u8>), TransportError> {
    let private =
        EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).map_err(no_key)?;
    let public = private.compute_public_key().map_err(no_key)?;
    Ok((private, public.as_ref().to_vec()))
}

fn misbehaved(message: &str) -> TransportError {
    TransportError::new(ErrorKind::Misbehaved, message)
}

/// PROTOCOL.md, "Rekey": SEC 1, section 2.3.3, without compression.
const UNCOMPRESSED: u8 = 4;
const POINT_LEN: usize = 65;

/// Two of so many packets have the same nonce once in eight million keys, if one side sent all of them.
const MOST_PACKETS: u64 = 1 << 21;

/// The one in use, and the one that was agreed upon and not yet used by the peer.
pub(crate) const MAX_KEYS: usize = 2;
