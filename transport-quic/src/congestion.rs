//! The congestion control of `tssh_core` in quinn's words.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics};
use quinn_proto::RttEstimator;
use tssh_core::congestion::Congestion;

/// Makes a controller for each connection.
#[derive(Debug)]
pub(crate) struct Measured;

impl ControllerFactory for Measured {
    fn build(self: Arc<Self>, now: Instant, packet: u16) -> Box<dyn Controller> {
        let congestion = Congestion::new(packet, now).with_most_gaps(MOST_GAPS);
        Box::new(Measuring(congestion))
    }
}

#[derive(Clone, Debug)]
struct Measuring(Congestion);

impl Controller for Measuring {
    fn on_sent(&mut self, now: Instant, bytes: u64, _: u64) {
        self.0.handle_sent(bytes, now);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, _: bool, _: &RttEstimator) {
        self.0.handle_acked(sent, bytes, now);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, _: Option<u64>) {
        self.0.handle_acks_end(in_flight, app_limited, now);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost: u64) {
        if persistent {
            self.0.handle_blackout(now);
        } else if lost == 0 {
            // quinn tells of marks so.
            self.0.handle_marked(sent, now);
        } else {
            self.0.handle_lost(sent, lost, now);
        }
    }

    fn on_mtu_update(&mut self, packet: u16) {
        self.0.handle_packet_size(packet);
    }

    fn window(&self) -> u64 {
        self.0.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.0.window();
        metrics.pacing_rate = self.0.pacing_rate().map(|rate| rate * 8);
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.0.first_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// quinn ends a connection whose stream has more than 1024 gaps in what was received. A quarter of them is for what is in
/// flight; the others are for packets that are lost again, for those that are late, and for a path that gets worse.
const MOST_GAPS: u32 = 250;
