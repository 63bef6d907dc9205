//! What counts as a sign of life of the peer: what opens, and what was not heard before.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::time::Duration;

use tssh_conformance::{Air, DELAY, Direction, MTU, Weather, listening};
use tssh_core::transport::Transport;
use tssh_transport_quic::Quic;

/// Whoever saw the first packet can make its keys.
#[tokio::test(start_paused = true)]
async fn an_initial_packet_is_no_sign_of_life() {
    let air = Air::new(Weather::fair(DELAY), 2);
    let (client, server) = air.pipes(MTU);
    let (mut listener, offer) = listening(&Quic::default(), server.clone()).await;
    air.change_one(Direction::Back, |weather| weather.dark = true);
    let quic = Quic::default();
    let attempt = quic.connect(client.clone(), &offer);
    let both = async { tokio::join!(attempt, listener.accept()) };
    assert!(
        tokio::time::timeout(Duration::from_secs(5), both)
            .await
            .is_err()
    );
    assert!(air.sent(Direction::Back) > 0, "the server did not answer");
    assert_eq!(server.activity().heard_at(), None);
    assert_eq!(client.activity().heard_at(), None);
}
