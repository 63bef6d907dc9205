//! Bytes of which each tells where it belongs, and their way from one end to the other.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tssh_core::transport::Stream;

/// `amount` bytes that differ by `kind`; no two stretches of 64 kB are alike.
pub(crate) fn pattern(kind: u64, amount: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(amount + 8);
    let mut at = 0u64;
    while bytes.len() < amount {
        let mixed = (at ^ kind << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bytes.extend_from_slice(&(mixed ^ mixed >> 29).to_be_bytes());
        at += 1;
    }
    bytes.truncate(amount);
    bytes
}

/// Writes all of `bytes` and ends the direction.
pub(crate) async fn send(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    let written = writer.write_all(bytes).await;
    written.expect("a living stream takes bytes");
    writer
        .shutdown()
        .await
        .expect("a living stream can be ended");
}

/// Reads to the end, and asserts that `bytes` came and nothing else.
pub(crate) async fn expect(reader: &mut (impl AsyncRead + Unpin), bytes: &[u8]) {
    let mut heard = Vec::with_capacity(bytes.len());
    let read = reader.read_to_end(&mut heard).await;
    read.expect("a living stream can be read to its end");
    compare(&heard, bytes);
}

/// Reads as many bytes as there are in `bytes`, and asserts that they are the same.
pub(crate) async fn expect_next(reader: &mut (impl AsyncRead + Unpin), bytes: &[u8]) {
    let mut heard = vec![0; bytes.len()];
    let read = reader.read_exact(&mut heard).await;
    read.expect("a living stream can be read");
    compare(&heard, bytes);
}

/// Sends `amount` bytes of its own both ways at once, ends both directions, and asserts that they came.
pub(crate) async fn exchange(near: Stream, far: Stream, kind: u64, amount: usize) {
    let there = pattern(2 * kind, amount);
    let back = pattern(2 * kind + 1, amount);
    let (mut near_reader, mut near_writer) = (near.reader, near.writer);
    let (mut far_reader, mut far_writer) = (far.reader, far.writer);
    tokio::join!(
        send(&mut near_writer, &there),
        send(&mut far_writer, &back),
        expect(&mut near_reader, &back),
        expect(&mut far_reader, &there),
    );
}

fn compare(heard: &[u8], sent: &[u8]) {
    let differs = heard
        .iter()
        .zip(sent)
        .position(|(heard, sent)| heard != sent);
    assert!(
        differs.is_none(),
        "of {} bytes the one at {} came as another",
        sent.len(),
        differs.unwrap_or(0)
    );
    assert_eq!(heard.len(), sent.len(), "bytes came, of bytes sent");
}
