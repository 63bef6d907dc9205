//! A mux against its peer, and against one that lies.

mod frames;
mod streams;
mod windows;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::frame::{Fin, HEADER, Head};
use super::reader::{Piece, Reader};
use super::{Mux, Side};
use crate::arq::{Sink, Source};

struct Ends {
    client: Mux,
    server: Mux,
}

impl Ends {
    fn new() -> Self {
        Self {
            client: Mux::new(Side::Client),
            server: Mux::new(Side::Server),
        }
    }

    /// Delivers all that either has to say.
    fn carry(&mut self) {
        while self.client.has_any() || self.server.has_any() {
            let mut out = Vec::new();
            self.client.fill(1000, &mut out);
            self.server.take(&out);
            out.clear();
            self.server.fill(1000, &mut out);
            self.client.take(&out);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Fin(u32, Fin),
    Nothing,
    Open(u32),
    Push(u32, usize),
    Update(u32, u32, u32),
}

/// All that a side has to say, frame by frame.
fn said(mux: &mut Mux) -> Vec<Said> {
    let mut all = Vec::new();
    while mux.has_any() {
        let mut out = Vec::new();
        mux.fill(1000, &mut out);
        all.extend(pieces(&out));
    }
    all
}

fn pieces(mut bytes: &[u8]) -> Vec<Said> {
    let mut reader = Reader::default();
    let mut all = Vec::new();
    while let Some(piece) = reader.next(&mut bytes).unwrap() {
        all.push(match piece {
            Piece::Data(id, data) => Said::Push(id, data.len()),
            Piece::Frame(Head::Fin(id, fin)) => Said::Fin(id, fin.unwrap()),
            Piece::Frame(Head::Open(id)) => Said::Open(id),
            Piece::Frame(_) => Said::Nothing,
            Piece::Update(id, consumed, window) => Said::Update(id, consumed, window),
        });
    }
    all
}

fn bytes_of(head: Head) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER);
    head.write(&mut out);
    out
}

fn poll_write(mux: &mut Mux, id: u32, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
    mux.poll_write(id, bytes, &Context::from_waker(Waker::noop()))
}

fn try_write(mux: &mut Mux, id: u32, bytes: &[u8]) -> Option<usize> {
    match poll_write(mux, id, bytes) {
        Poll::Ready(count) => Some(count.unwrap()),
        Poll::Pending => None,
    }
}

fn write(mux: &mut Mux, id: u32, bytes: &[u8]) {
    assert_eq!(try_write(mux, id, bytes), Some(bytes.len()));
}

/// Writes as much as is taken, and delivers it.
fn fill(ends: &mut Ends, id: u32) {
    while try_write(&mut ends.client, id, &[0; 65536]).is_some() {
        ends.carry();
    }
}

/// What is there to be read; `None` when one has to wait.
fn read(mux: &mut Mux, id: u32) -> Option<Vec<u8>> {
    let mut heard = vec![0; 4 << 20];
    let read = std::future::poll_fn(|cx| mux.poll_read(id, &mut heard, cx));
    let read = pin!(read).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(count) = read else {
        return None;
    };
    heard.truncate(count);
    Some(heard)
}
