//! Somebody who knows the server's address and guesses the client's ports, and sees no packet.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

mod lab;

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tssh_conformance::{CAFE, HOME, LAB_RTT, Peer};
use tssh_core::proxy::network::Event;

#[tokio::test(start_paused = true)]
async fn junk_at_the_port_of_an_attempt_does_not_make_it_the_path() {
    for peer in [Peer::Ours, Peer::Foreign] {
        let mut lab = lab::fair(peer, 3).await;
        // A network that leads nowhere is preferred, and the former one still serves.
        lab.network.set_addresses(&[CAFE, HOME]);
        lab.network.set_dead(&[CAFE]);
        lab.tell(Event::Changed).await;
        let network = lab.network.clone();
        let forge = async move {
            loop {
                network.forge_to_client(&[0x55; 40]);
                sleep(MS).await;
            }
        };
        let typing = async {
            let end = Instant::now() + 3 * S;
            while Instant::now() < end {
                let waited = lab.echo_of_a_key().await;
                assert!(waited <= LAB_RTT + 10 * MS, "{peer:?}: {waited:?}");
                sleep(20 * MS).await;
            }
        };
        tokio::select! {
            () = typing => {}
            () = forge => {}
        }
    }
}

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
