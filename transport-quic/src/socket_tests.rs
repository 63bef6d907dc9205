//! What the pipe costs as a socket of quinn: no allocation for a packet. What quinn does besides is its own.

use std::io::IoSliceMut;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tssh_conformance::{MTU, RingLink, ring};
use tssh_core::proxy::PacketPipe;

use crate::doubles::Doubles;
use crate::socket::PipeSocket;

#[test]
fn a_packet_through_the_pipe_allocates_nothing_bulk_or_key() {
    for (len, segments) in [(1350, 10), (1350, 1), (40, 1)] {
        let mut pair = Pair::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let _entered = runtime.enter();
        // Until every buffer has the size that it keeps.
        pair.carry(len, segments, 100);
        let before = pair.packets();
        let counted = allocation_counter::measure(|| pair.carry(len, segments, 1000));
        assert_eq!(pair.packets() - before, 2 * 1000 * segments as u64);
        assert_eq!(counted.count_total, 0, "{segments} packets of {len} bytes");
    }
}

#[test]
fn what_is_sent_again_leaves_twice_and_allocates_nothing() {
    let mut pair = Pair::new();
    pair.carry(1350, 10, 100);
    let before = pair.packets();
    let counted = allocation_counter::measure(|| {
        for _ in 0..1000 {
            pair.doubles.handle_lost(3 * 1350);
            pair.send(0, 1350, 10);
            pair.receive(1, 13);
        }
    });
    assert_eq!(pair.packets() - before, 1000 * 13);
    assert_eq!(counted.count_total, 0);
}

struct Pair {
    /// Of the first socket.
    doubles: Arc<Doubles>,
    sockets: [Arc<PipeSocket>; 2],
    writable: [Pin<Box<dyn UdpPoller>>; 2],
    pipes: [PacketPipe; 2],
    links: [Arc<RingLink>; 2],
    contents: Vec<u8>,
    buffer: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        let (pipes, links) = ring(MTU, Duration::ZERO);
        let doubles = [(); 2].map(|()| Arc::<Doubles>::default());
        let sockets = [0, 1]
            .map(|side| Arc::new(PipeSocket::new(pipes[side].clone(), doubles[side].clone())));
        let writable = sockets
            .each_ref()
            .map(|socket| socket.clone().create_io_poller());
        let [doubles, _] = doubles;
        Self {
            doubles,
            sockets,
            writable,
            pipes,
            links,
            contents: vec![7; 64 * 1024],
            buffer: vec![0; 4 * 2048],
        }
    }

    fn packets(&self) -> u64 {
        self.links.iter().map(|link| link.sent()).sum()
    }

    /// Sends batches of `segments` packets there and back, each of them received and opened.
    fn carry(&mut self, len: usize, segments: usize, batches: usize) {
        for _ in 0..batches {
            for side in [0, 1] {
                self.send(side, len, segments);
                self.receive(1 - side, segments);
            }
        }
    }

    fn send(&mut self, side: usize, len: usize, segments: usize) {
        let transmit = Transmit {
            destination: PacketPipe::PEER,
            ecn: None,
            contents: &self.contents[..len * segments],
            segment_size: (segments > 1).then_some(len),
            src_ip: None,
        };
        assert!(self.sockets[side].max_transmit_segments() >= segments);
        self.sockets[side].try_send(&transmit).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(
            self.writable[side]
                .as_mut()
                .poll_writable(&mut cx)
                .is_ready()
        );
    }

    fn receive(&mut self, side: usize, packets: usize) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut received = 0;
        while received < packets {
            let mut meta = [RecvMeta::default(); 4];
            let mut parts = self.buffer.chunks_exact_mut(2048);
            let mut bufs: [IoSliceMut<'_>; 4] =
                std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap()));
            let Poll::Ready(filled) = self.sockets[side].poll_recv(&mut cx, &mut bufs, &mut meta)
            else {
                panic!("{received} of {packets} packets came");
            };
            received += filled.unwrap();
            // As what opens a packet and what hears of its acknowledgement do.
            self.pipes[side].opened();
            self.pipes[1 - side].copies().handle_arrived(1);
        }
    }
}
