//! Datagrams beside the streams.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use bytes::Bytes;
use tssh_conformance::{Couple, MTU, soon};
use tssh_transport_quic::Quic;

#[tokio::test(start_paused = true)]
async fn a_datagram_of_the_largest_forwarded_payload_fits() {
    let rig = Couple::fair(&Quic::default(), 1).await;
    let near = rig.client.datagrams().unwrap();
    let far = rig.server.datagrams().unwrap();
    // PROTOCOL.md, "Forwarding": payload up to MTU - 37 - 8, then eight bytes of channel.
    let largest = Bytes::from(vec![7; usize::from(MTU) - 37]);
    assert!(near.max_size() >= largest.len(), "{}", near.max_size());

    near.send(largest.clone()).unwrap();
    assert_eq!(soon(far.recv()).await.unwrap(), largest);
    far.send(largest.clone()).unwrap();
    assert_eq!(soon(near.recv()).await.unwrap(), largest);
}
