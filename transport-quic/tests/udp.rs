//! A connection over two real sockets.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_conformance::{MTU, connected, soon};
use tssh_core::proxy::{PacketPipe, UdpLink};
use tssh_core::transport::{Link, Stream};
use tssh_transport_quic::Quic;

#[tokio::test]
async fn a_megabyte_comes_back_over_real_sockets() {
    let link = || Arc::new(UdpLink::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap());
    let (near, far) = (link(), link());
    let (near_at, far_at) = (near.local_addr().unwrap(), far.local_addr().unwrap());
    let (client, server) = connected(
        &Quic::default(),
        PacketPipe::fixed(near, far_at, MTU),
        PacketPipe::fixed(far, near_at, MTU),
    )
    .await;
    let sent: Vec<u8> = (0..1 << 20).map(|at: u32| at as u8).collect();

    let echo = async {
        let Stream {
            mut reader,
            mut writer,
        } = server.accept().await.unwrap();
        tokio::io::copy(&mut reader, &mut writer).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let exchange = async {
        let stream = client.open().await.unwrap();
        let (mut reader, mut writer) = (stream.reader, stream.writer);
        let write = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let (_, read) = tokio::join!(write, reader.read_to_end(&mut heard));
        read.unwrap();
        heard
    };
    let (heard, ()) = soon(async { tokio::join!(exchange, echo) }).await;

    assert!(heard == sent, "{} of {} bytes", heard.len(), sent.len());
}
