//! The congestion control of `tssh_core` in quinn's words.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics};
use quinn_proto::RttEstimator;
use tssh_core::congestion::Congestion;

use crate::doubles::Doubles;

/// Makes a controller for each connection.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Hears which loss is to be made good twice.
    pub(crate) doubles: Arc<Doubles>,
}

impl ControllerFactory for Measured {
    fn build(self: Arc<Self>, now: Instant, packet: u16) -> Box<dyn Controller> {
        let congestion = Congestion::new(packet, now).with_most_gaps(MOST_GAPS);
        Box::new(Measuring {
            congestion,
            doubles: self.doubles.clone(),
        })
    }
}

#[derive(Clone, Debug)]
struct Measuring {
    congestion: Congestion,
    doubles: Arc<Doubles>,
}

impl Controller for Measuring {
    fn on_sent(&mut self, now: Instant, bytes: u64, _: u64) {
        self.congestion.handle_sent(bytes, now);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, _: bool, _: &RttEstimator) {
        self.congestion.handle_acked(sent, bytes, now);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, _: Option<u64>) {
        self.congestion.handle_acks_end(in_flight, app_limited, now);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost: u64) {
        if persistent {
            self.congestion.handle_blackout(now);
            self.doubles.clear();
        } else if lost == 0 {
            // quinn tells of marks so.
            self.congestion.handle_marked(sent, now);
        } else {
            self.congestion.handle_lost(sent, lost, now);
            match self.congestion.loss_that_stalls() >= DOUBLED_FROM {
                true => self.doubles.handle_lost(lost),
                false => self.doubles.clear(),
            }
        }
    }

    fn on_mtu_update(&mut self, packet: u16) {
        self.congestion.handle_packet_size(packet);
    }

    fn window(&self) -> u64 {
        self.congestion.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.congestion.window();
        metrics.pacing_rate = self.congestion.pacing_rate().map(|rate| rate * 8);
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.congestion.first_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// quinn ends a connection whose stream has more than 1024 gaps in what was received. A third of them is for what is in
/// flight; the others are for packets that are lost again, for those that are late, and for a path that gets worse.
const MOST_GAPS: u32 = 350;

/// From this share of packets on that stall the others, what is lost is sent again twice. It costs as large a share of packets
/// more; below, hardly a packet is lost twice in a row.
const DOUBLED_FROM: f64 = 0.04;
