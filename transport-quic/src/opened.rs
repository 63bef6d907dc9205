//! Reports to the pipe which packets opened: only those are a sign of life of the peer.
//!
//! Initial packets do not count, since anyone who saw the first packet can make them. A packet
//! number at or below the highest that opened does not count either: a recorded packet opens again
//! when it is replayed, and must not keep a dead path alive.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use quinn::crypto::{
    ClientConfig, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey,
    ServerConfig, Session, UnsupportedVersion,
};
use quinn::{ConnectError, ConnectionId, Side};
use quinn_proto::TransportError;
use quinn_proto::transport_parameters::TransportParameters;
use tssh_core::proxy::PacketPipe;

/// A client's or server's cryptography whose opened packets are reported.
pub(crate) struct Reporting<C> {
    inner: Arc<C>,
    pipe: PacketPipe,
}

impl<C> Reporting<C> {
    pub(crate) fn new(inner: C, pipe: PacketPipe) -> Self {
        Self {
            inner: Arc::new(inner),
            pipe,
        }
    }

    fn session(&self, inner: Box<dyn Session>) -> Box<dyn Session> {
        Box::new(ReportingSession {
            inner,
            pipe: self.pipe.clone(),
            highest: Arc::default(),
        })
    }
}

impl<C: ClientConfig> ClientConfig for Reporting<C> {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let session = self
            .inner
            .clone()
            .start_session(version, server_name, params)?;
        Ok(self.session(session))
    }
}

impl<C: ServerConfig> ServerConfig for Reporting<C> {
    fn initial_keys(
        &self,
        version: u32,
        dst_cid: &ConnectionId,
    ) -> Result<Keys, UnsupportedVersion> {
        self.inner.initial_keys(version, dst_cid)
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.inner.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(
        self: Arc<Self>,
        version: u32,
        params: &TransportParameters,
    ) -> Box<dyn Session> {
        self.session(self.inner.clone().start_session(version, params))
    }
}

struct ReportingSession {
    inner: Box<dyn Session>,
    pipe: PacketPipe,
    /// Of the packet numbers that opened under the latest level's keys, the highest plus one. A key
    /// update goes on with the same numbers.
    highest: Arc<AtomicU64>,
}

impl ReportingSession {
    fn report(&self, inner: Box<dyn PacketKey>) -> Box<dyn PacketKey> {
        Box::new(ReportingKey {
            inner,
            pipe: self.pipe.clone(),
            highest: self.highest.clone(),
        })
    }
}

impl Session for ReportingSession {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        self.inner.initial_keys(dst_cid, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.inner.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.inner.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.inner.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.inner.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.inner.read_handshake(buf)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.inner.transport_parameters()
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let mut keys = self.inner.write_handshake(buf)?;
        // Each level, handshake and then 1-RTT, counts its packets from zero (RFC 9000, section 12.3).
        self.highest = Arc::default();
        keys.packet.remote = self.report(keys.packet.remote);
        Some(keys)
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let mut keys = self.inner.next_1rtt_keys()?;
        keys.remote = self.report(keys.remote);
        Some(keys)
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(orig_dst_cid, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.inner.export_keying_material(output, label, context)
    }
}

struct ReportingKey {
    inner: Box<dyn PacketKey>,
    pipe: PacketPipe,
    highest: Arc<AtomicU64>,
}

impl PacketKey for ReportingKey {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        self.inner.encrypt(packet, buf, header_len);
    }

    fn decrypt(
        &self,
        packet: u64,
        header: &[u8],
        payload: &mut BytesMut,
    ) -> Result<(), CryptoError> {
        // The tag, by which the pipe knows the packet again: decrypting takes it off.
        let tag: Option<[u8; TAG_LEN]> = payload.last_chunk().copied();
        self.inner.decrypt(packet, header, payload)?;
        let next = packet.saturating_add(1);
        match self.highest.fetch_max(next, Ordering::Relaxed) {
            highest if highest < next => self.pipe.opened_packet(&tag.unwrap_or_default()),
            highest if highest == next => self.pipe.copies().handle_hint(),
            _ => {}
        }
        Ok(())
    }

    fn tag_len(&self) -> usize {
        self.inner.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.inner.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.inner.integrity_limit()
    }
}

/// RFC 9001, section 5.3: of every cipher that QUIC may use.
const TAG_LEN: usize = 16;
