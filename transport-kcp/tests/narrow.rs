//! Paths that take small packets alone.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_conformance::{Air, Couple, DELAY, Weather, soon};
use tssh_transport_kcp::Kcp;

/// A VPN in a VPN: 1168 bytes with the headers of IPv4 and UDP, and not a word about it.
#[tokio::test(start_paused = true)]
async fn a_path_of_1168_bytes_carries_bulk_from_the_start_and_in_mid_session() {
    for narrow_from_the_start in [true, false] {
        let weather = Weather {
            mtu: if narrow_from_the_start { 1140 } else { 1500 },
            ..Weather::fair(DELAY)
        };
        let rig = Couple::new(&Kcp::default(), Air::new(weather, 11)).await;
        let mut near = rig.client.open().await.unwrap();
        let saying = async {
            near.write_all(&[7; 300_000]).await.unwrap();
            rig.air.change(|weather| weather.mtu = 1140);
            near.write_all(&[8; 300_000]).await.unwrap();
            near.shutdown().await.unwrap();
        };
        let hearing = async {
            let mut far = rig.server.accept().await.unwrap();
            let mut arrived = Vec::new();
            far.read_to_end(&mut arrived).await.unwrap();
            arrived
        };
        let ((), arrived) = soon(async { tokio::join!(saying, hearing) }).await;
        assert_eq!(arrived.len(), 600_000, "{narrow_from_the_start}");
    }
}
