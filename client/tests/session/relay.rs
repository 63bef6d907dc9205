//! A network between client and server that can fail: a relay for UDP, and a `tsshd` that names
//! the relay's port as its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use crate::rig::{PATIENCE, Rig, tsshd};

/// The server's address as the client sees it. Ends with its value.
pub(crate) struct Relay {
    shared: Arc<Shared>,
    program: PathBuf,
}

struct Shared {
    /// What the client speaks to.
    front: UdpSocket,
    host: IpAddr,
    /// Where the server wrote its own port.
    port_file: PathBuf,
    /// From the client's address to the socket that the server sees.
    doors: Mutex<Doors>,
    changed: Condvar,
    dark: AtomicBool,
    /// Of UDP only small packets pass.
    narrow: AtomicBool,
    /// How often all TCP connections were stalled.
    stalls: AtomicUsize,
    reordering: AtomicBool,
    stopped: AtomicBool,
}

#[derive(Default)]
struct Doors {
    open: BTreeMap<SocketAddr, Arc<UdpSocket>>,
    /// Every address that the client ever sent from.
    clients: BTreeMap<SocketAddr, u64>,
    /// How many packets came through to either side.
    passed: u64,
    /// The largest packet of the client, and of the server, in bytes.
    largest: [usize; 2],
}

impl Relay {
    pub(crate) fn start(rig: &Rig) -> Self {
        Self::start_at(rig, Ipv4Addr::LOCALHOST.into())
    }

    /// At an address of this machine, where the server listens too.
    pub(crate) fn start_at(rig: &Rig, host: IpAddr) -> Self {
        let front = UdpSocket::bind((host, 0)).unwrap();
        front.set_read_timeout(Some(GLANCE)).unwrap();
        let port = front.local_addr().unwrap().port();
        let port_file = rig.path(&format!("port of {port}"));
        let program = rig.script(
            &format!("tsshd-{port}"),
            &format!(
                "line=$({} \"$@\") || exit\n\
                 printf %s \"$line\" | sed 's/.*\"Port\":\\([0-9]*\\).*/\\1/' > '{}'\n\
                 printf '%s\\n' \"$line\" | sed 's/\"Port\":[0-9]*/\"Port\":{port}/'",
                tsshd().display(),
                port_file.display(),
            ),
        );
        let shared = Arc::new(Shared {
            front,
            host,
            port_file,
            doors: Mutex::default(),
            changed: Condvar::new(),
            dark: AtomicBool::new(false),
            narrow: AtomicBool::new(false),
            stalls: AtomicUsize::new(0),
            reordering: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let upward = shared.clone();
        thread::spawn(move || upward.carry_up());
        Self { shared, program }
    }

    /// The option that makes a client use this relay.
    pub(crate) fn option(&self) -> String {
        format!("--tsshd-path={}", self.program.display())
    }

    pub(crate) fn port(&self) -> u16 {
        self.shared.front.local_addr().unwrap().port()
    }

    /// Lets TCP through at the same port number, whatever happens to UDP; counts its connections.
    pub(crate) fn open_tcp(&self) -> Arc<AtomicUsize> {
        let listener = TcpListener::bind((self.shared.host, self.port())).unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let (shared, count) = (self.shared.clone(), accepted.clone());
        // Ends with the process: a listener cannot be waited for with a deadline.
        thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                let Ok(far) = TcpStream::connect((shared.host, shared.server_port())) else {
                    continue;
                };
                count.fetch_add(1, Ordering::SeqCst);
                let until = shared.stalls.load(Ordering::SeqCst);
                for (from, to) in [
                    (near.try_clone().unwrap(), far.try_clone().unwrap()),
                    (far, near),
                ] {
                    let shared = shared.clone();
                    thread::spawn(move || shared.carry_stream(from, to, until));
                }
            }
        });
        accepted
    }

    /// The TCP connections that stand carry nothing more, and do not end either.
    pub(crate) fn stall_tcp(&self) {
        self.shared.stalls.fetch_add(1, Ordering::SeqCst);
    }

    /// From here on nothing passes.
    pub(crate) fn darken(&self) {
        self.shared.dark.store(true, Ordering::SeqCst);
    }

    pub(crate) fn lighten(&self) {
        self.shared.dark.store(false, Ordering::SeqCst);
    }

    /// From here on no packet passes by UDP that is as large as QUIC needs it.
    pub(crate) fn narrow(&self) {
        self.shared.narrow.store(true, Ordering::SeqCst);
    }

    /// From here on every other packet of the client arrives behind its successor.
    pub(crate) fn reorder(&self) {
        self.shared.reordering.store(true, Ordering::SeqCst);
    }

    /// Gives the client other ports towards the server, as a NAT does that forgot it.
    pub(crate) fn rebind(&self) {
        self.shared.doors.lock().unwrap().open.clear();
    }

    /// How many addresses the client has ever sent from.
    pub(crate) fn paths(&self) -> usize {
        self.shared.doors.lock().unwrap().clients.len()
    }

    /// The largest packet of the client, and of the server, in bytes.
    pub(crate) fn largest(&self) -> [usize; 2] {
        self.shared.doors.lock().unwrap().largest
    }

    /// Waits until so many more packets have passed.
    pub(crate) fn wait_for_traffic(&self, packets: u64) {
        let from = self.shared.doors.lock().unwrap().passed;
        self.wait("traffic", |doors| doors.passed >= from + packets);
    }

    /// Waits until the client has sent from so many addresses that it had not used before: it then
    /// knows that its path is dead.
    pub(crate) fn wait_for_new_paths(&self, paths: usize) {
        let from = self.shared.doors.lock().unwrap().clients.len();
        self.wait("a new path", |doors| doors.clients.len() >= from + paths);
    }

    fn wait(&self, what: &str, reached: impl Fn(&Doors) -> bool) {
        let doors = self.shared.doors.lock().unwrap();
        let (_doors, late) = self
            .shared
            .changed
            .wait_timeout_while(doors, PATIENCE, |doors| !reached(doors))
            .unwrap();
        assert!(!late.timed_out(), "no {what}");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn carry_up(self: Arc<Self>) {
        let mut buffer = vec![0; 65536];
        let mut late: Option<(SocketAddr, Vec<u8>)> = None;
        while !self.stopped.load(Ordering::SeqCst) {
            let (length, client) = match self.front.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if is_passing(&error) => {
                    // Nothing overtook it: the network does not keep it for ever.
                    if let Some((client, packet)) = late.take() {
                        self.send_up(client, &packet);
                    }
                    continue;
                }
                Err(error) => panic!("the relay cannot receive: {error}"),
            };
            let packet = &buffer[..length];
            let mut doors = self.doors.lock().unwrap();
            *doors.clients.entry(client).or_default() += 1;
            doors.largest[0] = doors.largest[0].max(length);
            drop(doors);
            self.changed.notify_all();
            if self.drops(packet) {
                continue;
            }
            match late.take() {
                None if self.reordering.load(Ordering::SeqCst) => {
                    late = Some((client, packet.to_vec()));
                }
                None => self.send_up(client, packet),
                Some((earlier, overtaken)) => {
                    self.send_up(client, packet);
                    self.send_up(earlier, &overtaken);
                }
            }
        }
    }

    fn send_up(self: &Arc<Self>, client: SocketAddr, packet: &[u8]) {
        let door = self.door(client);
        // A server that has ended refuses; the client is to find out by itself.
        let _ = door.send(packet);
        self.count();
    }

    /// The socket that stands for `client` on the server's side.
    fn door(self: &Arc<Self>, client: SocketAddr) -> Arc<UdpSocket> {
        let mut doors = self.doors.lock().unwrap();
        if let Some(door) = doors.open.get(&client) {
            return door.clone();
        }
        let door = Arc::new(UdpSocket::bind((self.host, 0)).unwrap());
        door.connect((self.host, self.server_port())).unwrap();
        door.set_read_timeout(Some(GLANCE)).unwrap();
        doors.open.insert(client, door.clone());
        drop(doors);
        let (downward, behind) = (self.clone(), door.clone());
        thread::spawn(move || downward.carry_down(&behind, client));
        door
    }

    /// Carries one direction until it ends, or until the connections of its time are stalled.
    fn carry_stream(&self, mut from: TcpStream, mut to: TcpStream, until: usize) {
        let mut buffer = vec![0; 65536];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            if self.stalls.load(Ordering::SeqCst) != until {
                // Nobody is to hear of an end.
                std::mem::forget((from, to));
                return;
            }
            if read == 0 || to.write_all(&buffer[..read]).is_err() {
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    fn server_port(&self) -> u16 {
        let port = fs::read_to_string(&self.port_file).unwrap();
        port.trim().parse().unwrap()
    }

    fn carry_down(&self, door: &Arc<UdpSocket>, client: SocketAddr) {
        let mut buffer = vec![0; 65536];
        while !self.stopped.load(Ordering::SeqCst) {
            let Ok(length) = door.recv(&mut buffer) else {
                continue;
            };
            let mut doors = self.doors.lock().unwrap();
            doors.largest[1] = doors.largest[1].max(length);
            let known = doors.open.get(&client).cloned();
            drop(doors);
            // A mapping that the NAT forgot leads nowhere.
            if !known.is_some_and(|known| Arc::ptr_eq(&known, door)) {
                return;
            }
            if self.drops(&buffer[..length]) {
                continue;
            }
            // A client that has closed a port does not want the packet.
            let _ = self.front.send_to(&buffer[..length], client);
            self.count();
        }
    }

    fn drops(&self, packet: &[u8]) -> bool {
        let large = packet.len() > NARROW && self.narrow.load(Ordering::SeqCst);
        large || self.dark.load(Ordering::SeqCst)
    }

    fn count(&self) {
        self.doors.lock().unwrap().passed += 1;
        self.changed.notify_all();
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    matches!(
        error.kind(),
        ConnectionRefused | Interrupted | TimedOut | WouldBlock
    )
}

/// How often an idle relay looks whether it is to end.
const GLANCE: Duration = Duration::from_millis(50);

/// What is left of 1280 bytes in two tunnels.
const NARROW: usize = 1168;
