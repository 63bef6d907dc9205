//! A server's path that packets can be put before, for tests.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::tests::CLIENT;
use super::{Config, Handle};
use crate::auth::{AUTH_LEN, Claim, ProxyKey};
use crate::proxy::PacketPipe;
use crate::proxy::rig::{Paper, port, receive_all};

const SERVER: u64 = 9;
pub(super) const S: Duration = Duration::from_secs(1);
pub(super) const MS: Duration = Duration::from_millis(1);

pub(super) struct Rig {
    pub(super) paper: Arc<Paper>,
    pub(super) pipe: PacketPipe,
    pub(super) handle: Handle,
    pub(super) key: ProxyKey,
    /// Of the first acknowledgement.
    pub(super) stamp: u64,
    _tasks: JoinSet<()>,
}

impl Rig {
    pub(super) fn new() -> Self {
        let paper = Paper::new();
        let (key, _) = ProxyKey::generate().unwrap();
        let config = Config {
            links: vec![paper.clone()],
            client_id: CLIENT,
            server_id: SERVER,
            key: key.clone(),
            mtu: 1400,
        };
        let (pipe, handle, task) = super::new(config, CancellationToken::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(task);
        Self {
            paper,
            pipe,
            handle,
            key,
            stamp: 0,
            _tasks: tasks,
        }
    }

    pub(super) fn connected() -> Self {
        let mut rig = Self::new();
        rig.put_claim(1, 1);
        rig.stamp = rig.take_stamp();
        rig.paper.put(port(1), &[8; 50]);
        receive_all(&rig.pipe);
        rig.paper.take_sent();
        rig
    }

    pub(super) fn seal(&self, id: u64, serial: u64) -> [u8; AUTH_LEN] {
        self.key.seal(Claim { id, serial }).unwrap()
    }

    pub(super) fn put_claim(&mut self, from: u16, serial: u64) {
        self.paper.put(port(from), &self.seal(CLIENT, serial));
        assert!(receive_all(&self.pipe).is_empty());
    }

    pub(super) fn put_confirmation(&self, from: u16, stamp: u64) {
        self.paper.put(port(from), &self.seal(SERVER, stamp));
        assert!(receive_all(&self.pipe).is_empty());
    }

    /// The stamp of the acknowledgement that was sent.
    pub(super) fn take_stamp(&self) -> u64 {
        let (_, ack) = self.paper.take_sent().remove(0);
        self.key.open_ack(&ack).unwrap().stamp
    }

    /// How many bytes were sent.
    pub(super) fn take_bytes(&self) -> usize {
        let sent = self.paper.take_sent();
        sent.iter().map(|(_, packet)| packet.len()).sum()
    }

    /// Whether a packet of full size is too much for the address in use.
    pub(super) fn is_limited(&self) -> bool {
        self.pipe.try_send(&[1; 1400], None, None).is_err()
    }

    /// So many milliseconds pass.
    pub(super) async fn advance(&self, ms: u32) {
        tokio::time::sleep(ms * MS).await;
    }

    /// A packet of the address in use opens.
    pub(super) async fn prove(&mut self) {
        tokio::time::advance(5 * MS).await;
        self.pipe.opened();
    }

    /// The acknowledgements sent: to which port, of which serial.
    pub(super) fn acks(&mut self) -> Vec<(u16, u64)> {
        let sent = self.paper.take_sent();
        sent.iter()
            .map(|(to, packet)| {
                let ack = self.key.open(packet).unwrap();
                assert_eq!(ack.id, SERVER);
                (to.port(), ack.serial)
            })
            .collect()
    }

    pub(super) fn moves(&self) -> u64 {
        *self.handle.moves().borrow()
    }
}
