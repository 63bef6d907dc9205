//! What is sent again without the transport: early data, what waits for room, and copies.

use super::{PacketPipe, lock};
use crate::proxy::held::Held;
use crate::proxy::table::Route;
use crate::transport::EcnCodepoint;

impl PacketPipe {
    /// Sends the held packets along `route`: early data behind an authentication packet. Returns
    /// how many there are. What finds no room waits for [`PacketPipe::send_owed`].
    pub fn send_held(&self, route: &Route) -> usize {
        let mut held = lock(&self.shared.held);
        self.send_all(&mut held, route);
        held.iter().count()
    }

    /// Sends what [`PacketPipe::send_held`] left behind, as far as there is room by now.
    pub fn send_owed(&self) {
        let mut held = lock(&self.shared.held);
        let table = self.shared.table.load();
        if let [route] = &table.send[..] {
            held.send_owed(|packet| self.send_admitted(route, packet, None));
        }
    }

    /// Sends a packet again along the routes that may have lost it.
    pub(in crate::proxy) fn send_copy(&self, packet: &[u8], ecn: Option<EcnCodepoint>) {
        for route in self.shared.table.load().lossy() {
            self.send_admitted(route, packet, ecn);
        }
    }

    /// Sends packets of `segment_size` bytes each, which left before, once more along the routes that may have lost them. Where
    /// there is no room they are not.
    pub fn repeat(&self, contents: &[u8], segment_size: usize, ecn: Option<EcnCodepoint>) {
        let segments = (contents.len() > segment_size).then_some(segment_size);
        for route in self.shared.table.load().lossy() {
            if self.shared.gate.may_send(route, contents.len()) {
                self.send_along(route, contents, segments, ecn);
            }
        }
    }

    pub(super) fn send_all(&self, held: &mut Held, route: &Route) {
        held.send(|packet| self.send_admitted(route, packet, None));
    }

    /// Sends a packet where the gate lets it pass. Reports whether it did.
    fn send_admitted(&self, route: &Route, packet: &[u8], ecn: Option<EcnCodepoint>) -> bool {
        let admitted = self.shared.gate.may_send(route, packet.len());
        if admitted {
            self.send_along(route, packet, None, ecn);
        }
        admitted
    }
}
