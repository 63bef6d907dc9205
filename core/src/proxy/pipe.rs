//! The packet pipe: what a transport sends and receives through, whatever the path under it.

mod again;

use std::fmt::Debug;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use arc_swap::ArcSwap;

use super::activity::Activity;
use super::copies::Copies;
use super::gate::{Gate, Open};
use super::held::Held;
use super::table::{LinkId, MAX_ROUTES, Route, Source, Table};
use super::wake::{NextLook, Waiter};
use crate::clock::{self, PathClock};
use crate::transport::{EcnCodepoint, Link, RecvMeta, Transmit};

/// The packets of one connection. Clones share it.
///
/// The transport sees one constant peer address; only the table underneath changes.
#[derive(Clone, Debug)]
pub struct PacketPipe {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: PathClock,
    mtu: u16,
    table: ArcSwap<Table>,
    gate: Box<dyn Gate>,
    activity: Activity,
    copies: Copies,
    held: Mutex<Held>,
    receiver: Waiter,
    next_look: NextLook,
    sender: Waiter,
}

impl PacketPipe {
    /// The address under which every transport sees its peer.
    pub const PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));

    /// A pipe without a path, for packets of at most `mtu` bytes.
    pub fn new(mtu: u16, gate: Box<dyn Gate>) -> Self {
        let shared = Shared {
            clock: PathClock::new(),
            mtu,
            table: ArcSwap::from_pointee(Table::default()),
            gate,
            activity: Activity::new(clock::now()),
            copies: Copies::new(),
            held: Mutex::default(),
            receiver: Waiter::default(),
            next_look: NextLook::default(),
            sender: Waiter::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A pipe over one link to one peer, for ever: without authentication and roaming.
    pub fn fixed(link: Arc<dyn Link>, peer: SocketAddr, mtu: u16) -> Self {
        let pipe = Self::new(mtu, Box::new(Open));
        let route = Route {
            id: LinkId(0),
            link: link.clone(),
            peer,
        };
        pipe.publish(Table {
            links: vec![(LinkId(0), link)],
            believed: vec![route.source()],
            send: vec![route],
            dark: false,
        });
        pipe
    }

    // --- what the transport uses ---

    /// The clock that every timer of the transport runs on.
    pub fn clock(&self) -> &PathClock {
        &self.shared.clock
    }

    /// The largest packet in bytes.
    pub fn mtu(&self) -> u16 {
        self.shared.mtu
    }

    /// Sends one packet, or several of `segment_size` each. A packet that finds no path is lost. A
    /// small one may be sent again a little later: see [`PacketPipe::copies`].
    ///
    /// # Errors
    ///
    /// `WouldBlock` only: wait with [`PacketPipe::poll_writable`].
    pub fn try_send(
        &self,
        contents: &[u8],
        segment_size: Option<usize>,
        ecn: Option<EcnCodepoint>,
    ) -> io::Result<()> {
        self.send(contents, segment_size, ecn, false)?;
        if self.shared.copies.is_active() {
            let lossy = self.shared.table.load().lossy().count();
            let segment = segment_size.unwrap_or(contents.len());
            self.shared
                .copies
                .handle_sent(contents, segment, ecn, lossy);
        }
        Ok(())
    }

    /// The same for what must not come twice: a peer might not know it for a double. It goes along one
    /// route, and in the dark it is lost unless one is being tried.
    ///
    /// # Errors
    ///
    /// As [`PacketPipe::try_send`].
    pub fn try_send_once(
        &self,
        contents: &[u8],
        segment_size: Option<usize>,
        ecn: Option<EcnCodepoint>,
    ) -> io::Result<()> {
        self.send(contents, segment_size, ecn, true)
    }

    fn send(
        &self,
        contents: &[u8],
        segment_size: Option<usize>,
        ecn: Option<EcnCodepoint>,
        once: bool,
    ) -> io::Result<()> {
        let table = self.shared.table.load();
        let segment = segment_size.unwrap_or(contents.len());
        if table.dark && !once {
            let mut held = lock(&self.shared.held);
            // The path may have come back since the look at the table.
            if self.shared.table.load().dark {
                if !held.push(contents, segment, clock::now()) {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                // Behind a claim that was made already, this is early data.
                for route in &table.send {
                    self.send_along(route, contents, segment_size, ecn);
                }
                return Ok(());
            }
            drop(held);
            return self.send(contents, segment_size, ecn, once);
        }
        let routes = table.send.iter().take(if once { 1 } else { MAX_ROUTES });
        let mut blocked = false;
        for route in routes.clone() {
            if !self.shared.gate.may_send(route, contents.len()) {
                blocked = true;
                continue;
            }
            blocked |= self.send_along(route, contents, segment_size, ecn);
        }
        // A batch that one of two routes took is on its way.
        if blocked && routes.len() == 1 && !table.dark {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if !once {
            let answered = self.shared.activity.answered_until();
            lock(&self.shared.held).record(contents, segment, clock::now(), answered);
        }
        Ok(())
    }

    /// Ready when [`PacketPipe::try_send`] may succeed. One task at a time is woken.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.sender.store(cx.waker());
        let table = self.shared.table.load();
        if table.dark {
            return match lock(&self.shared.held).has_room() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            };
        }
        let [route] = &table.send[..] else {
            return Poll::Ready(());
        };
        if !self.shared.gate.may_send(route, 0) {
            return Poll::Pending;
        }
        // An error of the link shows again, and is handled, when something is sent.
        route.link.poll_writable(cx).map(|_| ())
    }

    /// Receives batches into `bufs`; a buffer whose `meta.len` is 0 holds nothing. One task at a
    /// time is woken.
    pub fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<usize> {
        self.shared.receiver.store(cx.waker());
        let table = self.shared.table.load_full();
        for (id, link) in &table.links {
            let mut errors = 0;
            loop {
                let filled = match link.poll_recv(cx, bufs, meta) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(filled)) => filled,
                    Poll::Ready(Err(error)) => {
                        self.shared.gate.handle_link_error(*id, &error);
                        errors += 1;
                        // An ICMP message is one error, and the socket is heard again behind it.
                        if errors < MAX_RECV_ERRORS {
                            continue;
                        }
                        self.shared.next_look.arrange(cx);
                        break;
                    }
                };
                let mut kept = false;
                for (buf, meta) in bufs.iter_mut().zip(meta.iter_mut()).take(filled) {
                    kept |= self.sift(*id, buf, meta);
                }
                if kept {
                    return Poll::Ready(filled);
                }
            }
        }
        Poll::Pending
    }

    /// How many packets one batch to [`PacketPipe::try_send`] may hold.
    pub fn max_send_segments(&self) -> usize {
        let table = self.shared.table.load();
        table
            .send
            .iter()
            .map(|route| route.link.max_send_segments())
            .min()
            .unwrap_or(1)
    }

    /// How many packets one received batch may hold, on any link.
    pub fn max_recv_segments(&self) -> usize {
        MAX_RECV_SEGMENTS
    }

    /// Notes that a packet of the peer opened under keys that only the peer has: one of those that
    /// [`PacketPipe::poll_recv`] gave last. A transport that opens packets later than that tells which
    /// one it was: see [`PacketPipe::opened_packet`].
    pub fn opened(&self) {
        self.shared.activity.handle_opened(None, clock::now());
        self.shared.gate.handle_opened(self);
    }

    /// The same for a packet that was received at any time before: it ends like `packet`, of which the
    /// last eight bytes are looked at. They are to be a part of what authenticates it: by them a packet
    /// is known from others that came on another link meanwhile.
    pub fn opened_packet(&self, packet: &[u8]) {
        self.shared
            .activity
            .handle_opened(Some(packet), clock::now());
        self.shared.gate.handle_opened(self);
    }

    /// Where the transport reports loss: small packets are then sent more than once.
    pub fn copies(&self) -> &Copies {
        &self.shared.copies
    }

    // --- what the proxy uses ---

    /// The peer's signs of life.
    pub fn activity(&self) -> &Activity {
        &self.shared.activity
    }

    /// The decision in force.
    pub fn table(&self) -> Arc<Table> {
        self.shared.table.load_full()
    }

    /// Puts another decision in force and wakes who waits for it. What was held in the dark goes
    /// along the routes that end it.
    pub fn publish(&self, table: Table) {
        let mut held = lock(&self.shared.held);
        let before = self.shared.table.load();
        let was_dark = before.dark;
        let path = |table: &Table| table.send.first().map(Route::source);
        if path(&table).is_some() && path(&table) != path(&before) {
            self.shared.copies.handle_new_path();
        }
        drop(before);
        if was_dark && !table.dark {
            for route in &table.send {
                self.send_all(&mut held, route);
            }
            held.clear();
        }
        self.shared.table.store(Arc::new(table));
        drop(held);
        self.wake();
    }

    /// Wakes whoever waits to send or to receive.
    pub fn wake(&self) {
        self.shared.receiver.wake();
        self.shared.sender.wake();
    }

    /// Sends one packet along `route`, outside the transport. Reports whether the link was full.
    pub fn send_along(
        &self,
        route: &Route,
        contents: &[u8],
        segment_size: Option<usize>,
        ecn: Option<EcnCodepoint>,
    ) -> bool {
        let transmit = Transmit {
            destination: route.peer,
            ecn,
            contents,
            segment_size,
            src_ip: None,
        };
        match route.link.try_send(&transmit) {
            Ok(()) => false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => {
                self.shared.gate.handle_link_error(route.id, &error);
                false
            }
        }
    }

    /// Leaves in `buf` only the packets for the transport; `false` when none is left.
    fn sift(&self, link: LinkId, buf: &mut [u8], meta: &mut RecvMeta) -> bool {
        let source = Source {
            link,
            addr: meta.addr,
        };
        let stride = meta.stride.max(1);
        let mut read = 0;
        let mut kept = 0;
        while read < meta.len {
            let end = (read + stride).min(meta.len);
            if self.passes(source, &buf[read..end]) {
                // The packets of a batch have one length, but for the last, which may be shorter:
                // moving them to the front keeps the strides.
                self.shared.activity.handle_passed(link, &buf[read..end]);
                if kept != read {
                    buf.copy_within(read..end, kept);
                }
                kept += end - read;
            }
            read = end;
        }
        meta.len = kept;
        meta.stride = stride.min(kept.max(1));
        meta.addr = Self::PEER;
        meta.dst_ip = None;
        kept > 0
    }

    fn passes(&self, source: Source, packet: &[u8]) -> bool {
        // Loaded for every packet: the one before may have changed the decision.
        if self.shared.table.load().believes(source) {
            !self.shared.gate.intercept(self, source, packet)
        } else {
            self.shared.gate.admit(self, source, packet)
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Errors that one look at a link may find; one that shows more is broken, and is left alone for a
/// little while.
const MAX_RECV_ERRORS: u32 = 8;

/// Linux joins at most 64 datagrams in one receive (`UDP_GRO_CNT_MAX`).
const MAX_RECV_SEGMENTS: usize = 64;
