//! A client's machine that moves, a server's that stays, and the network between them, in the
//! runtime's time: a paused runtime skips hours.

mod socket;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use tokio::time::Sleep;
use tssh_core::clock;
use tssh_core::proxy::client::{Binder, Interface};
use tssh_core::transport::Link;

use self::socket::NetworkLink;
use super::Direction;
use crate::weather::{Sky, Weather};

/// The network of one client and one server. Clones share it.
#[derive(Clone, Debug)]
pub struct Network {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    there: Sky,
    back: Sky,
    /// The client machine's addresses, the one that it prefers first.
    addresses: Vec<IpAddr>,
    /// Those of them from and to which nothing passes, and nobody says so.
    dead: Vec<IpAddr>,
    /// The address under which a translator shows the client; `None` without translation.
    translator: Option<IpAddr>,
    /// What the translator knows: a local address and the one it shows for it.
    mappings: BTreeMap<SocketAddr, SocketAddr>,
    sockets: BTreeMap<SocketAddr, Inbox>,
    next_port: u16,
    order: u64,
    flows: BTreeSet<SocketAddr>,
    sent: u64,
}

#[derive(Debug, Default)]
struct Inbox {
    /// By arrival, then by order of sending.
    flying: BTreeMap<(Instant, u64), Packet>,
    receiver: Option<Waker>,
    sleep: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
struct Packet {
    from: SocketAddr,
    /// As the network sees it.
    to: SocketAddr,
    contents: Vec<u8>,
}

impl Network {
    /// A client machine with one address.
    pub fn new(weather: Weather, seed: u64, client: IpAddr) -> Self {
        let shared = Shared {
            there: Sky::new(weather, seed),
            back: Sky::new(weather, seed ^ u64::MAX),
            addresses: vec![client],
            dead: Vec::new(),
            translator: None,
            mappings: BTreeMap::new(),
            sockets: BTreeMap::new(),
            next_port: FIRST_PORT,
            order: 0,
            flows: BTreeSet::new(),
            sent: 0,
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    /// The server's socket.
    pub fn server(&self) -> Arc<dyn Link> {
        self.socket(SERVER)
    }

    /// Where the client finds the server.
    pub fn server_address(&self) -> SocketAddr {
        SERVER
    }

    /// Gives the client machine other addresses, the one that it prefers first.
    pub fn set_addresses(&self, addresses: &[IpAddr]) {
        self.lock().addresses = addresses.to_vec();
    }

    /// Lets nothing pass from and to these addresses of the client machine, which keeps them.
    pub fn set_dead(&self, addresses: &[IpAddr]) {
        self.lock().dead = addresses.to_vec();
    }

    /// Puts a translator in front of the client, or lets it forget what it knew and show `address`.
    pub fn translate(&self, address: IpAddr) {
        let mut shared = self.lock();
        shared.translator = Some(address);
        shared.mappings.clear();
    }

    /// Puts another weather in force in both directions, under dice of `seed`: how many packets
    /// were sent before moves no later one's fate.
    pub fn begin(&self, weather: Weather, seed: u64) {
        let mut shared = self.lock();
        shared.there = Sky::new(weather, seed);
        shared.back = Sky::new(weather, seed ^ u64::MAX);
    }

    /// Changes the weather of both directions.
    pub fn change(&self, change: impl Fn(&mut Weather)) {
        self.change_one(Direction::There, &change);
        self.change_one(Direction::Back, &change);
    }

    /// Changes the weather of one direction; `There` is towards the server.
    pub fn change_one(&self, direction: Direction, change: impl Fn(&mut Weather)) {
        let mut shared = self.lock();
        let sky = shared.sky(direction);
        let mut weather = sky.weather();
        change(&mut weather);
        sky.handle_weather(weather);
    }

    /// Delivers `contents` to the server at once, as if `from` had sent it.
    pub fn forge(&self, from: SocketAddr, contents: Vec<u8>) {
        self.lock().forge(from, SERVER, contents);
    }

    /// Delivers `contents` at once to every socket of the client, as if the server had sent it.
    pub fn forge_to_client(&self, contents: &[u8]) {
        let mut shared = self.lock();
        let sockets: Vec<_> = shared.sockets.keys().copied().collect();
        for socket in sockets.into_iter().filter(|socket| *socket != SERVER) {
            shared.forge(SERVER, socket, contents.to_vec());
        }
    }

    /// The client's addresses, as the server sees them, from or to which packets were sent since
    /// the last call.
    pub fn take_flows(&self) -> BTreeSet<SocketAddr> {
        std::mem::take(&mut self.lock().flows)
    }

    /// How many packets were sent in both directions, lost ones included.
    pub fn sent(&self) -> u64 {
        self.lock().sent
    }

    fn new_port(&self, address: IpAddr) -> io::Result<Arc<dyn Link>> {
        let mut shared = self.lock();
        shared.next_port += 1;
        let local = SocketAddr::new(address, shared.next_port);
        drop(shared);
        Ok(self.socket(local))
    }

    fn socket(&self, local: SocketAddr) -> Arc<dyn Link> {
        self.lock().sockets.insert(local, Inbox::default());
        Arc::new(NetworkLink {
            network: self.clone(),
            local,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Binder for Network {
    fn connect(&self, _: SocketAddr) -> io::Result<Arc<dyn Link>> {
        let preferred = self.lock().addresses.first().copied();
        self.new_port(preferred.ok_or(io::ErrorKind::NetworkUnreachable)?)
    }

    fn connect_over(&self, _: SocketAddr, interface: &Interface) -> io::Result<Arc<dyn Link>> {
        let address = interface.addresses.first();
        self.new_port(*address.ok_or(io::ErrorKind::NetworkUnreachable)?)
    }

    /// One for each address.
    fn interfaces(&self) -> Vec<Interface> {
        let of = |address: &IpAddr| Interface {
            name: address.to_string(),
            addresses: vec![*address],
            tunnel: false,
        };
        self.lock().addresses.iter().map(of).collect()
    }

    fn has_address(&self, address: IpAddr) -> bool {
        self.lock().addresses.contains(&address)
    }
}

impl Shared {
    fn sky(&mut self, direction: Direction) -> &mut Sky {
        match direction {
            Direction::There => &mut self.there,
            Direction::Back => &mut self.back,
        }
    }

    /// The address under which the network sees a local one.
    fn shown(&mut self, local: SocketAddr) -> SocketAddr {
        let Some(translator) = self.translator.filter(|_| local != SERVER) else {
            return local;
        };
        if let Some(known) = self.mappings.get(&local) {
            return *known;
        }
        self.next_port += 1;
        let shown = SocketAddr::new(translator, self.next_port);
        self.mappings.insert(local, shown);
        shown
    }

    /// The socket that `shown` leads to.
    fn local(&self, shown: SocketAddr) -> Option<SocketAddr> {
        if shown == SERVER {
            return Some(SERVER);
        }
        let local = match self.translator {
            None => shown,
            Some(_) => *self.mappings.iter().find(|(_, known)| **known == shown)?.0,
        };
        self.addresses.contains(&local.ip()).then_some(local)
    }

    fn send(&mut self, local: SocketAddr, to: SocketAddr, packet: &[u8], now: Instant) {
        let from = self.shown(local);
        let (direction, client) = match local == SERVER {
            true => (Direction::Back, to),
            false => (Direction::There, from),
        };
        self.flows.insert(client);
        self.sent += 1;
        let fate = self.sky(direction).handle_packet(packet.len(), now);
        let Some(socket) = self.local(to) else {
            return;
        };
        let dead = |address: SocketAddr| self.dead.contains(&address.ip());
        if dead(local) || dead(socket) {
            return;
        }
        for at in [fate.arrives, fate.again].into_iter().flatten() {
            let contents = packet.to_vec();
            self.put(socket, at, Packet { from, to, contents });
        }
    }

    fn forge(&mut self, from: SocketAddr, to: SocketAddr, contents: Vec<u8>) {
        self.put(to, clock::now(), Packet { from, to, contents });
    }

    fn put(&mut self, socket: SocketAddr, at: Instant, packet: Packet) {
        self.order += 1;
        let order = self.order;
        let Some(inbox) = self.sockets.get_mut(&socket) else {
            return;
        };
        if inbox.flying.len() < MAX_FLYING {
            inbox.flying.insert((at, order), packet);
        }
        if let Some(receiver) = inbox.receiver.take() {
            receiver.wake();
        }
    }

    /// The next packet for a socket that has arrived, and is still for it.
    fn take(&mut self, socket: SocketAddr, now: Instant) -> Option<Packet> {
        let dark = match socket == SERVER {
            true => self.there.weather().dark,
            false => self.back.weather().dark,
        };
        loop {
            let first = self.sockets.get_mut(&socket)?.flying.first_entry()?;
            if first.key().0 > now {
                return None;
            }
            let packet = first.remove();
            if !dark && self.local(packet.to) == Some(socket) {
                return Some(packet);
            }
        }
    }
}

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 61001);

const FIRST_PORT: u16 = 20_000;

/// A guard against a sender without any limit.
const MAX_FLYING: usize = 1 << 16;
