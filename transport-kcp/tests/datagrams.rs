//! Datagrams beside the streams.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod rig;

use bytes::Bytes;
use tssh_core::transport::ErrorKind;

use rig::{MTU, Rig, soon};

#[tokio::test(start_paused = true)]
async fn a_datagram_of_the_largest_forwarded_payload_fits() {
    let rig = Rig::fair(1).await;
    let near = rig.client.datagrams().unwrap();
    let far = rig.server.datagrams().unwrap();
    // PROTOCOL.md, "UDP forwarding": payload up to KCP MTU - 4 - 8, then eight bytes of channel.
    let largest = Bytes::from(vec![7; usize::from(MTU) - 36 - 4]);
    assert!(near.max_size() >= largest.len(), "{}", near.max_size());

    near.send(largest.clone()).unwrap();
    assert_eq!(soon(far.recv()).await.unwrap(), largest);
    far.send(largest.clone()).unwrap();
    assert_eq!(soon(near.recv()).await.unwrap(), largest);
}

#[tokio::test(start_paused = true)]
async fn a_datagram_at_the_limit_passes_and_one_byte_more_is_refused() {
    let rig = Rig::fair(2).await;
    let near = rig.client.datagrams().unwrap();
    let far = rig.server.datagrams().unwrap();
    let limit = near.max_size();
    near.send(Bytes::from(vec![1; limit])).unwrap();
    assert_eq!(soon(far.recv()).await.unwrap().len(), limit);

    let refused = near.send(Bytes::from(vec![1; limit + 1])).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.to_string()),
        (
            ErrorKind::Unsupported,
            format!(
                "datagram of {} bytes is over the limit of {limit}",
                limit + 1
            )
        )
    );
}

#[tokio::test(start_paused = true)]
async fn no_packet_is_larger_than_the_pipe_takes() {
    let rig = Rig::fair(3).await;
    rig.air.change(|weather| weather.mtu = usize::from(MTU));
    let near = rig.client.datagrams().unwrap();
    let far = rig.server.datagrams().unwrap();
    near.send(Bytes::from(vec![1; near.max_size()])).unwrap();
    soon(far.recv()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_nobody_fetches_gives_way_to_what_is_newer() {
    let rig = Rig::fair(4).await;
    let near = rig.client.datagrams().unwrap();
    let far = rig.server.datagrams().unwrap();
    for number in 0..2000u32 {
        let mut payload = vec![0; 1000];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        near.send(payload.into()).unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    let first = soon(far.recv()).await.unwrap();
    let number = u32::from_be_bytes(first[..4].try_into().unwrap());
    // 512 KiB on each side, of two million bytes.
    assert!((900..2000).contains(&number), "{number}");
}
