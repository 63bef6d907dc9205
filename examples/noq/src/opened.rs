//! Tells the pipe which packets are a sign of life: those that opened under keys that only the peer has, once each.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use noq::crypto::{
    ClientConfig, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey,
    ServerConfig, Session, UnsupportedVersion,
};
use noq::{ConnectError, ConnectionId, PathId, Side};
use noq_proto::TransportError;
use noq_proto::transport_parameters::TransportParameters;
use tssh_core::proxy::PacketPipe;

/// Somebody's cryptography, and who is to hear of what opens.
pub(crate) struct Reporting<C> {
    inner: C,
    pipe: PacketPipe,
}

impl<C> Reporting<C> {
    pub(crate) fn new(inner: C, pipe: PacketPipe) -> Self {
        Self { inner, pipe }
    }

    fn session(&self, inner: Box<dyn Session>) -> Box<dyn Session> {
        Box::new(ReportingSession {
            inner,
            pipe: self.pipe.clone(),
            next: Arc::default(),
        })
    }
}

impl<C: ClientConfig> ClientConfig for Reporting<C> {
    fn start_session(
        &self,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let session = self.inner.start_session(version, server_name, params)?;
        Ok(self.session(session))
    }
}

impl<C: ServerConfig> ServerConfig for Reporting<C> {
    fn initial_keys(&self, version: u32, id: ConnectionId) -> Result<Keys, UnsupportedVersion> {
        self.inner.initial_keys(version, id)
    }

    fn retry_tag(&self, version: u32, id: ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.inner.retry_tag(version, id, packet)
    }

    fn start_session(&self, version: u32, params: &TransportParameters) -> Box<dyn Session> {
        self.session(self.inner.start_session(version, params))
    }
}

struct ReportingSession {
    inner: Box<dyn Session>,
    pipe: PacketPipe,
    /// The number above all packets that opened under the latest level's keys.
    next: Arc<AtomicU64>,
}

impl ReportingSession {
    fn report(&self, inner: Box<dyn PacketKey>) -> Box<dyn PacketKey> {
        Box::new(ReportingKey {
            inner,
            pipe: self.pipe.clone(),
            next: self.next.clone(),
        })
    }
}

impl Session for ReportingSession {
    /// Whoever saw the first packet can make these keys: what opens under them is nobody's sign of life.
    fn initial_keys(&self, id: ConnectionId, side: Side) -> Keys {
        self.inner.initial_keys(id, side)
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
        // RFC 9000, section 12.3: each level counts its packets from zero.
        self.next = Arc::default();
        keys.packet.remote = self.report(keys.packet.remote);
        Some(keys)
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let mut keys = self.inner.next_1rtt_keys()?;
        keys.remote = self.report(keys.remote);
        Some(keys)
    }

    fn is_valid_retry(&self, id: ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(id, header, payload)
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
    next: Arc<AtomicU64>,
}

impl PacketKey for ReportingKey {
    fn encrypt(&self, path: PathId, packet: u64, buf: &mut [u8], header_len: usize) {
        self.inner.encrypt(path, packet, buf, header_len);
    }

    fn decrypt(
        &self,
        path: PathId,
        packet: u64,
        header: &[u8],
        payload: &mut BytesMut,
    ) -> Result<(), CryptoError> {
        // The tag, by which the pipe knows the packet again: decrypting takes it off.
        let tag: Option<[u8; TAG_LEN]> = payload.last_chunk().copied();
        self.inner.decrypt(path, packet, header, payload)?;
        let next = packet.saturating_add(1);
        if self.next.fetch_max(next, Ordering::Relaxed) < next {
            self.pipe.opened_packet(&tag.unwrap_or_default());
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
