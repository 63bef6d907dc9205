//! When a writer learns that the peer has everything.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::timeout;
use tssh_conformance::{Air, Weather};
use tssh_core::transport::{Connection, Stream, Transport, WriteHalf};
use tssh_core::wire::ServerInfo;

use crate::Kcp;

#[tokio::test(start_paused = true)]
async fn what_was_written_is_known_to_have_arrived_only_once_it_has() {
    let rig = Rig::new(1).await;
    let (mut near, mut far) = rig.pair().await;
    rig.air.set_dark(true);
    near.write_all(b"more").await.unwrap();
    near.shutdown().await.unwrap();
    let mut waiting = pin!(delivered(&mut *near.writer));
    assert!(timeout(5 * S, &mut waiting).await.is_err());

    rig.air.set_dark(false);
    timeout(MINUTE, waiting).await.unwrap();
    drop(rig.client);
    let mut heard = [0; 4];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!((&heard, far.read(&mut [0]).await.unwrap()), (b"more", 0));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_read_is_delivered_and_what_the_peer_has_no_room_for_is_not() {
    let rig = Rig::new(2).await;
    let (mut near, mut far) = rig.pair().await;
    near.write_all(&[7; 100_000]).await.unwrap();
    near.shutdown().await.unwrap();
    let waiting = delivered(&mut *near.writer);
    timeout(MINUTE, waiting).await.unwrap();
    let mut heard = Vec::new();
    far.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard.len(), 100_000);

    let (mut near, mut far) = rig.pair().await;
    fill(&mut near).await;
    near.shutdown().await.unwrap();
    let mut waiting = pin!(delivered(&mut *near.writer));
    assert!(timeout(MINUTE, &mut waiting).await.is_err());
    let mut heard = Vec::new();
    let (_, read) = tokio::join!(waiting, far.read_to_end(&mut heard));
    assert_eq!(read.unwrap(), heard.len());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_delivery_learns_that_there_will_be_none() {
    let rig = Rig::new(3).await;
    let (mut near, far) = rig.pair().await;
    fill(&mut near).await;
    near.shutdown().await.unwrap();
    let mut waiting = pin!(delivered(&mut *near.writer));
    assert!(timeout(MINUTE, &mut waiting).await.is_err());
    drop(far.reader);
    timeout(MINUTE, waiting).await.unwrap();

    // The end is still on its way when the connection ends.
    let (mut last, _far) = rig.pair().await;
    rig.air.set_dark(true);
    last.shutdown().await.unwrap();
    let ending = async {
        yield_now().await;
        drop(rig.client);
    };
    let both = async { tokio::join!(delivered(&mut *last.writer), ending) };
    timeout(S, both).await.unwrap();
}

/// Writes more than the peer takes, so that what comes next has to wait.
async fn fill(stream: &mut Stream) {
    while timeout(S, stream.write_all(&[7; 65536])).await.is_ok() {}
}

async fn delivered(writer: &mut dyn WriteHalf) {
    poll_fn(|cx| writer.poll_delivered(cx)).await;
}

struct Rig {
    air: Air,
    client: Arc<dyn Connection>,
    server: Arc<dyn Connection>,
}

impl Rig {
    async fn new(seed: u64) -> Self {
        let air = Air::new(Weather::fair(Duration::from_millis(20)), seed);
        let (near, far) = air.pipes(1400);
        let (kcp, mut offer) = (Kcp::default(), ServerInfo::default());
        let mut listener = kcp.listen(far, &mut offer).await.unwrap();
        let (client, server) = tokio::join!(kcp.connect(near, &offer), listener.accept());
        Self {
            air,
            client: client.unwrap(),
            server: server.unwrap(),
        }
    }

    /// A stream of which the first byte was read.
    async fn pair(&self) -> (Stream, Stream) {
        let mut near = self.client.open().await.unwrap();
        near.write_all(b"0").await.unwrap();
        let mut far = self.server.accept().await.unwrap();
        far.read_u8().await.unwrap();
        (near, far)
    }
}

const S: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
