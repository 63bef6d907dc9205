//! Bytes of which each tells where it belongs, and their way from one end to the other.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
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

/// Sends `amount` bytes of its own both ways at once, asserts that they came, and then ends both
/// directions: nothing here depends on one that outlives the other.
pub(crate) async fn exchange(near: Stream, far: Stream, kind: u64, amount: usize) {
    let there = pattern(2 * kind, amount);
    let back = pattern(2 * kind + 1, amount);
    tokio::join!(swap(near, &there, &back), swap(far, &back, &there));
}

/// One end of an exchange.
pub(crate) async fn swap(stream: Stream, sent: &[u8], heard: &[u8]) {
    let (mut reader, mut writer) = (stream.reader, stream.writer);
    let write = async {
        let written = writer.write_all(sent).await;
        written.expect("a living stream takes bytes");
        writer
            .flush()
            .await
            .expect("a living stream can be flushed");
    };
    tokio::join!(write, expect_next(&mut reader, heard));
    writer
        .shutdown()
        .await
        .expect("a living stream can be ended");
    expect(&mut reader, b"").await;
}

/// Writes until nothing more is taken, and returns how much was.
pub(crate) async fn fill(writer: &mut (impl AsyncWrite + Unpin)) -> usize {
    let mut written = 0;
    while let Ok(count) = timeout(REST, writer.write(&[0; 65536])).await {
        written += count.expect("a living stream takes bytes");
        assert!(
            written < MOST_UNREAD,
            "{written} bytes were taken, and nobody read one"
        );
    }
    written
}

/// Writes until the peer, or the end of the connection, refuses more, and returns how.
pub(crate) async fn write_until_refused(writer: &mut (impl AsyncWrite + Unpin)) -> io::Error {
    for _ in 0..MOST_UNREAD / 65536 {
        if let Err(error) = writer.write_all(&[0; 65536]).await {
            return error;
        }
    }
    panic!("{MOST_UNREAD} bytes were taken, which nobody can read");
}

fn compare(heard: &[u8], sent: &[u8]) {
    if heard == sent {
        return;
    }
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

/// What a transport may hold of one stream that nobody reads, on both sides together, in bytes.
const MOST_UNREAD: usize = 64 << 20;

/// Whoever takes nothing for so long waits for the reader.
const REST: Duration = Duration::from_secs(30);
