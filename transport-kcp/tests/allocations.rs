//! What a connection allocates once it is under way: nothing, neither for a key nor for a packet of bulk.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock and their tasks"
)]

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::time::sleep;
use tssh_conformance::{MTU, RingLink, connected, ring, soon};
use tssh_core::transport::{Connection, Priority, Stream};
use tssh_transport_kcp::Kcp;

#[test]
fn bulk_allocates_nothing() {
    let mut pair = Pair::new();
    // Until every window and every buffer has the size that it keeps.
    pair.carry(WARM_UP);
    let (packets, allocations) = pair.count(|pair| pair.carry(AMOUNT));
    assert!(
        packets as usize > AMOUNT / 1400,
        "{packets} packets are no bulk"
    );
    assert_eq!(allocations, 0, "for {packets} packets");
}

#[test]
fn the_first_bulk_allocates_where_a_memory_doubles_and_for_no_packet() {
    let mut pair = Pair::new();
    let (packets, allocations) = pair.count(|pair| pair.carry(AMOUNT));
    assert!(
        packets as usize > AMOUNT / 1400,
        "{packets} packets are no bulk"
    );
    // Measured: 121. A dozen memories grow from a few bytes up to megabytes, and sixteen small packets are held for an
    // answer.
    assert!(allocations <= 150, "{allocations} for {packets} packets");
}

#[test]
fn the_echo_of_a_key_allocates_nothing() {
    let mut pair = Pair::new();
    pair.echo(200);
    let (packets, allocations) = pair.count(|pair| pair.echo(500));
    assert!(packets >= 1000, "{packets} packets are no echoes");
    assert_eq!(allocations, 0, "for {packets} packets");
}

/// Both ends in a runtime of this thread, whose allocations are counted: tasks, clock and links are all in it.
struct Pair {
    runtime: Runtime,
    near: Stream,
    far: Stream,
    links: [Arc<RingLink>; 2],
    buffer: Vec<u8>,
    _ends: (Arc<dyn Connection>, Arc<dyn Connection>),
}

impl Pair {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let ([client, server], links) = ring(MTU, DELAY);
        let (near, far, ends) = runtime.block_on(async {
            let ends = connected(&Kcp::default(), client, server).await;
            let mut near = soon(ends.0.open()).await.unwrap();
            near.writer.set_priority(Priority::Interactive);
            near.write_all(b"0").await.unwrap();
            let mut far = soon(ends.1.accept()).await.unwrap();
            far.writer.set_priority(Priority::Interactive);
            assert_eq!(far.read_u8().await.unwrap(), b'0');
            (near, far, ends)
        });
        Self {
            runtime,
            near,
            far,
            links,
            buffer: vec![0; 64 * 1024],
            _ends: ends,
        }
    }

    /// How many packets both sides sent meanwhile, and how often this thread allocated.
    fn count(&mut self, action: impl FnOnce(&mut Self)) -> (u64, u64) {
        let sent = |pair: &Self| pair.links.iter().map(|link| link.sent()).sum::<u64>();
        let before = sent(self);
        let counted = allocation_counter::measure(|| action(self));
        (sent(self) - before, counted.count_total)
    }

    /// Carries so many bytes from the client to the server.
    fn carry(&mut self, amount: usize) {
        let (near, far, buffer) = (&mut self.near, &mut self.far, &mut self.buffer);
        self.runtime.block_on(async {
            let write = async {
                for _ in 0..amount / CHUNK.len() {
                    near.writer.write_all(CHUNK).await.unwrap();
                }
            };
            let read = async {
                let mut left = amount / CHUNK.len() * CHUNK.len();
                while left > 0 {
                    let most = left.min(buffer.len());
                    left -= far.reader.read(&mut buffer[..most]).await.unwrap();
                }
            };
            tokio::join!(write, read);
        });
    }

    /// Types so many keys, each when the echo of the one before has come.
    fn echo(&mut self, keys: u32) {
        let (near, far) = (&mut self.near, &mut self.far);
        self.runtime.block_on(async {
            for key in 0..keys {
                let key = [key as u8];
                near.write_all(&key).await.unwrap();
                assert_eq!(far.read_u8().await.unwrap(), key[0]);
                far.write_all(&key).await.unwrap();
                assert_eq!(near.read_u8().await.unwrap(), key[0]);
                // A person types: in virtual time, nothing is waited for.
                sleep(Duration::from_millis(70)).await;
            }
        });
    }
}

const CHUNK: &[u8] = &[7; 16 * 1024];
const WARM_UP: usize = 64 << 20;
const AMOUNT: usize = 16 << 20;
const DELAY: Duration = Duration::from_millis(5);
