//! QUIC in the lab of the conformance suite.
#![allow(dead_code, reason = "each test file uses its part")]

use tssh_conformance::{Lab, Peer, Weather};
use tssh_transport_quic::{Config, Quic};

pub(crate) async fn fair(peer: Peer, seed: u64) -> Lab {
    Lab::new(&seeded(seed), peer, seed).await
}

pub(crate) async fn in_weather(peer: Peer, weather: Weather, seed: u64) -> Lab {
    Lab::in_weather(&seeded(seed), peer, weather, seed).await
}

fn seeded(seed: u64) -> Quic {
    Quic::new(Config::default().with_insecure_seed(seed))
}
