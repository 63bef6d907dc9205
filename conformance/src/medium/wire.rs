//! Two pipes over a tube; after an outage another tube, as another TCP connection or another child.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tssh_core::proxy::{Gate, LinkId, PacketPipe, Route, Source, Table};
use tssh_core::transport::Link;

use super::tube::{Lanes, Tube, with_lanes};
use super::{Air, Direction, Medium, Over};
use crate::weather::Weather;

/// Makes a link out of an end of a tube, its own address and its peer's.
pub type Framing = fn(Tube, Option<SocketAddr>, SocketAddr) -> Arc<dyn Link>;

/// Bytes in order between two peers, and packets over them.
#[derive(Debug)]
pub struct Wire {
    over: Over,
    framing: Framing,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    there: Weather,
    back: Weather,
    seed: u64,
    lanes: Option<Lanes>,
    /// Of the client and the server, with their names.
    pipes: Vec<PacketPipe>,
    next: u64,
}

impl Wire {
    /// A way like `over`, [`Over::Tcp`] or [`Over::Process`], with the same weather both ways.
    pub fn new(over: Over, framing: Framing, weather: Weather, seed: u64) -> Self {
        let state = State {
            there: weather,
            back: weather,
            seed,
            lanes: None,
            pipes: Vec::new(),
            next: 0,
        };
        Self {
            over,
            framing,
            state: Mutex::new(state),
        }
    }

    /// Joins the pipes by a tube that has carried nothing yet.
    fn renew(&self, state: &mut State) {
        state.next += 1;
        let seed = state.seed ^ state.next << 32;
        let (near, far, lanes) = with_lanes(state.there, self.grain(), seed);
        lanes.change(Direction::Back, &|weather| *weather = state.back);
        state.lanes = Some(lanes);
        let ends = [(near, CLIENT, SERVER), (far, SERVER, CLIENT)];
        for (pipe, (tube, local, peer)) in state.pipes.iter().zip(ends) {
            let local = (self.over == Over::Tcp).then_some(local);
            let route = Route {
                id: LinkId(state.next),
                link: (self.framing)(tube, local, peer),
                peer,
            };
            pipe.publish(Table {
                links: vec![(route.id, route.link.clone())],
                believed: vec![route.source()],
                send: vec![route],
                dark: false,
            });
        }
    }

    /// A segment of TCP; the block that a child reads and writes.
    fn grain(&self) -> usize {
        match self.over {
            Over::Process => 4096,
            Over::Nothing | Over::Tcp | Over::Udp => 1400,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Medium for Wire {
    fn pipes(&self, mtu: u16) -> (PacketPipe, PacketPipe) {
        let mut state = self.lock();
        let pipes = [0; 2].map(|_| PacketPipe::new(mtu, Box::new(Open)));
        state.pipes = pipes.to_vec();
        self.renew(&mut state);
        let [client, server] = pipes;
        (client, server)
    }

    fn set_dark(&self, dark: bool) {
        for direction in [Direction::Back, Direction::There] {
            self.change(direction, &|weather| weather.dark = dark);
        }
        if !dark {
            self.renew(&mut self.lock());
        }
    }

    fn change(&self, direction: Direction, change: &dyn Fn(&mut Weather)) {
        let mut state = self.lock();
        match direction {
            Direction::Back => change(&mut state.back),
            Direction::There => change(&mut state.there),
        }
        if let Some(lanes) = &state.lanes {
            lanes.change(direction, change);
        }
    }
}

impl Medium for Air {
    fn pipes(&self, mtu: u16) -> (PacketPipe, PacketPipe) {
        Self::pipes(self, mtu)
    }

    fn set_dark(&self, dark: bool) {
        Self::set_dark(self, dark);
    }

    fn change(&self, direction: Direction, change: &dyn Fn(&mut Weather)) {
        self.change_one(direction, change);
    }

    fn air(&self) -> Option<&Air> {
        Some(self)
    }
}

/// Believes what comes through the tube.
#[derive(Debug)]
struct Open;

impl Gate for Open {
    fn admit(&self, _: &PacketPipe, _: Source, _: &[u8]) -> bool {
        false
    }

    fn intercept(&self, _: &PacketPipe, _: Source, _: &[u8]) -> bool {
        false
    }

    fn may_send(&self, _: &Route, _: usize) -> bool {
        true
    }

    fn handle_opened(&self, _: &PacketPipe) {}

    fn handle_link_error(&self, _: LinkId, _: &io::Error) {}
}

const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 2);
