//! Over KCP too, small packets travel more often where the network loses some; datagrams never do.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;
use tssh_conformance::{Couple, soon};
use tssh_core::proxy::send_copies;
use tssh_transport_kcp::Kcp;

#[tokio::test(start_paused = true)]
async fn a_datagram_is_never_repeated() {
    let rig = Couple::fair(&Kcp::default(), 2).await;
    let pipe = &rig.client_pipe;
    pipe.copies().handle_lost(20);
    let send = async {
        // A stream brings the conversation about.
        let mut stream = rig.client.open().await.unwrap();
        stream.write_all(&[1]).await.unwrap();
        sleep(S).await;
        let before = pipe.copies().made();
        assert!(before > 0);
        let (near, far) = (rig.client.datagrams(), rig.server.datagrams());
        let (near, far) = (near.unwrap(), far.unwrap());
        for name in 0..20 {
            near.send(Bytes::copy_from_slice(&[name; 40])).unwrap();
            assert_eq!(soon(far.recv()).await.unwrap(), [name; 40][..]);
            sleep(50 * MS).await;
        }
        assert_eq!(pipe.copies().made(), before);
    };
    tokio::select! {
        () = send => {}
        () = send_copies(pipe) => {}
    }
}

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
