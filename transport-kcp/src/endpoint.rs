//! How a connection is offered, made and accepted.

use std::sync::Arc;

use async_trait::async_trait;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::{Connection, ErrorKind, Listener, Transport, TransportError};
use tssh_core::wire::{InfoError, Secret, ServerInfo};

use crate::config::Config;
use crate::connection::{KcpConnection, Life};
use crate::crypto::random;
use crate::rekey::{Keys, Thresholds};
use crate::session::Session;
use crate::shared::Shared;
use crate::smux::Side;

/// The KCP transport.
///
/// There is no handshake: [`Transport::connect`] returns at once, and a peer that does not answer ends the
/// connection 30 seconds of path time later.
#[derive(Clone, Debug, Default)]
pub struct Kcp {
    config: Config,
}

impl Kcp {
    /// A transport with other settings than the defaults.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    fn life(
        pipe: PacketPipe,
        session: Session,
        thresholds: Thresholds,
        secrets: [&[u8]; 2],
    ) -> Result<Life, TransportError> {
        let clock = pipe.clock().clone();
        let [pass, salt] = secrets;
        let keys = Keys::new(pass, salt, thresholds, clock.now())?;
        let shared = Arc::new(Shared::new(session, keys, clock));
        Ok(Life::new(shared, pipe))
    }
}

#[async_trait]
impl Transport for Kcp {
    fn mode(&self) -> &'static str {
        MODE
    }

    async fn listen(
        &self,
        pipe: PacketPipe,
        offer: &mut ServerInfo,
    ) -> Result<Box<dyn Listener>, TransportError> {
        let pass = random::<SECRET_LEN>()?;
        let salt = random::<SECRET_LEN>()?;
        let session = Session::listening(pipe.mtu());
        let life = Self::life(pipe, session, Thresholds::NEVER, [&*pass, &*salt])?;
        offer.mode = MODE.into();
        offer.pass = Secret::hex(&*pass);
        offer.salt = Secret::hex(&*salt);
        Ok(Box::new(KcpListener { life: Some(life) }))
    }

    async fn connect(
        &self,
        pipe: PacketPipe,
        offer: &ServerInfo,
    ) -> Result<Arc<dyn Connection>, TransportError> {
        let (pass, salt) = (
            offer.pass().map_err(garbled)?,
            offer.salt().map_err(garbled)?,
        );
        let conv = u32::from_le_bytes(*random()?);
        let session = Session::connecting(pipe.mtu(), conv, pipe.clock().now());
        let life = Self::life(pipe, session, self.config.rekey, [&*pass, &*salt])?;
        Ok(Arc::new(KcpConnection::new(Side::Client, life)))
    }
}

/// Waits for the one client. Dropping it before, or the connection after, ends the task.
#[derive(Debug)]
struct KcpListener {
    /// Taken by the connection.
    life: Option<Life>,
}

#[async_trait]
impl Listener for KcpListener {
    async fn accept(&mut self) -> Result<Arc<dyn Connection>, TransportError> {
        let Some(life) = &self.life else {
            let message = "this listener has accepted its only connection";
            return Err(TransportError::new(ErrorKind::Closed, message));
        };
        let met = life
            .shared
            .wait_or_end(|session| session.is_met().then_some(()));
        met.await?;
        let life = self.life.take().expect("it was there above");
        Ok(Arc::new(KcpConnection::new(Side::Server, life)))
    }
}

fn garbled(error: InfoError) -> TransportError {
    TransportError::new(ErrorKind::Misbehaved, error.to_string())
}

/// PROTOCOL.md, "Server info".
const MODE: &str = "KCP";

/// PROTOCOL.md, "Server info": of `Pass` and of `Salt`, in bytes.
const SECRET_LEN: usize = 48;
