//! Datagrams in memory: a short queue each way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use super::halves::Side;
use super::{ended, lock};
use crate::transport::{Datagrams, ErrorKind, TransportError};

/// What one side sent and the other has not fetched.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Bytes>>,
    arrived: Notify,
}

#[derive(Debug)]
pub(super) struct MemoryDatagrams {
    pub(super) side: Side,
    pub(super) to_peer: Arc<Queue>,
    pub(super) from_peer: Arc<Queue>,
}

#[async_trait]
impl Datagrams for MemoryDatagrams {
    fn max_size(&self) -> usize {
        MAX_SIZE
    }

    fn send(&self, payload: Bytes) -> Result<(), TransportError> {
        let found = payload.len();
        if found > MAX_SIZE {
            let message = format!("datagram of {found} bytes is over the limit of {MAX_SIZE}");
            return Err(TransportError::new(ErrorKind::Unsupported, message));
        }
        if self.side.ended.is_cancelled() {
            return Err(ended());
        }
        if self.side.air.is_dark() {
            return Ok(());
        }
        let mut waiting = lock(&self.to_peer.waiting);
        if waiting.len() == MAX_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(payload);
        drop(waiting);
        self.to_peer.arrived.notify_one();
        Ok(())
    }

    async fn recv(&self) -> Result<Bytes, TransportError> {
        loop {
            if let Some(payload) = lock(&self.from_peer.waiting).pop_front() {
                self.side.pipe.opened();
                return Ok(payload);
            }
            tokio::select! {
                biased; // The end first.
                () = self.side.ended.cancelled() => return Err(ended()),
                () = self.from_peer.arrived.notified() => {}
            }
        }
    }
}

/// As large as a stream's window: nothing here is cut into packets.
const MAX_SIZE: usize = 64 * 1024;

/// A few hundred, as a transport with packets keeps.
const MAX_WAITING: usize = 512;
