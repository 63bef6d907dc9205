//! A transport whose keys are exchanged over the bus.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod peer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use peer::{Bus, Peer, Setup, soon};
use tokio::sync::watch;
use tssh_core::transport::memory::MemoryConnection;
use tssh_core::transport::{Connection, Datagrams, Rekey, Stream, TransportError};
use tssh_core::wire::{Alive, BusEvent, Rekey as Half};

#[tokio::test]
async fn a_key_is_answered_even_when_the_bus_was_full_as_it_was_asked_for() {
    soon(async {
        let (peer, mut asked) = keyed();
        let mut bus = peer.greet().await;
        fill(&mut bus).await;
        ask(&mut bus, b"one").await;
        asked.wait_for(|count| *count == 1).await.unwrap();
        assert_eq!(answer(&mut bus).await, b"one, answered");
        ask(&mut bus, b"two").await;
        assert_eq!(answer(&mut bus).await, b"two, answered");
    })
    .await;
}

#[tokio::test]
async fn of_many_keys_that_find_the_bus_full_one_waits_and_it_is_the_latest() {
    soon(async {
        let (peer, mut asked) = keyed();
        let mut bus = peer.greet().await;
        fill(&mut bus).await;
        for nth in 0..1000 {
            ask(&mut bus, format!("{nth}").as_bytes()).await;
        }
        asked.wait_for(|count| *count == 1000).await.unwrap();
        assert_eq!(answer(&mut bus).await, b"999, answered");
    })
    .await;
}

/// A client, and how often its server made a key.
fn keyed() -> (Peer, watch::Receiver<u32>) {
    let (made, seen) = watch::channel(0);
    let keys = Arc::new(Keys(made));
    let peer = Peer::connect_over(Setup::default(), |inner| Arc::new(Keyed { inner, keys }));
    (peer, seen)
}

/// Until the server has no room for one echo more.
async fn fill(bus: &mut Bus) {
    for time in 0..FLOOD {
        bus.send(alive(time)).await;
    }
}

async fn ask(bus: &mut Bus, half: &[u8]) {
    let public_key = half.to_vec();
    bus.send(BusEvent::Rekey(Half { public_key })).await;
}

async fn answer(bus: &mut Bus) -> Vec<u8> {
    let mut echoes = 0;
    loop {
        let event = bus.event().await.expect("the bus has ended");
        if let BusEvent::Rekey(half) = event {
            return half.public_key;
        }
        assert!(matches!(event, BusEvent::Alive(_)), "{event:?}");
        echoes += 1;
        assert!(echoes < FLOOD, "the bus was never full");
    }
}

fn alive(time_ms: i64) -> BusEvent {
    BusEvent::Alive(Alive { time_ms })
}

/// A connection of which the server is to answer keys.
struct Keyed {
    inner: Arc<MemoryConnection>,
    keys: Arc<Keys>,
}

#[async_trait]
impl Connection for Keyed {
    async fn open(&self) -> Result<Stream, TransportError> {
        self.inner.open().await
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        self.inner.accept().await
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        None
    }

    fn rtt(&self) -> Option<Duration> {
        self.inner.rtt()
    }

    fn rekey(&self) -> Option<Arc<dyn Rekey>> {
        Some(self.keys.clone())
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    async fn closed(&self) -> TransportError {
        self.inner.closed().await
    }
}

struct Keys(watch::Sender<u32>);

#[async_trait]
impl Rekey for Keys {
    async fn due(&self) -> Result<Vec<u8>, TransportError> {
        std::future::pending().await
    }

    fn answer(&self, half: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.0.send_modify(|count| *count += 1);
        Ok([half, b", answered"].concat())
    }

    fn finish(&self, _: &[u8]) -> Result<(), TransportError> {
        Ok(())
    }
}

/// More echoes than a stream and a bus hold.
const FLOOD: i64 = 50_000;
