//! Standard input, and what the change of a path cuts out of it.

use std::collections::VecDeque;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_core::session::marker::MarkerScanner;
use tssh_core::transport::ReadHalf;
use tssh_core::wire::{BusEvent, Discard, SessionStart};

use crate::child::Input;
use crate::keeper::Client;
use crate::limits::{MAX_MARKERS, MAX_REPORTED_INPUT, PIPE_CHUNK, TERMINAL_CHUNK};

/// What stdin is to its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Data: every byte counts, and markers alone are taken out.
    Data,
    /// Keys: what was typed before the path changed is dropped up to the marker.
    Keys,
}

impl Kind {
    pub(super) fn of(message: &SessionStart) -> Self {
        if message.pty { Self::Keys } else { Self::Data }
    }

    fn chunk(self) -> usize {
        match self {
            Self::Data => PIPE_CHUNK,
            Self::Keys => TERMINAL_CHUNK,
        }
    }
}

/// Copies the client's stream to `to` until either ends.
pub(super) async fn pump(mut from: Box<dyn ReadHalf>, mut to: Input, kind: Kind, client: Client) {
    let mut sieve = Sieve::new(kind, client);
    let mut buffer = bytes::BytesMut::with_capacity(TERMINAL_CHUNK);
    let mut passed = Vec::new();
    loop {
        buffer.clear();
        match from.read_buf(&mut buffer).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "standard input broke");
                break;
            }
        }
        let whole = buffer.len() == buffer.capacity();
        let written = match sieve.sift(&buffer, &mut passed) {
            Sifted::Whole => to.write_all(&buffer).await,
            Sifted::Part => to.write_all(&passed).await,
        };
        if let Err(error) = written {
            tracing::debug!(%error, "a child reads no more");
            return;
        }
        if whole && buffer.capacity() < kind.chunk() {
            buffer = bytes::BytesMut::with_capacity(kind.chunk());
        }
    }
    passed.clear();
    sieve.finish(&mut passed);
    // The child may have ended; then nobody misses the end of its input.
    let _ = to.write_all(&passed).await;
    let _ = to.shutdown().await;
}

/// Takes out of stdin what the markers condemn.
struct Sieve {
    kind: Kind,
    client: Client,
    seen: u64,
    /// The markers that may come, the oldest first. Of keys only the newest counts: what stands before it goes, older
    /// markers included. In data each one counts that the client may have written.
    searches: VecDeque<MarkerScanner>,
    dropped: Vec<u8>,
}

enum Sifted {
    /// Nothing was taken out.
    Whole,
    /// What is left is in the buffer that was handed over.
    Part,
}

impl Sieve {
    fn new(kind: Kind, client: Client) -> Self {
        let seen = client
            .view
            .borrow()
            .markers
            .last()
            .map_or(0, |marker| marker.number);
        Self {
            kind,
            client,
            seen,
            searches: VecDeque::new(),
            dropped: Vec::new(),
        }
    }

    fn sift(&mut self, chunk: &[u8], passed: &mut Vec<u8>) -> Sifted {
        let withdrawn = self.kind == Kind::Keys && self.client.view.borrow().markers.is_empty();
        if withdrawn && !self.searches.is_empty() {
            passed.clear();
            self.give_up(passed);
            passed.extend_from_slice(chunk);
            return Sifted::Part;
        }
        for marker in &self.client.view.borrow().markers {
            if marker.number <= self.seen {
                continue;
            }
            self.seen = marker.number;
            if self.kind == Kind::Keys || self.searches.len() >= MAX_MARKERS {
                self.searches.pop_front();
            }
            self.searches.push_back(MarkerScanner::new(&marker.bytes));
        }
        if self.searches.is_empty() {
            return Sifted::Whole;
        }
        passed.clear();
        match self.kind {
            Kind::Data => self.sift_data(chunk, passed),
            Kind::Keys => self.sift_keys(chunk, passed),
        }
        Sifted::Part
    }

    fn sift_data(&mut self, chunk: &[u8], passed: &mut Vec<u8>) {
        passed.extend_from_slice(chunk);
        self.searches.retain_mut(|search| {
            let came = std::mem::take(passed);
            let found = search.push(&came, &mut |before| passed.extend_from_slice(before));
            if let Some(behind) = found {
                passed.extend_from_slice(&came[behind..]);
            }
            found.is_none()
        });
    }

    fn sift_keys(&mut self, chunk: &[u8], passed: &mut Vec<u8>) {
        let Some(search) = self.searches.front_mut() else {
            return;
        };
        let dropped = &mut self.dropped;
        let found = search.push(chunk, &mut |before| {
            let room = MAX_REPORTED_INPUT.saturating_sub(dropped.len());
            dropped.extend_from_slice(&before[..before.len().min(room)]);
        });
        if let Some(behind) = found {
            self.searches.clear();
            passed.extend_from_slice(&chunk[behind..]);
            self.report();
        }
    }

    /// The stream is at its end: what looked like the start of a marker is data.
    fn finish(&mut self, passed: &mut Vec<u8>) {
        if self.kind == Kind::Data {
            self.give_up(passed);
        }
    }

    /// No marker is waited for any more: what the searches hold is passed, in the order in which it came.
    fn give_up(&mut self, passed: &mut Vec<u8>) {
        // What an earlier search held goes through the later ones.
        while let Some(search) = self.searches.pop_front() {
            let mut held = Vec::new();
            search.finish(&mut |before| held.extend_from_slice(before));
            self.sift_data(&held, passed);
        }
    }

    fn report(&mut self) {
        if self.dropped.is_empty() {
            return;
        }
        let discard = Discard {
            input: std::mem::take(&mut self.dropped),
            ..Discard::default()
        };
        // A report is not worth waiting for.
        let _ = self.client.bus.try_send(BusEvent::Discard(discard));
    }
}
