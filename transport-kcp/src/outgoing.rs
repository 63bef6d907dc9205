//! Packets that are sealed and wait for the pipe.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use aws_lc_rs::error::Unspecified;
use tokio::time::{Sleep, sleep};
use tssh_core::proxy::PacketPipe;

use crate::crypto::NONCE_LEN;
use crate::fec;
use crate::rekey::Keys;
use crate::session::Session;

/// Sealed packets, one behind the other. Its memory is used again.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// Up to here everything was sent.
    start: usize,
    /// How long each of the others is, and whether it must not come twice.
    lengths: VecDeque<(usize, bool)>,
    /// The pipe had room, and refused a packet, so often in a row.
    disappointed: u8,
    pause: Option<Pin<Box<Sleep>>>,
    copy: Vec<u8>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Seals about `most` packets of `session`, as many as it has to send. Their copies are left out where `copied`:
    /// the pipe makes them, more of them, and later ones; but of small packets alone.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub(crate) fn fill(
        &mut self,
        session: &mut Session,
        keys: &mut Keys,
        most: usize,
        copied: bool,
        now: Instant,
    ) -> Result<(), Unspecified> {
        self.bytes.clear();
        self.start = 0;
        while self.lengths.len() < most {
            let from = self.bytes.len();
            self.bytes.resize(from + NONCE_LEN, 0);
            let Some(packet) = session.poll_packet(&mut self.bytes, now) else {
                self.bytes.truncate(from);
                return Ok(());
            };
            let copy = packet.copy.filter(|_| !copied || packet.overdue);
            if let Some(pair) = copy {
                self.copy.clear();
                self.copy.extend_from_slice(&self.bytes[from + NONCE_LEN..]);
                fec::to_copy(&mut self.copy, pair);
            }
            self.seal(keys, from, packet.once)?;
            if copy.is_some() {
                let from = self.bytes.len();
                self.bytes.resize(from + NONCE_LEN, 0);
                self.bytes.extend_from_slice(&self.copy);
                self.seal(keys, from, false)?;
            }
        }
        Ok(())
    }

    fn seal(&mut self, keys: &mut Keys, from: usize, once: bool) -> Result<(), Unspecified> {
        let sealed = keys.seal(&mut self.bytes, from);
        match sealed {
            Ok(()) => self.lengths.push_back((self.bytes.len() - from, once)),
            Err(_) => self.bytes.truncate(from),
        }
        sealed
    }

    /// Sends all of them, those of one size together.
    pub(crate) fn poll_send(&mut self, pipe: &PacketPipe, cx: &mut Context<'_>) -> Poll<()> {
        let mut together = pipe.max_send_segments();
        while let Some(&(segment, once)) = self.lengths.front() {
            let count = self.alike(segment, once, together.min(MOST_BYTES / segment));
            let len: usize = self.lengths.iter().take(count).map(|(len, _)| len).sum();
            let contents = &self.bytes[self.start..self.start + len];
            let segment = (count > 1).then_some(segment);
            let sent = match once {
                true => pipe.try_send_once(contents, segment, None),
                false => pipe.try_send(contents, segment, None),
            };
            if sent.is_ok() {
                self.start += len;
                self.lengths.drain(..count);
                self.disappointed = 0;
                continue;
            }
            // A batch may be too large for what an address may be sent that is not yet proved.
            if count > 1 {
                together = 1;
                continue;
            }
            ready!(pipe.poll_writable(cx));
            if self.disappointed < MAX_DISAPPOINTED {
                self.disappointed += 1;
                continue;
            }
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PAUSE)));
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
            self.disappointed = 0;
        }
        Poll::Ready(())
    }

    /// How many packets from the first on can go together: of `segment` bytes, and a shorter one at the end.
    fn alike(&self, segment: usize, once: bool, most: usize) -> usize {
        let mut count = 0;
        for (len, own) in self.lengths.iter().take(most.max(1)) {
            if *len > segment || *own != once {
                break;
            }
            count += 1;
            if *len < segment {
                break;
            }
        }
        count
    }
}

/// What one call may hand to a socket.
const MOST_BYTES: usize = 60_000;

/// A socket may fill between the question and the packet, rarely twice.
const MAX_DISAPPOINTED: u8 = 2;

/// Short against any round trip, long enough to cost nothing.
const PAUSE: Duration = Duration::from_millis(5);
