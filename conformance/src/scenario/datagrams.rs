//! Datagrams beside the streams, or none.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use tssh_core::transport::{Datagrams, ErrorKind};

use super::S;
use crate::pattern::{fill, pattern};
use crate::rig::{Ends, MTU, World, soon};

/// Nobody counts on what is not there.
pub async fn it_offers_no_datagrams(world: World) {
    let ends = world.connected().await;
    assert!(
        ends.client.datagrams().is_none(),
        "the client has datagrams"
    );
    assert!(
        ends.server.datagrams().is_none(),
        "the server has datagrams"
    );
}

/// A forwarded UDP packet is one datagram: its borders and its bytes stay.
pub async fn datagrams_keep_their_borders_and_their_bytes(world: World) {
    let ends = world.connected().await;
    let (near, far) = both(&ends);
    for (from, to) in [(&near, &far), (&far, &near)] {
        for size in [1, 2, 100, 500, 1000, 1200] {
            let sent = Bytes::from(pattern(9, size));
            from.send(sent.clone()).unwrap();
            assert_eq!(soon(to.recv()).await.unwrap(), sent);
        }
    }
}

/// PROTOCOL.md, "Forwarding": payload up to the MTU less 48, then eight bytes of channel.
pub async fn a_datagram_of_the_largest_forwarded_payload_fits(world: World) {
    let ends = world.connected().await;
    let (near, far) = both(&ends);
    let largest = Bytes::from(pattern(1, usize::from(MTU) - 40));
    for (from, to) in [(&near, &far), (&far, &near)] {
        assert!(
            from.max_size() >= largest.len(),
            "{} bytes fit",
            from.max_size()
        );
        from.send(largest.clone()).unwrap();
        assert_eq!(soon(to.recv()).await.unwrap(), largest);
    }
}

/// What is too large is said to be, before it vanishes on its way.
pub async fn a_datagram_at_the_limit_passes_and_one_byte_more_is_refused(world: World) {
    let ends = world.connected().await;
    let (near, far) = both(&ends);
    let limit = near.max_size();
    // No packet is larger than the pipe takes.
    world.change(|weather| weather.mtu = usize::from(MTU));
    near.send(Bytes::from(pattern(2, limit))).unwrap();
    assert_eq!(soon(far.recv()).await.unwrap(), pattern(2, limit));
    let refused = near.send(Bytes::from(vec![1; limit + 1]));
    let refused = refused.expect_err("it is over the limit");
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    for number in [limit, limit + 1] {
        let said = refused.to_string();
        assert!(said.contains(&number.to_string()), "{said}");
    }
}

/// A game that nobody plays: old packets go, memory does not grow, and what comes next still comes.
pub async fn what_nobody_fetches_gives_way_to_what_is_newer(world: World) {
    let ends = world.connected().await;
    let (near, far) = both(&ends);
    for number in 0..20_000u32 {
        let mut payload = vec![0; 1000];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        near.send(payload.into()).unwrap();
    }
    sleep(30 * S).await;
    near.send(Bytes::from_static(b"last")).unwrap();
    let mut kept = 0;
    loop {
        let heard = soon(far.recv()).await.unwrap();
        if heard == b"last"[..] {
            break;
        }
        let number = u32::from_be_bytes(*heard.first_chunk().unwrap());
        assert!(number >= 17_000, "one that is old was kept: {number}");
        kept += 1;
    }
    assert!(kept > 0, "none was kept");
}

/// Voice beside a file: a stream that is stuck holds no datagram.
pub async fn a_stream_that_nobody_reads_does_not_stop_datagrams(world: World) {
    let ends = world.connected().await;
    let (mut stuck, _unread) = ends.pair().await;
    fill(&mut stuck.writer).await;
    let (near, far) = both(&ends);
    near.send(Bytes::from_static(b"voice")).unwrap();
    assert_eq!(soon(far.recv()).await.unwrap(), b"voice"[..]);
}

/// `select!` drops the losers' futures: none may have taken a datagram along.
pub async fn an_abandoned_receipt_loses_no_datagram(world: World) {
    let ends = world.connected().await;
    let (near, far) = both(&ends);
    for number in 0..50u8 {
        assert!(timeout(world.rtt() / 8, far.recv()).await.is_err());
        near.send(Bytes::from(vec![number; 10])).unwrap();
        sleep(world.rtt()).await;
        let heard = soon(far.recv()).await.unwrap();
        assert_eq!(heard, vec![number; 10]);
    }
}

/// Whoever waits for a datagram learns that none will come.
pub async fn datagrams_end_with_the_connection(world: World) {
    let ends = world.connected().await;
    let (near, far) = both(&ends);
    let close = async {
        sleep(S).await;
        ends.client.close().await;
    };
    let (here, there, ()) = soon(async { tokio::join!(near.recv(), far.recv(), close) }).await;
    assert_eq!(here.expect_err("it has ended").kind(), ErrorKind::Closed);
    assert_eq!(there.expect_err("it has ended").kind(), ErrorKind::Closed);
    let refused = near.send(Bytes::from_static(b"late"));
    assert_eq!(refused.expect_err("it has ended").kind(), ErrorKind::Closed);
}

fn both(ends: &Ends) -> (Arc<dyn Datagrams>, Arc<dyn Datagrams>) {
    let near = ends.client.datagrams().expect("datagrams were declared");
    let far = ends.server.datagrams().expect("datagrams were declared");
    (near, far)
}
